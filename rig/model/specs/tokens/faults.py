"""What breaks, and transactions that nobody waits for any more."""

from collections.abc import Iterator

from rig.model.language import Kind, Lane, Rules, action
from rig.model.specs.lanes import TO_POSTGRES
from rig.model.specs.tokens.state import NONE, At, State, committed, on


@action("instance", kind=Kind.FAULT, lanes=(Lane.POSTGRES, Lane.INSTANCE))
def transaction_rolls_back(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The transaction's connection is lost, or its process killed: Postgres rolls back."""
    if state.faults and state.work[instance] != NONE:
        yield on(state, instance, NONE)._replace(faults=state.faults - 1)


@action("instance", kind=Kind.FAULT, lanes=TO_POSTGRES)
def commit_is_not_answered(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """COMMIT is sent, its answer does not come: the transaction stays open without a client."""
    work = state.work[instance]
    if state.faults and work.at == At.READY and state.orphan == NONE:
        yield on(state, instance, NONE)._replace(orphan=work, faults=state.faults - 1)


@action(lanes=(Lane.POSTGRES,))
def late_commit_ends(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    """A transaction without a client is over."""
    if state.orphan != NONE:
        over = state._replace(orphan=NONE)
        yield "committed", committed(rules, over, state.orphan)
        yield "rolled back", over
