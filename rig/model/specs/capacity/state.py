"""The rows that are committed and the transactions under way, where they begin, and the bounds."""

from enum import IntEnum
from typing import NamedTuple

from rig.model.language import Rules, put

SEARCHING, ENDED = 98, 99  # who holds a chat: nobody yet, nobody any more
DEFAULT, LOWERED = 2, 1  # the maximum without a row of its own, and the one that the operator sets
NO_ROW = 0


class What(IntEnum):
    """What a transaction is for."""

    NOTHING = 0
    ACCEPT = 1
    REROUTE = 2
    END = 3
    __hash__ = int.__hash__


class At(IntEnum):
    """How far a transaction is: which of its steps is done."""

    ASKED = 0
    ONE_MITRA = 1  # of two
    MITRAS = 2
    CHAT = 3
    STILL = 4  # no setting can change
    COUNTED = 5
    READ = 6
    __hash__ = int.__hash__


class Work(NamedTuple):
    """A transaction that is under way."""

    what: What = What.NOTHING
    at: At = At.ASKED
    chat: int = 0
    source: int = SEARCHING  # who held the chat when it was asked
    target: int = ENDED  # who is to hold it
    load: int = 0  # as counted
    maximum: int = 0  # as read


NONE = Work()


class State(NamedTuple):
    """The rows that are committed, and the transactions under way."""

    holder: tuple[int, ...]  # per chat
    row: int  # the setting's row
    change: int  # what the operator's transaction is to write; -1: there is none
    changing: bool  # it has its lock and has written
    work: tuple[Work, ...]  # per instance
    orphan: Work  # a transaction whose client is gone before its COMMIT was answered
    requests: int
    changes: int
    faults: int


def initial(rules: Rules) -> State:
    """The first `held` chats are taken, by one mitra each; the others are searching."""
    bounds = rules.bounds
    held, chats = bounds["held"], bounds["chats"]
    return State(
        holder=(*range(held), *(SEARCHING,) * (chats - held)),
        row=NO_ROW,
        change=-1,
        changing=False,
        work=(NONE,) * bounds["instances"],
        orphan=NONE,
        requests=bounds["requests"],
        changes=bounds["changes"],
        faults=bounds["faults"],
    )


def in_force(row: int) -> int:
    return row or DEFAULT


def load(state: State, mitra: int) -> int:
    return state.holder.count(mitra)


def on(state: State, instance: int, work: Work) -> State:
    return state._replace(work=put(state.work, instance, work))


def relabel(state: State, instances: tuple[int, ...], mitras: tuple[int, ...]) -> State:
    """Instances only: mitras are locked in the order of their ids, so they are not alike."""
    return state._replace(work=tuple(state.work[old] for old in instances))


BOUNDS = {"instances": 2, "mitras": 2, "chats": 2, "held": 0, "requests": 3, "changes": 1, "faults": 1}
SMALL = BOUNDS | {"mitras": 1, "requests": 2, "faults": 0}
TWO = SMALL | {"mitras": 2, "chats": 1, "changes": 0}
