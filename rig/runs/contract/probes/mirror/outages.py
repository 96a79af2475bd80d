"""Several outages of Valkey one after the other, of different kinds and lengths, and what each recovery leaves."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rig.contract import HEARTBEAT, ONLINE, RESEED_S, SNAPSHOT
from rig.environment.testbed import Testbed
from rig.observe.valkey.mirror_keys import parse_heartbeat
from rig.record.observations import losses
from rig.record.observations.parts import fields_of
from rig.record.observations.races import Answered
from rig.runs.contract.probes.mirror.comparison import MARGIN_S, differences, sleep_until
from rig.runs.contract.probes.mirror.hangs import hung, seeds_since, start_anew
from rig.runs.contract.probes.people import operator, some_customer, some_mitra, told
from rig.runs.contract.probing import probe
from rig.traffic import Customer, Mitra
from rig.waiting import poll_until

REFUSED, KILLED, HUNG = "refused", "killed", "hung"
# How Valkey is away, and for how many seconds: short and long ones in turn, more than three, and some above 20 s.
OUTAGES = ((REFUSED, 1.5), (KILLED, 3.0), (HUNG, 4.0), (REFUSED, 25.0), (KILLED, 1.5), (REFUSED, 45.0), (HUNG, 8.0))
PING_EVERY_S = 1.0
SPARE_S = 2.0  # that is waited beyond the contract's bound, so that a late seed is seen as late
COUNT = 77  # of mitras, in a snapshot that is written by hand


@dataclass
class People:
    """Who acts in each outage. `chat`: the one that `busy` has now."""

    moving: Mitra
    steady: Mitra
    busy: Mitra
    barred: Mitra
    customer: Customer
    chat: str = ""
    away: bool = False  # whether `moving` is offline, and `barred` deactivated
    served: list[Answered] = field(default_factory=list)

    def act(self, testbed: Testbed) -> None:
        """A toggle, a (de)activation, the end of a chat and an accept, each at another instance than in the last outage."""
        self.away = not self.away
        names = tuple(testbed.servers)
        here = testbed.server(names[self.away % len(names)])
        moving, busy, customer = self.moving.via(here), self.busy.via(here), self.customer.via(here)
        answers = [
            moving.offline() if self.away else moving.online(),
            operator(testbed, here.name).set_active(self.barred.id or "", not self.away),
            operator(testbed, here.name).dashboard(),
            customer.beacon(),
        ]
        if self.chat:
            answers.append(customer.end(self.chat))
        answers.append(created := customer.create())
        self.chat = str(fields_of(created.reply).get("id") or "")
        if self.chat:
            answers += [customer.pay(self.chat), busy.accept(self.chat)]
        self.served += told(answers)

    def ping(self, testbed: Testbed) -> None:
        self.served += told([self.steady.via(server).ping() for server in testbed.servers.values()])


@probe("long outages", "outages")
def long_outages(testbed: Testbed) -> losses.LongOutages:
    """Until all are over, or a recovery did not come."""
    testbed.empty_stores()
    moving, steady, busy, barred = (some_mitra(testbed, name) for name in ("moving", "steady", "busy", "barred"))
    people = People(moving, steady, busy, barred, some_customer(testbed, "asks"))
    found: list[losses.OneOutage] = []
    for how, away_s in OUTAGES:
        found.append(one_outage(testbed, people, how, away_s))
        if not found[-1].seeds or found[-1].differ or not found[-1].running:
            start_anew(testbed)
            break
    return losses.LongOutages(outages=found)


def one_outage(testbed: Testbed, people: People, how: str, away_s: float) -> losses.OneOutage:
    """Everybody acts while Valkey is away; then the recovery is looked at."""
    people.served = []
    began = time.time()
    with away(testbed, how):
        people.act(testbed)
        while time.time() < began + away_s:
            people.ping(testbed)
            sleep_until(min(began + away_s, time.time() + PING_EVERY_S))
        away_s = round(time.time() - began, 3)
    back = time.time()

    seeds = poll_until(lambda: seeds_since(testbed, back), RESEED_S + SPARE_S)
    differ = differences(testbed, within_s=max(MARGIN_S, back + RESEED_S + MARGIN_S - time.time()))
    unserved = [f"{name}: {what}" for name in testbed.servers for what in not_from_valkey(testbed, people, name)]
    return losses.OneOutage(
        how=how, away_s=away_s, served=people.served, seeds=sorted(round(at - back, 3) for at in seeds), differ=differ, readers=unserved,
        running=all(server.running for server in testbed.servers.values()),
    )  # fmt: skip


@contextmanager
def away(testbed: Testbed, how: str) -> Iterator[None]:
    """Valkey cannot be used while the block runs. A Valkey that is not ours to kill is refused in place of that."""
    valkey = testbed.stack.valkey
    if how == HUNG:
        with hung(testbed):
            yield
    elif how == KILLED and valkey.managed:
        valkey.kill()
        try:
            yield
        finally:
            valkey.start()
    else:
        proxies = [server.proxy for server in testbed.servers.values()]
        for name in proxies:
            testbed.stack.toxiproxy.set_enabled(name, False)
        try:
            yield
        finally:
            for name in proxies:
                testbed.stack.toxiproxy.set_enabled(name, True)


def not_from_valkey(testbed: Testbed, people: People, name: str) -> list[str]:
    """Which of the readers of this instance do not use Valkey, as their answers show; each gets RESEED_S for it."""
    server, control = testbed.server(name), operator(testbed, name)
    asker, steady = people.customer.via(server), people.steady.via(server)
    run = testbed.mirror.run

    def beacon() -> bool:
        run("SET", SNAPSHOT, f'{{"available": true, "count": {COUNT}}}', "EX", 10)
        return fields_of(asker.beacon().reply).get("count") == COUNT

    def dashboard() -> bool:
        unknown = str(uuid.uuid4())
        run("SADD", ONLINE, unknown)
        try:
            return bool(fields_of(control.dashboard().reply).get("online_mitras") == run("SCARD", ONLINE))
        finally:
            run("SREM", ONLINE, unknown)

    def ping() -> bool:
        began = time.time()
        steady.ping()
        return (parse_heartbeat(run("GET", f"{HEARTBEAT}{steady.id}")) or 0.0) >= began - MARGIN_S

    readers: dict[str, Callable[[], bool]] = {"the beacon": beacon, "the dashboard": dashboard, "a ping": ping}
    found = [what for what, uses_valkey in readers.items() if not poll_until(uses_valkey, RESEED_S, every_s=0.1)]
    run("DEL", SNAPSHOT)
    return found
