"""The recompute of the answer: by one script, or under a lease."""

from collections.abc import Iterator

from rig.model.language import Kind, Lane, Rules, action
from rig.model.specs.lanes import TO_VALKEY
from rig.model.specs.snapshot.effects import deleted, without_lease
from rig.model.specs.snapshot.rules import AGAIN, EPOCH, KEPT, MOVED, ONE_LEASE, OWN_LEASE, RESPECTED
from rig.model.specs.snapshot.state import FOREIGN, GONE, NOBODY, NOTHING, At, Flight, Late, State, on

_RECOMPUTE = "server/mirror/reads.py:Reads._recompute"
_BEACON = "server/mirror/reads.py:Reads.beacon"


def runs(rules: Rules, state: State, setting: int, given_up: bool) -> State:
    """The script that computes the answer, where it finds none."""
    there = state.answer != NOTHING
    if not rules.holds(KEPT, not there):
        return state
    if not rules.holds(RESPECTED, state.lease == NOBODY):
        return state
    state = state._replace(answer=setting if state.epoch else FOREIGN, late=given_up)
    return state._replace(recomputes=state.recomputes + 1)


def fills(state: State, setting: int) -> State:
    return without_lease(state._replace(answer=setting if state.epoch else FOREIGN, late=False))


@action("instance", kind=Kind.CLIENT, code=_RECOMPUTE, lanes=(Lane.CUSTOMER, Lane.INSTANCE))
def recompute_begins(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """A poll finds no answer; its instance notes the settings in force."""
    if state.up[instance] and state.polls and state.answer == NOTHING and state.flight[instance].at == At.IDLE:
        yield on(state, instance, flight=Flight(At.BEGUN, state.known[instance]))._replace(polls=state.polls - 1)


@action("instance", code=_RECOMPUTE, lanes=TO_VALKEY)
def one_script_computes(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """One script computes the answer of a small fleet, or finds it there."""
    flight = state.flight[instance]
    if flight.at != At.BEGUN or not rules.holds(EPOCH, state.epoch):
        return
    reached = runs(rules, state, flight.setting, given_up=False)
    if reached.answer != NOTHING:  # else it was told to wait
        yield on(reached, instance, flight=Flight(At.ANSWERED, overtaken=flight.overtaken))


@action("instance", code=_RECOMPUTE, lanes=TO_VALKEY)
def lease_is_taken(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """One script gives the lease for a large fleet, unless somebody has it."""
    flight = state.flight[instance]
    if flight.at != At.BEGUN or state.answer != NOTHING or not rules.holds(EPOCH, state.epoch):
        return
    if rules.holds(ONE_LEASE, state.lease == NOBODY):
        state = without_lease(state)._replace(lease=instance, recomputes=state.recomputes + 1)
        # The pages are read with the setting in force from now on.
        yield on(state, instance, flight=Flight(At.LEASED, state.known[instance], flight.overtaken))


@action("instance", code=_RECOMPUTE, lanes=TO_VALKEY)
def lease_holder_fills(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The pages are read; one script writes the answer, if the lease is still this instance's own."""
    flight = state.flight[instance]
    if flight.at != At.LEASED or not rules.holds(EPOCH, state.epoch):
        return
    if rules.holds(OWN_LEASE, state.lease == instance):
        state = fills(state, flight.setting)
    yield on(state, instance, flight=Flight(At.ANSWERED, overtaken=flight.overtaken))


@action("instance", code=_RECOMPUTE)
def recompute_compares(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The instance compares the settings with those that it noted."""
    flight = state.flight[instance]
    if flight.at == At.ANSWERED:
        moved = flight.overtaken and rules.keeps(MOVED)
        yield on(state, instance, flight=Flight(At.MOVED) if moved else Flight())


@action("instance", code=_RECOMPUTE, lanes=TO_VALKEY)
def recompute_deletes(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """Settings changed meanwhile: what was written is deleted."""
    if state.flight[instance].at == At.MOVED:
        yield on(deleted(rules, state), instance, flight=Flight())


@action("instance", kind=Kind.FAULT, code=_RECOMPUTE, lanes=TO_VALKEY)
def deletion_of_the_recompute_fails(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """Valkey does not take the deletion of a recompute."""
    if state.faults and state.flight[instance].at == At.MOVED:
        state = state._replace(faults=state.faults - 1)
        yield on(state, instance, flight=Flight(), owes_deletion=rules.keeps(AGAIN))


@action("instance", code=_BEACON, lanes=TO_VALKEY)
def recompute_is_refused(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The epoch is not valid: the recompute is given up, Postgres answers."""
    if not state.epoch and state.flight[instance].at in (At.BEGUN, At.LEASED):
        yield on(state, instance, flight=Flight())


@action("instance", kind=Kind.FAULT, code=_BEACON, lanes=TO_VALKEY)
def script_is_not_answered(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The script of a recompute gets no answer in time and may run later."""
    flight = state.flight[instance]
    if not state.faults or flight.at not in (At.BEGUN, At.LEASED):
        return
    leased = flight.at == At.LEASED
    own = leased and state.lease == instance
    late = Late(fills=leased, setting=flight.setting, own=own)
    state = state._replace(faults=state.faults - 1, scripts=state.scripts | {late}, lease=GONE if own else state.lease)
    yield on(state, instance, flight=Flight())


@action(code=_RECOMPUTE, lanes=(Lane.VALKEY,))
def late_script_runs(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    """A script runs whose client has given up."""
    for late in state.scripts:
        reached = state._replace(scripts=state.scripts - {late})
        if not rules.holds(EPOCH, state.epoch):
            pass
        elif not late.fills:
            reached = runs(rules, reached, late.setting, given_up=True)
        elif rules.holds(OWN_LEASE, late.own):
            reached = fills(reached, late.setting)
        yield f"{'fill' if late.fills else 'one script'} with setting {late.setting}", reached


@action(lanes=(Lane.VALKEY,))
def late_script_never_runs(rules: Rules, state: State) -> Iterator[State]:
    """A script whose client has given up is lost with its connection."""
    for late in state.scripts:
        yield state._replace(scripts=state.scripts - {late})
