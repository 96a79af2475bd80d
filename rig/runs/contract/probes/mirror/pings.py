"""Many pings at the same moment, of mitras in different states, over a slow connection to Valkey."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rig.contract import HEARTBEAT, WRITE_THROUGH_S
from rig.environment.testbed import Testbed
from rig.record.observations import numbers
from rig.record.observations.parts import fields_of
from rig.runs.contract.probes.mirror.comparison import MARGIN_S, differences
from rig.runs.contract.probes.people import operator, some_mitra, together
from rig.runs.contract.probing import probe
from rig.traffic import Mitra
from rig.waiting import poll_until

EACH = 6  # mitras of each state
STATES = ("deactivated", "online", "offline")
ROUNDS = 3  # per instance; each begins with a mitra of another state
SLOW_MS = 40  # a command is under way so long: what arrives meanwhile may be sent as one batch
TOXIC = "far"


@probe("pings in one batch", "races")
def pings_in_one_batch(testbed: Testbed) -> numbers.BatchedPings:
    """All ping at once, at each instance in turn; then each heartbeat is looked at."""
    testbed.empty_stores()
    people = [(state, some_mitra(testbed, f"{state} {number}")) for number in range(EACH) for state in STATES]
    control = operator(testbed)
    prepared = [
        control.set_active(mitra.id or "", False).status if state == "deactivated" else mitra.offline().status
        for state, mitra in people
        if state != "online"
    ]
    differences(testbed)  # until all of it is in Valkey
    pings: list[numbers.BatchedPing] = []
    with far(testbed):
        for name in testbed.servers:
            for number in range(ROUNDS):
                pings += one_round(testbed, name, [*people[number:], *people[:number]])
    return numbers.BatchedPings(prepared=prepared, pings=pings, rounds=ROUNDS * len(testbed.servers))


def one_round(testbed: Testbed, name: str, people: Sequence[tuple[str, Mitra]]) -> list[numbers.BatchedPing]:
    """One ping of each at this instance, all at the same moment."""
    before = heartbeats(testbed, people)
    answers = together([mitra.via(testbed.server(name)).ping for _, mitra in people])

    def pinged() -> list[bool]:
        return [text != old for text, old in zip(heartbeats(testbed, people), before, strict=True)]

    def all_online(moved: Sequence[bool]) -> bool:
        return all(it_did for it_did, (state, _) in zip(moved, people, strict=True) if state == "online")

    moved = poll_until(pinged, WRITE_THROUGH_S + MARGIN_S, until=all_online)
    return [
        numbers.BatchedPing(
            state, name, answer.status, answer.code or answer.error, fields_of(answer.reply).get("is_online"), it_did
        )
        for (state, _), answer, it_did in zip(people, answers, moved, strict=True)
    ]


def heartbeats(testbed: Testbed, people: Sequence[tuple[str, Mitra]]) -> list[str | None]:
    """The heartbeat of each as Valkey has it."""
    found: list[str | None] = testbed.mirror.run("MGET", *(f"{HEARTBEAT}{mitra.id}" for _, mitra in people))
    return found


@contextmanager
def far(testbed: Testbed) -> Iterator[None]:
    """Each command of each instance is under way for SLOW_MS; nothing changes where no proxy stands before Valkey."""
    proxies = [server.proxy for server in testbed.servers.values() if server.proxy]
    toxiproxy = testbed.stack.toxiproxy
    for name in proxies:
        toxiproxy.add_toxic(name, TOXIC, "latency", "upstream", {"latency": SLOW_MS})
    try:
        yield
    finally:
        for name in proxies:
            toxiproxy.remove_toxic(name, TOXIC)
