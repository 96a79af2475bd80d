"""The state of the chat's row and of the instances, where it begins, and its bounds."""

from enum import IntEnum
from typing import Any, NamedTuple

from rig.model.language import Rules, put
from rig.model.specs.timers.rules import NOTIFIED, OWN

STARTS_WITH, EXTENSION, WINDOW = 2, 1, 1  # ticks
UNSET = 9  # no timer, or no chat that needs one


class Status(IntEnum):
    """The chat's row."""

    SEARCHING = 0
    ACTIVE = 1
    PENDING = 2  # an extension waits for its payment
    ENDED = 3
    __hash__ = int.__hash__


OPEN = (Status.ACTIVE, Status.PENDING)


class What(IntEnum):
    """A change of the chat."""

    NOTHING = 0
    START = 1
    EXTEND = 2
    PAY = 3
    END = 4  # by customer or mitra, at any time
    GOODBYE = 5  # by the customer, in the goodbye window
    EXPIRE = 6  # by a timer
    __hash__ = int.__hash__


class At(IntEnum):
    """How far a change is."""

    FIRED = 0  # a timer's, which has not looked at the row
    FOUND = 1  # the row allowed it, unlocked
    HELD = 2  # the row is locked and allows it
    COMMITTED = 3
    REFUSED = 4  # a timer's, which has to ask when to come again
    AGAIN = 5  # a timer's, which knows it
    __hash__ = int.__hash__


class Work(NamedTuple):
    """A change that is under way."""

    what: What = What.NOTHING
    at: At = At.FIRED
    left: int = 0  # ticks, as this change saw them


NONE = Work()


class Ear(IntEnum):
    """The connection for notifications."""

    AWAY = 0
    HEARS = 1
    DEAF = 2  # dropped without a word
    __hash__ = int.__hash__


class Follow(IntEnum):
    """How far an instance is that follows anew."""

    DONE = 0
    BEGINS = 1
    HALF = 2  # one of both is done: it listens, or has read the rows
    ROWS = 3  # it has read the rows and is to set the timer
    __hash__ = int.__hash__


class State(NamedTuple):
    """The chat's row, and per instance its timer and what it does."""

    status: Status
    due: int  # ticks until time and window are up
    endings: int  # ghost: how often it has been ended
    up: tuple[bool, ...]
    ear: tuple[Ear, ...]
    follow: tuple[Follow, ...]
    rows: tuple[int, ...]  # what the rows said to who follows anew
    heard: tuple[tuple[int, ...], ...]  # notifications on their way, in order
    timer: tuple[int, ...]
    ending: tuple[Work, ...]  # of a timer that fired
    work: tuple[Work, ...]  # of a request
    orphan: Work  # a transaction whose client is gone
    requests: int
    faults: int


def initial(rules: Rules) -> State:
    count = rules.bounds["instances"]
    return State(
        status=Status.SEARCHING,
        due=STARTS_WITH,
        endings=0,
        up=(True,) * count,
        ear=(Ear.HEARS,) * count,
        follow=(Follow.DONE,) * count,
        rows=(UNSET,) * count,
        heard=((),) * count,
        timer=(UNSET,) * count,
        ending=(NONE,) * count,
        work=(NONE,) * count,
        orphan=NONE,
        requests=rules.bounds["requests"],
        faults=rules.bounds["faults"],
    )


def on(state: State, instance: int, **changes: Any) -> State:
    """The state with other values in the place of an instance."""
    changed: dict[str, Any] = {name: put(getattr(state, name), instance, value) for name, value in changes.items()}
    return state._replace(**changed)


def left(state: State) -> int:
    """The ticks that a timer would be set to by the row."""
    return state.due if state.status in OPEN else UNSET


def allows(state: State, what: What) -> bool:
    """Whether the row allows this change."""
    status, due = state.status, state.due
    if what == What.START:
        return status == Status.SEARCHING
    if what == What.EXTEND:
        return status == Status.ACTIVE and due > WINDOW
    if what == What.PAY:
        return status == Status.PENDING and due > 0
    if what == What.END:
        return status in OPEN
    if what == What.GOODBYE:
        return status in OPEN and due <= WINDOW
    return status in OPEN and due == 0


def is_locked(state: State) -> bool:
    if state.orphan != NONE:
        return True
    return any(one.at == At.HELD for kind in (state.work, state.ending) for one in kind)


def committed(rules: Rules, state: State, what: What, instance: int) -> State:
    """The row as the change leaves it, and its notification; `instance`: who made it, -1 where nobody lives."""
    if what == What.START:
        state = state._replace(status=Status.ACTIVE, due=STARTS_WITH)
    elif what == What.EXTEND:
        state = state._replace(status=Status.PENDING)
    elif what == What.PAY:
        state = state._replace(status=Status.ACTIVE, due=state.due + EXTENSION)
    else:
        state = state._replace(status=Status.ENDED, endings=state.endings + 1)
    if not rules.keeps(NOTIFIED):
        return state
    heard = list(state.heard)
    for other, ear in enumerate(state.ear):
        if ear == Ear.HEARS and (other != instance or rules.keeps(OWN)):
            heard[other] += (left(state),)
    return state._replace(heard=tuple(heard))


def relabel(state: State, instances: tuple[int, ...], mitras: tuple[int, ...]) -> State:
    names = ("up", "ear", "follow", "rows", "heard", "timer", "ending", "work")
    moved: dict[str, Any] = {name: tuple(getattr(state, name)[old] for old in instances) for name in names}
    orphan = state.orphan
    if orphan != NONE and orphan.left != UNSET:
        orphan = orphan._replace(left=instances.index(orphan.left))
    return state._replace(orphan=orphan, **moved)


BOUNDS = {"instances": 2, "requests": 3, "faults": 1}
ONE = {"instances": 1, "requests": 3, "faults": 1}
