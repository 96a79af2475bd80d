"""Valkey hangs for every instance while all connections stay open: pings meanwhile, and the seed that ends it."""

import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from rig.contract import ONLINE, RESEED_S, SEED_LINE
from rig.environment.testbed import Testbed
from rig.record.observations import losses
from rig.runs.contract.probes.people import operator, row_locked, some_mitra
from rig.runs.contract.probing import probe
from rig.stores import Lacks
from rig.traffic import Mitra
from rig.traffic.actors.exchange import Exchange
from rig.waiting import poll_until

DELAY_MS = 600_000  # no command arrives before the end of the hang
TOXIC = "hang"
BEGUN_S = 1.2  # by then every command has failed for more than a second: this is an outage
LOCKED_S = 1.5
MIRRORED_S = 1.05  # a deactivation counts for each ping that begins later than a second after its answer
HUNG_S = 2.9
PAUSE_S = 0.2
SPARE_S = 1.0  # that is waited beyond the contract's bound, so that a late seed is seen as late


@contextmanager
def hung(testbed: Testbed) -> Iterator[None]:
    """No command of any instance reaches Valkey while the block runs. No connection is closed, and what was sent arrives later."""
    proxies = [server.proxy for server in testbed.servers.values() if server.proxy]
    if len(proxies) < len(testbed.servers):
        raise Lacks("a hang of Valkey: no proxy stands before it")
    toxiproxy = testbed.stack.toxiproxy
    try:
        for name in proxies:
            toxiproxy.add_toxic(name, TOXIC, "latency", "upstream", {"latency": DELAY_MS})
        yield
    finally:
        for name in proxies:
            toxiproxy.remove_toxic(name, TOXIC)


@probe("hung Valkey", "environment")
def hung_valkey(testbed: Testbed) -> losses.HungValkey:
    """Deactivations before and during the hang, pings over a locked row, and a planted id that only a seed removes."""
    testbed.empty_stores()
    early, late, steady, locked = (some_mitra(testbed, name) for name in ("early", "late", "steady", "locked"))
    last = tuple(testbed.servers)[-1]
    first_off = operator(testbed, last).set_active(early.id or "", False)
    time.sleep(MIRRORED_S)
    early_pings = everywhere(testbed, early, first_off.ended)
    with ThreadPoolExecutor(4) as pool:
        with hung(testbed):
            began = time.time()
            steadily = pool.submit(steady_pings, testbed, steady, began)
            waiting = pool.submit(over_a_locked_row, testbed, locked, began)
            second_off = operator(testbed).set_active(late.id or "", False)
            time.sleep(MIRRORED_S)
            late_pings = everywhere(testbed, late, second_off.ended)
            testbed.mirror.run("SADD", ONLINE, planted := str(uuid.uuid4()))
            found = steadily.result(), waiting.result()
            hung_s = round(time.time() - began, 3)
        back = time.time()
        seeded = poll_until(lambda: seeds_since(testbed, back), RESEED_S + SPARE_S)
    after = [
        *everywhere(testbed, early, first_off.ended),
        *everywhere(testbed, late, second_off.ended),
    ]
    planted_there = planted in testbed.mirror.online()
    if not seeded:
        start_anew(testbed)
    return losses.HungValkey(
        deactivated=[first_off.status, second_off.status], early=early_pings, late=late_pings, after=after,
        steady=found[0], locked=found[1], locked_s=LOCKED_S, hung_s=hung_s,
        seed_s=round(min(seeded) - back, 3) if seeded else None, planted=planted_there,
    )  # fmt: skip


def start_anew(testbed: Testbed) -> None:
    """All instances start again on empty stores: what follows is not about a recovery that did not come."""
    testbed.dirty("an outage of Valkey did not end")
    testbed.ready(testbed.environment, tuple(testbed.servers))


def seeds_since(testbed: Testbed, since: float) -> list[float]:
    """Epoch seconds of the seed lines of all instances from `since` on."""
    return [at for name in testbed.servers for at, _ in testbed.log(name).lines(since=since, containing=SEED_LINE)]


def steady_pings(testbed: Testbed, mitra: Mitra, began: float) -> list[losses.TimedPing]:
    """Pings in turn at all instances until HUNG_S after `began`."""
    found: list[losses.TimedPing] = []
    while time.time() < began + HUNG_S:
        found += everywhere(testbed, mitra, began)
        time.sleep(PAUSE_S)
    return found


def over_a_locked_row(testbed: Testbed, mitra: Mitra, began: float) -> list[losses.TimedPing]:
    """One ping at each instance while the rig has locked the mitra's row for LOCKED_S."""
    time.sleep(max(0.0, began + BEGUN_S - time.time()))
    with ThreadPoolExecutor(len(testbed.servers)) as pool:
        with row_locked(testbed, "mitras", mitra.id or ""):
            pending = [pool.submit(mitra.via(server).ping) for server in testbed.servers.values()]
            time.sleep(LOCKED_S)
        return timed([one.result() for one in pending], began)


def everywhere(testbed: Testbed, mitra: Mitra, since: float) -> list[losses.TimedPing]:
    """One ping at each instance."""
    return timed([mitra.via(server).ping() for server in testbed.servers.values()], since)


def timed(exchanges: Sequence[Exchange], since: float) -> list[losses.TimedPing]:
    return [
        losses.TimedPing(round(one.started - since, 3), round(one.seconds, 3), one.status, one.code or one.error)
        for one in exchanges
    ]
