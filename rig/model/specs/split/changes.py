"""Pings and changes."""

from collections.abc import Iterator
from typing import Any

from rig.model.language import Kind, Rules, action, put
from rig.model.specs.lanes import INSTANCE, MITRA, OPERATOR, POSTGRES, VALKEY
from rig.model.specs.split.state import NOBODY, State, having, is_locked, keeping


def told(rules: Rules, state: State, m: int, writer: int) -> State:
    """The state after a COMMIT has told its change."""
    everybody = rules.keeps("every change is told to every instance")
    for i, one in enumerate(state.instances):
        if one.alive and (everybody or i == writer):
            state = having(state, i, debts=put(one.debts, m, True))
    return state


@action(
    "instance",
    "mitra",
    kind=Kind.CLIENT,
    code="server/mirror/heartbeat.py:Heartbeat.ping",
    point="ping",
    lanes=(MITRA, INSTANCE, VALKEY),
)
def ping_is_answered(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """A ping is answered "online" from the instance's own Valkey; at a mark it waits until the row is free."""
    one = state.instances[i]
    known = state.stores[one.store][m]
    if not (one.alive and one.warm and known.online and known.active) or (known.mark and is_locked(state, m)):
        return
    if known.mark and not state.rows[m].online:
        return  # the row says that she is offline
    if known.beat or known.mark or state.promised[m]:
        yield keeping(state, one.store, m, beat=0, mark=0)._replace(promised=put(state.promised, m, 0))


@action(
    "instance",
    "mitra",
    kind=Kind.CLIENT,
    code="server/mirror/writes.py:Writes.changing",
    point="change locks",
    lanes=(OPERATOR, INSTANCE, POSTGRES),
)
def deactivation_commits(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """A mitra is deactivated; the COMMIT tells every instance."""
    row = state.rows[m]
    if state.deactivations and row.active and state.instances[i].alive and not is_locked(state, m):
        rows = put(state.rows, m, row._replace(active=False, version=row.version + 1))
        yield told(rules, state._replace(rows=rows, deactivations=state.deactivations - 1), m, i)


@action(
    "instance",
    "mitra",
    code="server/mirror/writes.py:Writes.apply",
    point="change applies",
    lanes=(POSTGRES, INSTANCE, VALKEY),
)
def change_is_applied(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """The instance carries the row to its own Valkey, which deletes an older mark."""
    one, row = state.instances[i], state.rows[m]
    if not (one.warm and one.debts[m]):
        return
    known = state.stores[one.store][m]
    state = having(state, i, debts=put(one.debts, m, False))
    if row.version >= known.version:
        beat = known.beat if row.online and known.beat != NOBODY else 0 if row.online else NOBODY
        state = keeping(
            state, one.store, m, **row._asdict(), beat=beat, mark=0 if known.mark < row.version else known.mark
        )
    yield state
