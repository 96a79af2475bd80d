"""Instances on stores that tell the oldest versions which must be served, and on stores that tell older ones."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx

from rig.contract import ONLINE
from rig.environment.testbed import Testbed
from rig.faults.network.told_versions import PostgresRelay, ValkeyRelay, closing
from rig.observe import ServerLog
from rig.record.observations.contract import stores
from rig.runs.contract.probes.instances import instance, patience_s, seeds, watch_start
from rig.runs.contract.probes.people import some_mitra
from rig.runs.contract.probing import probe
from rig.stack.http import get
from rig.stack.stack import at_address
from rig.stack.sut.managed import ServerInstance
from rig.stores import Lacks
from rig.traffic import Mitra
from rig.waiting import poll_until

NAMED_S = 3.0  # for /readyz to name what is wrong
# What each instance is told: the store that differs from the rig's, its product and version. Postgres' is as long as it is
# so that no other number of the answer is taken for it.
OLDEST = {"oldest": ("14.0", "valkey", "7.2.0"), "redis": ("14.0", "redis", "7.0.0")}
OLDER = {"postgres": ("13.23", "", ""), "valkey": ("", "redis", "6.2.0")}


@probe("versions of the stores", "environment")
def versions(testbed: Testbed) -> stores.StoreVersions:
    """Two instances on stores of the oldest versions that must be served, one on an older Postgres, one on an older Redis."""
    if testbed.stack.spec.postgres or testbed.stack.spec.valkey:
        raise Lacks("stores of other versions: the rig puts no relay before stores that were given")
    testbed.empty_stores()
    mitra = some_mitra(testbed, "on old stores", online=False)
    with ExitStack() as ends, ThreadPoolExecutor(4) as pool:
        servers = {
            what: ends.enter_context(instance(testbed, f"on_{what}", environment(testbed, ends, f"on_{what}", *told)))
            for what, told in {**OLDEST, **OLDER}.items()
        }
        starts = dict(
            zip(servers, pool.map(lambda one: watch_start(one, patience_s(testbed)), servers.values()), strict=True)
        )
        served = [served_on(testbed, OLDEST[what], servers[what], starts[what], mitra) for what in OLDEST]
        older = list(pool.map(lambda what: older_store(OLDER[what], servers[what], starts[what]), OLDER))
        return stores.StoreVersions(served=served, older=older)


def environment(
    testbed: Testbed, ends: ExitStack, name: str, postgres: str, product: str, valkey: str
) -> dict[str, str]:
    """The URLs of the stores, through relays that tell these versions; an empty version is the store's own."""
    seat = testbed.stack.server(name).seat
    found = {}
    if postgres:
        relay = ends.enter_context(closing(PostgresRelay(*behind(seat.database_url), postgres)))
        found["DATABASE_URL"] = at_address(seat.database_url, relay.address)
    if valkey:
        relay = ends.enter_context(closing(ValkeyRelay(*behind(seat.valkey_url), product, valkey)))
        found["VALKEY_URL"] = at_address(seat.valkey_url, relay.address)
    return found


def behind(url: str) -> tuple[str, int]:
    """Host and port of a URL of the rig's own stores, which always names both."""
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 0


def served_on(
    testbed: Testbed, told: tuple[str, str, str], server: ServerInstance, start: dict[str, object], mitra: Mitra
) -> stores.ServedOn:
    """What a mitra is answered there who goes online, pings and goes offline, and whether Valkey has followed."""
    postgres, product, valkey = told
    what = f"Postgres {postgres} and {product.capitalize()} {valkey}"
    if server.ready is None:
        return stores.ServedOn(what, False, [], 0, False)
    there = mitra.via(server)
    answers = [there.online().status, there.ping().status]
    mirrored = poll_until(lambda: testbed.mirror.run("SISMEMBER", ONLINE, str(mitra.id)), 1.0)
    answers.append(there.offline().status)
    return stores.ServedOn(what, start["ready_s"] is not None, answers, len(seeds(server)), bool(mirrored))


def older_store(told: tuple[str, str, str], server: ServerInstance, start: dict[str, object]) -> stores.OlderStore:
    """Whether the start was refused; else the lines and the body that may name the version."""
    postgres, product, valkey = told
    product, version = ("Postgres", postgres) if postgres else (product.capitalize(), valkey)
    code = start["code"]
    if not server.running:
        return stores.OlderStore(product, version, code if isinstance(code, int) else None, [], "")
    return stores.OlderStore(product, version, None, lines_of(server), body_that_names(server, version))


def lines_of(server: ServerInstance) -> list[str]:
    return [text for _, text in ServerLog(server.log).lines(since=server.started)]


def body_that_names(server: ServerInstance, text: str) -> str:
    """The body of /readyz, as soon as it holds this text, else the last one."""
    return poll_until(lambda: readiness(server)[1], NAMED_S, every_s=0.1, until=lambda body: text in body)


def readiness(server: ServerInstance) -> tuple[int | None, str]:
    """Status and body of /readyz."""
    try:
        answer = get(server.internal_url + "/readyz", 1.0)
    except httpx.HTTPError:
        return None, ""
    return answer.status_code, answer.text
