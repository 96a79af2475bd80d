"""The cases of the pairs: every try in every state that one dimension can have, the others as usual."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rig.runs.contract.repeats import repeats
from rig.runs.contract.sign_ins import ROLES, states_of, tries_of
from rig.runs.contract.states import C1, C2, CHATS, M1, M2, MITRAS, SETTINGS, STACKS, Age, Do, InVain, Move, Wait, Way
from rig.runs.contract.tries import CROSSED, MIRRORED, TRIES, WRONG_TOKENS, signed
from rig.service import accounts, chats, control, offers, presence
from rig.service.state import Mitra, Service
from rig.service.steps import Answer, Step, predict

MODULES = (accounts, chats, control, offers, presence)  # each declares its actions when it is imported
USUAL = "as the chat needs it"
# The chat's state in which a try is of most use, where another dimension is under test.
SUITED = {
    "pay": "searching", "accept": "offered", "decline": "offered", "cancel": "offered", "offers": "offered",
    "extension-pay": "pending extension", "goodbye": "past its end",
    "beacon": "searching", "available": "searching",  # one mitra is available: a count that is off by one shows
}  # fmt: skip
# States with which no other case shares a batch: in the first ones if the try is a payment, in the others always.
LONELY_PAYMENTS, LONELY = ("chat searching", "chat declined by all"), ("paid ", "offered, and full ")
PEOPLE = (M1, M2), (C1, C2)
TOGETHER_MAX = 30  # cases of a batch
TIMED_MAX = 10  # where a chat's time runs out: all must be there before it does
# Every try, by its name.
NAMED_TRIES = {**TRIES, **{name: step for role in ROLES for name, step in tries_of(role).items()}}


@dataclass(frozen=True)
class Case:
    """Tries in one state. `state` names it, `way` leads there; each try is a case of its own in the report."""

    state: str
    way: tuple[Move, ...]
    tries: tuple[str, ...]
    token: str = "fresh"
    instance: str = "a"

    def name(self, tried: str) -> str:
        return f"{tried} × {self.state}"

    @property
    def names(self) -> list[str]:
        return [self.name(tried) for tried in self.tries]

    def step(self, tried: str) -> Step:
        return replace(NAMED_TRIES[tried], token=self.token, instance=self.instance)

    @property
    def lonely(self) -> bool:
        """Whether it matters that nobody of another case is available: an offer to somebody else would keep the chat open."""
        paid = "pay" in self.tries and self.state.startswith(LONELY_PAYMENTS)
        return paid or self.state.startswith(LONELY)

    @property
    def ways(self) -> list[tuple[Move, ...]]:
        """Each beginning of the way, and each move that other cases of the batch share."""
        alone: list[tuple[Move, ...]] = [(move,) for move in self.way if shared(move)]
        return alone + [self.way[: number + 1] for number in range(len(self.way))]

    @property
    def parts(self) -> list[tuple[int, int]]:
        """The stretches of the way, as slices, that lie between what changes the whole stack or lets time pass."""
        found: list[tuple[int, int]] = []
        begin = 0
        for number, move in enumerate(self.way):
            if shared(move):
                if number > begin or not found:
                    found.append((begin, number))
                begin = number + 1
        return [*found, (begin, len(self.way))]

    @property
    def barriers(self) -> tuple[tuple[Move, ...], ...]:
        """What happens after each part but the last. Cases with the same ones are played together."""
        parts = self.parts
        return tuple(self.way[end:begin] for (_, end), (begin, _) in itertools.pairwise(parts))


def shared(move: Move) -> bool:
    """Whether the move changes the whole stack or lets time pass, so that all cases of a batch see it."""
    return isinstance(move, Wait | Do) or (isinstance(move, Step) and move.action == "set-config")


def suited(tried: str) -> Way:
    return CHATS[SUITED.get(tried.partition(" ")[0], "active")]()


def every() -> Iterator[Case]:
    """All cases, one try each."""
    for tried in TRIES:
        for name, chat in CHATS.items():
            yield Case(f"chat {name}", tuple(chat()), (tried,))
        for mitra in MITRAS:
            if mitra != USUAL and tried not in CROSSED:
                yield Case(f"mitra {mitra}", (*suited(tried), *MITRAS[mitra]()), (tried,))
        for setting, way in SETTINGS.items():
            yield Case(setting, (*suited(tried), *way()), (tried,))
        for stack, way in STACKS.items():
            yield Case(stack, (*suited(tried), *way()), (tried,))
        yield Case("other instance", tuple(suited(tried)), (tried,), instance="b")
    yield from crossed()
    for tried in signed():
        for token in WRONG_TOKENS:
            yield Case(f"token {token}", tuple(suited(tried)), (tried,), token=token)
    yield from of_sign_ins()
    for one in repeats():
        for tried in one.tries:
            yield Case(one.state, tuple(one.way), (tried,), token=one.token)


def crossed() -> Iterator[Case]:
    """Tries whose answer depends on two dimensions: chat and mitra, or outage and mitra."""
    for tried in CROSSED:
        for name, chat in CHATS.items():
            for mitra, way in MITRAS.items():
                if mitra != USUAL:
                    yield Case(f"chat {name}, mitra {mitra}", (*chat(), *way()), (tried,))
    for tried in MIRRORED:
        for mitra, way in MITRAS.items():
            if mitra != USUAL:
                yield Case(f"Valkey away, mitra {mitra}", (*suited(tried), *way(), Do("away")), (tried,))


def of_sign_ins() -> Iterator[Case]:
    """Codes, refresh tokens and logouts in every state of a sign-in."""
    for role in ROLES:
        for name, way in states_of(role).items():
            for tried in tries_of(role):
                yield Case(f"{role} {name}", tuple(way), (tried,))


def simulated(way: Sequence[Move], goodbye_s: float = 60.0) -> Service | None:
    """The model at the end of the way, beside a server that does what it must; None where a step of it is refused."""
    service, now = Service(goodbye_s, mitras={name: Mitra(name) for name in PEOPLE[0]}, customers={*PEOPLE[1]}), 0.0
    for move in way:
        now += 0.001
        if isinstance(move, Wait):
            now += move.seconds
        elif isinstance(move, Age):
            service.mitras[move.mitra].heartbeat = now - move.by_s
        elif isinstance(move, Do):
            service.outage = move.event == "away"
        else:
            service.advance(now)
            expected = predict(service, move, now)[0]
            refused = expected.status >= 400 and not expected.change  # a wrong code is refused, and counted
            if refused is not isinstance(move, InVain):
                return None
            if expected.change:
                expected.change(Answer(expected.status, dict(expected.body), now, now))
    return service


def changes(case: Case, tried: str) -> bool:
    """Whether the try changes anything in this state: what comes after it would be in another."""
    service = simulated(case.way)
    return service is None or any(one.change for one in predict(service, case.step(tried), later(case)))


def later(case: Case) -> float:
    """A time at the end of the way, on the clock of `simulated`."""
    return 0.001 * len(case.way) + sum(move.seconds for move in case.way if isinstance(move, Wait))


def grouped(cases: Sequence[Case]) -> list[Case]:
    """As few ways as possible: tries that change nothing share one, and one that does may end it."""
    by_state: dict[tuple[object, ...], list[Case]] = {}
    for case in cases:
        by_state.setdefault((case.state, case.way, case.token, case.instance), []).append(case)
    found: list[Case] = []
    for same in by_state.values():
        tries = [tried for case in same for tried in case.tries]
        still = [tried for tried in tries if not changes(same[0], tried)]
        moving = [tried for tried in tries if tried not in still]
        found.append(replace(same[0], tries=(*still, *moving[:1])))
        found += [replace(same[0], tries=(tried,)) for tried in moving[1:]]
    return found


def batches(cases: Sequence[Case]) -> list[list[Case]]:
    """Cases that wait for the same things are played together. Those that take longest come first."""
    together: dict[tuple[tuple[tuple[Move, ...], ...], int | None], list[Case]] = {}
    for number, case in enumerate(cases):
        together.setdefault((case.barriers, number if case.lonely else None), []).append(case)
    found = []
    for (barriers, _), same in sorted(together.items(), key=lambda one: -len(one[0][0])):
        waits = any(isinstance(move, Wait) for barrier in barriers for move in barrier)
        most = TIMED_MAX if waits else TOGETHER_MAX
        found += [same[at : at + most] for at in range(0, len(same), most)]
    return found
