"""A seed over a slow connection, while others read `mitras:online` and change what is being seeded."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle

from rig.contract import ONLINE, SEED_LINE
from rig.environment.sign_in import sign_in
from rig.environment.testbed import Testbed
from rig.observe import Mirror, ServerLog
from rig.record.observations import losses
from rig.record.observations.races import Answered
from rig.runs.contract.probes.instances import instance, usual_start_s, watch_start
from rig.runs.contract.probes.mirror.comparison import crowd_in_both, differences
from rig.runs.contract.probes.people import operator
from rig.runs.contract.probing import probe
from rig.stack.sut.managed import ServerInstance
from rig.stores import Lacks
from rig.traffic import Mitra

FLEET, CHANGERS, THREADS = 300, 10, 3  # so many changers per thread
# How slowly the commands of the seeding instance arrive: no more than a server may wait for a reply, and long enough for others
# to act between its read of Postgres and its write, and between two commands that it sends in one piece.
SLOW_MS, RATE_KIB_S = 60, 400
CHANGE_EVERY_S, READ_EVERY_S = 0.005, 0.003
START_S = 25.0
MIRRORED_S = 1.0
REFUSED_MAX = 5


@dataclass
class Meanwhile:
    """What happens beside the seed, each in a thread of its own."""

    over: threading.Event = field(default_factory=threading.Event)
    looks: int = 0
    empty: int = 0
    changes: list[float] = field(default_factory=list)  # when each was answered
    refused: list[Answered] = field(default_factory=list)

    def read(self, testbed: Testbed) -> None:
        """Look at the set until it is over."""
        with Mirror(testbed.stack.valkey.url) as mirror:
            while not self.over.is_set():
                self.looks += 1
                self.empty += mirror.run("SCARD", ONLINE) == 0
                time.sleep(READ_EVERY_S)

    def change(self, testbed: Testbed, mitras: list[Mitra]) -> None:
        """Toggle and deactivate these in turn, at all instances of the test bed, until it is over."""
        control = operator(testbed)
        sides = cycle([{mitra.id: mitra.via(server) for mitra in mitras} for server in testbed.servers.values()])
        states: dict[str | None, int] = {mitra.id: number % 4 for number, mitra in enumerate(mitras)}
        for mitra, side in zip(cycle(mitras), sides, strict=False):
            if self.over.is_set():
                return
            state = states[mitra.id] = (states[mitra.id] + 1) % 4
            if state < 2:
                answer = side[mitra.id].offline() if state else side[mitra.id].online()
            else:
                answer = control.set_active(mitra.id or "", state == 3)
            self.changes.append(answer.ended)
            if answer.status != 200 and len(self.refused) < REFUSED_MAX:
                self.refused.append(Answered(answer.status, answer.code or answer.error))
            time.sleep(CHANGE_EVERY_S)


@probe("seed under changes", "races")
def seed_under_changes(testbed: Testbed) -> losses.SeedUnderChanges:
    """An instance starts over a slow connection to Valkey; afterwards Valkey is compared with Postgres."""
    testbed.empty_stores()
    crowd_in_both(testbed, FLEET, "stays")
    rows = testbed.fixtures.mitras(CHANGERS * THREADS, "changes", toggled=False)
    mitras = [sign_in(Mitra, testbed.server(), row) for row in rows]
    meanwhile = Meanwhile()
    threads = [threading.Thread(target=meanwhile.read, args=(testbed,))]
    threads += [
        threading.Thread(target=meanwhile.change, args=(testbed, mitras[number::THREADS])) for number in range(THREADS)
    ]
    with instance(testbed, "late") as server, slow(testbed, server):
        try:
            for thread in threads:
                thread.start()
            watch_start(server, START_S + usual_start_s(testbed))
            seeded = [at for at, _ in ServerLog(server.log).lines(since=server.started, containing=SEED_LINE)]
        finally:
            meanwhile.over.set()
            for thread in threads:
                thread.join()
        if server.ready is None or not seeded:
            return losses.SeedUnderChanges(ready=False)
        return losses.SeedUnderChanges(
            ready=True, online=FLEET, looks=meanwhile.looks, empty=meanwhile.empty,
            changes=sum(at <= seeded[0] for at in meanwhile.changes),
            late=sum(seeded[0] - SLOW_MS / 1000 <= at <= seeded[0] for at in meanwhile.changes),
            refused=meanwhile.refused, slow_s=SLOW_MS / 1000, differ=differences(testbed),
        )  # fmt: skip


@contextmanager
def slow(testbed: Testbed, server: ServerInstance) -> Iterator[None]:
    """What this instance sends to Valkey is under way for SLOW_MS, and arrives at RATE_KIB_S."""
    if not server.proxy:
        raise Lacks("a slow connection to Valkey: no proxy stands before it")
    toxics = {"far": ("latency", {"latency": SLOW_MS}), "narrow": ("bandwidth", {"rate": RATE_KIB_S})}
    toxiproxy = testbed.stack.toxiproxy
    for name, (kind, attributes) in toxics.items():
        toxiproxy.add_toxic(server.proxy, name, kind, "upstream", attributes)
    try:
        yield
    finally:
        for name in toxics:
            toxiproxy.remove_toxic(server.proxy, name)
