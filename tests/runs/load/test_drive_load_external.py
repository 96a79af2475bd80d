"""A load on somebody else's Postgres without a readable log: pg_stat_statements is the ledger, and a leak shows in it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from rig.config import read
from rig.paths import CHECKOUT
from rig.runs.load import run as load
from rig.runs.load.options import options_of
from rig.stack import Supervisor
from rig.stack.embedded.valkey import EmbeddedValkey
from rig.stack.external.scratch_mark import mark
from tests.support.debian_postgres import DebianPostgres, debian  # noqa: F401

GIVEN = {
    "mitras": 60, "ping_every_s": 2.0, "customers": 20, "storm_peak": 60.0, "storm_shape": "square", "togglers": 2, "chats": 1,
    "seconds": 6.0, "warm_up_s": 1.0, "baseline": True, "witness": True, "blocks": 2, "processes": 1, "workers": 0, "expect": 0,
}  # fmt: skip


@pytest.fixture
def lent(debian: DebianPostgres, tmp_path: Path) -> Iterator[dict[str, object]]:  # noqa: F811
    """Settings of an empty database and a Valkey that may be emptied."""
    with psycopg.connect(debian.observer_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    with Supervisor.start() as supervisor:
        valkey = EmbeddedValkey(supervisor, "lender", tmp_path)
        valkey.create()
        mark(debian.observer_url, valkey.url)
        try:
            yield {"postgres": debian.observer_url, "valkey": valkey.url, "scratch": True, "mode": "external"}
        finally:
            valkey.close()


@pytest.mark.parametrize(("sut", "failed"), [(None, set()), ("one-ping-looks-it-up", {"CLAIM-01"})])
def test_counts_without_a_log_judge_the_claims(
    lent: dict[str, object], sut: str | None, failed: set[str], tmp_path: Path
) -> None:
    server = {"sut": f"{sys.executable} -m tests.sabotage {sut}", "sut_cwd": CHECKOUT} if sut else {}
    settings = read(reports=tmp_path, random_seed=7, level="hardened", **lent, **server)
    code = load.run(settings, options_of(settings, **GIVEN), ["rig", "load"])
    results = json.loads((tmp_path / "latest" / "results.json").read_text())
    verdicts = {item["id"]: item["verdict"] for item in results["items"]}
    assert {id for id, verdict in verdicts.items() if verdict == "failed"} == failed, results["message"]
    assert {id for id, verdict in verdicts.items() if verdict == "skipped"} == {"CLAIM-05", "DIFF-01", "DIFF-02"}
    assert {*verdicts.values()} <= {"passed", "skipped", "failed"}
    assert code == (1 if failed else 0)
