"""What a setting that comes into force, and a deletion, leave behind."""

from operator import or_
from typing import Any

from rig.model.language import Rules
from rig.model.specs.snapshot.rules import LEASE_TOO
from rig.model.specs.snapshot.state import NOBODY, NOTHING, At, State, on


def takes(state: State, instance: int, setting: int, **changes: Any) -> State:
    """The setting comes into force; a recompute under way notices at its end that it changed."""
    flight = state.flight[instance]
    if state.known[instance] != setting and flight.at != At.IDLE:
        flight = flight._replace(overtaken=True)
    return on(state, instance, known=setting, flight=flight, **changes)


def any_of(one: tuple[bool, ...], other: tuple[bool, ...]) -> tuple[bool, ...]:
    return tuple(map(or_, one, other))


def without_lease(state: State) -> State:
    return state._replace(lease=NOBODY, scripts=frozenset(one._replace(own=False) for one in state.scripts))


def deleted(rules: Rules, state: State) -> State:
    state = state._replace(answer=NOTHING, late=False, recomputes=0)
    return without_lease(state) if rules.keeps(LEASE_TOO) else state
