"""Why the mirror needs a store that is no cluster: all that it sends, sent to a cluster of one node once more."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import redis
from mirror_support import Bench, benched, mirror_stack

from rig.paths import CHECKOUT
from rig.stack import SpecError, StackSpec, Supervisor
from rig.stack.embedded.profiled_valkey import ProfiledValkey
from rig.stack.embedded.profiles import PROFILES
from server.mirror import client as mirror_client
from server.mirror import scripts

__all__ = ["mirror_stack"]  # the fixture of these tests

NAMES = {
    text: f"script {name.lower()}"
    for name, text in vars(scripts).items()
    if name.isupper() and name[0] != "_" and "redis.call" in str(text)
}
ROW = re.compile(r"^\| `(?P<name>[^`]+)` \| (?P<outcome>works|refused) \|$", re.M)
Sent = dict[str, tuple[Any, ...]]


@pytest.fixture(scope="module")
def cluster(supervisor: Supervisor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProfiledValkey]:
    logs = tmp_path_factory.mktemp("cluster")
    store = ProfiledValkey(supervisor, "cluster", logs, profile=PROFILES["memorystore-cluster"])
    store.create()
    yield store
    store.close()


def test_it_is_refused_in_one_line_that_names_the_page(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"keys are in different slots \(docs/memorystore.md lists them\)"):
        StackSpec(logs=tmp_path, valkey_profile="memorystore-cluster")


def test_the_page_lists_what_breaks_in_a_cluster(mirror_stack, cluster: ProfiledValkey, capsys) -> None:
    """One of each command and script that the mirror sends while all of its parts work."""
    sent: Sent = {}

    @benched
    async def all_parts(bench: Bench) -> None:
        await use_all_parts(bench, sent)

    all_parts(mirror_stack, capsys)
    lua = {name for name in sent if name.startswith("script ")}
    assert lua == set(NAMES.values()), f"not sent: {set(NAMES.values()) - lua}"
    page = (CHECKOUT / "docs" / "memorystore.md").read_text()
    told = {row["name"]: row["outcome"] for row in ROW.finditer(page)}
    assert told == found_in(cluster, sent)


async def use_all_parts(bench: Bench, sent: Sent) -> None:
    evaluate, pipeline, one = mirror_client.Valkey.evaluate, mirror_client.Valkey._pipeline, mirror_client.command_of

    async def evaluated(self, script, script_keys, *arguments):
        sent.setdefault(NAMES[script], ("EVAL", script, len(script_keys), *script_keys, *arguments))
        return await evaluate(self, script, script_keys, *arguments)

    async def sent_together(self, commands):
        for words in commands:
            sent.setdefault(named(words), tuple(words))
        return await pipeline(self, commands)

    def sent_alone(client, *words):
        sent.setdefault(named(words), words)
        return one(client, *words)

    with (
        patch.object(mirror_client.Valkey, "evaluate", evaluated),
        patch.object(mirror_client.Valkey, "_pipeline", sent_together),
        patch.object(mirror_client, "command_of", sent_alone),
    ):
        here, away = await bench.mitra(online=True), await bench.mitra()
        mirror = await bench.mirror()
        assert await mirror.ping(here)
        async with mirror.changing("a toggle", away) as connection:
            await connection.execute("UPDATE mitra_online_status SET is_online = true WHERE mitra_id = $1", away)
        for small in (10_000, -1):  # the snapshot in one step, and page by page
            await bench.valkey.delete("availability:snapshot")
            with patch("server.mirror.reads.SMALL_FLEET", small):
                await mirror.beacon()
        assert await mirror.is_reachable(here)
        await mirror.find_available()
        await mirror.online_count()
        await mirror._sweeps.mirror_heartbeats()
        await bench.beat(here, age_s=91)
        mirror._watchdog.recovered_at -= 10_000
        await mirror._sweeps.auto_offline()
        async with bench.db.acquire() as connection:
            await mirror._writes.compare_all(connection)
        await mirror.app_config.set("stale_after_seconds", 60)


def named(words) -> str:
    """The command with the number of its keys, where that is what matters."""
    return f"{words[0]} of two keys" if words[0] in ("DEL", "SDIFF") else words[0]


def found_in(cluster: ProfiledValkey, sent: Sent) -> dict[str, str]:
    """By command: whether a cluster refuses it. The epoch is valid, so that no script ends before it uses its keys."""
    found = {}
    with redis.Redis.from_url(cluster.url, protocol=2) as client:
        for name, words in sorted(sent.items()):
            client.set("mirror:epoch", str(words[3 + words[2]]) if words[0] == "EVAL" else "")
            try:
                client.execute_command(*words)
                error = ""
            except redis.RedisError as refusal:
                error = str(refusal)
            found[name] = "refused" if "hash to the same slot" in error else "works"
    return found
