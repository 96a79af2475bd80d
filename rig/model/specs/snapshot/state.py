"""The state: the setting in Postgres, answer and lease in Valkey, and what each instance knows and does."""

from enum import IntEnum
from typing import Any, NamedTuple

from rig.model.language import Rules, put

NOBODY, GONE = -1, 99  # who holds the lease: nobody, or somebody who will not come back for it
NOTHING, FOREIGN = -1, 2  # no answer in Valkey; one that was computed from a mirror that is not ours


class At(IntEnum):
    """Where a recompute stands."""

    IDLE = 0
    BEGUN = 1  # it has noted the settings
    LEASED = 2  # it reads page by page
    ANSWERED = 3  # a script has answered
    MOVED = 4  # it has seen that the settings changed meanwhile
    __hash__ = int.__hash__  # an enum's own is slow


class Flight(NamedTuple):
    """A recompute: the setting that it computes with, and whether the setting changed here since."""

    at: At = At.IDLE
    setting: int = 0
    overtaken: bool = False


class Now(IntEnum):
    """Where a reading of the settings, or a change of one, stands."""

    IDLE = 0
    READ = 1  # read or committed, not yet in force here
    TAKEN = 2  # in force here; the answer is not yet deleted
    __hash__ = int.__hash__


class Reading(NamedTuple):
    """A reading or a change of the setting, with its value."""

    now: Now = Now.IDLE
    setting: int = 0


class Late(NamedTuple):
    """A script whose client has given up, and which may still run."""

    fills: bool  # else it computes by itself
    setting: int
    own: bool = False  # the lease is still that of this fill


class State(NamedTuple):
    """Postgres' setting, Valkey's answer and lease, and per instance what it knows and does."""

    setting: int
    answer: int  # the setting that it was computed with
    late: bool  # ghost: the answer was written by a script that was given up
    lease: int
    epoch: bool
    recomputes: int  # ghost: begun since the last deletion or expiry
    scripts: frozenset[Late]
    up: tuple[bool, ...]
    known: tuple[int, ...]  # the setting that is in force here
    subscribed: tuple[bool, ...]
    listening: tuple[bool, ...]
    postgres: tuple[bool, ...]  # the instance's statements are answered
    published: tuple[bool, ...]  # a message of Valkey's waits to be heard
    owes: tuple[bool, ...]  # a reading
    owes_deletion: tuple[bool, ...]
    change: tuple[Reading, ...]
    hearing: tuple[Reading, ...]  # the subscriber's, or the watchdog's of what is owed
    looking: tuple[Reading, ...]  # anybody else's: an operator's question, a sweep, a fallback
    flight: tuple[Flight, ...]
    toggles: int
    polls: int
    looks: int
    faults: int


def initial(rules: Rules) -> State:
    bounds = rules.bounds
    count = bounds["instances"]
    yes, no, idle = (True,) * count, (False,) * count, (Reading(),) * count
    return State(
        setting=0,
        answer=NOTHING,
        late=False,
        lease=NOBODY,
        epoch=True,
        recomputes=0,
        scripts=frozenset(),
        up=yes,
        known=(0,) * count,
        subscribed=yes,
        listening=yes,
        postgres=yes,
        published=no,
        owes=no,
        owes_deletion=no,
        change=idle,
        hearing=idle,
        looking=idle,
        flight=(Flight(),) * count,
        toggles=bounds["toggles"],
        polls=bounds["polls"],
        looks=bounds["looks"],
        faults=bounds["faults"],
    )


def on(state: State, instance: int, **changes: Any) -> State:
    """The state with other values in the place of an instance."""
    changed: dict[str, Any] = {name: put(getattr(state, name), instance, value) for name, value in changes.items()}
    return state._replace(**changed)


PER_INSTANCE = (
    "up", "known", "subscribed", "listening", "postgres", "published", "owes", "owes_deletion",
    "change", "hearing", "looking", "flight",
)  # fmt: skip


def relabel(state: State, instances: tuple[int, ...], mitras: tuple[int, ...]) -> State:
    lease = state.lease if state.lease in (NOBODY, GONE) else instances.index(state.lease)
    moved: dict[str, Any] = {name: tuple(getattr(state, name)[old] for old in instances) for name in PER_INSTANCE}
    return state._replace(lease=lease, **moved)
