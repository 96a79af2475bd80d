"""What an instance owes to Valkey: by notifications, retries, pings without Valkey, and comparing all versions."""

from collections.abc import Iterator
from typing import Any

from rig.model.language import Kind, Rules, action, put
from rig.model.specs.change.effects import is_ahead, owe, run_script
from rig.model.specs.change.rules import COMPARES, PROVES, WATCHDOG, WRITES
from rig.model.specs.change.state import Debt, Retry, Script, State, having
from rig.model.specs.lanes import INSTANCE, MITRA, POSTGRES, VALKEY

# --- debts ---------------------------------------------------------------------------------------------------------------


@action("instance", "mitra", code=WATCHDOG + "Watchdog._heard", lanes=(POSTGRES, INSTANCE))
def notification_is_looked_up(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """Half a second after a notification the instance finds that Valkey has not got that version, and owes it."""
    one = state.instances[i]
    if one.heard[m]:
        state = having(state, i, heard=put(one.heard, m, 0))
        if rules.keeps("who hears of a version that Valkey has not got owes it"):
            state = owe(rules, state, i, m, Debt.ROW)
        yield state


@action("instance", "mitra", code=WRITES + "retry_dirty", point="debt reads", lanes=(POSTGRES, INSTANCE))
def retry_reads_the_row(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """The retry of a debt reads the mitra's row anew."""
    one = state.instances[i]
    if one.warm and one.linked and one.debts[m] and not one.retry:
        yield having(state, i, retry=Retry(m, state.rows[m], one.debts[m], False))


@action("instance", code=WRITES + "retry_dirty", point="debt applies", lanes=(INSTANCE, VALKEY))
def retry_is_applied(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The retry's apply script carries the row to Valkey, and the debt is cleared unless it moved."""
    one, retry = state.instances[i], state.instances[i].retry
    if not retry:
        return
    if not (one.warm and one.linked):
        yield "cold", having(state, i, retry=())
        return
    script = Script(retry.mitra, retry.row, retry.debt is Debt.HEARTBEAT, state.run, one.history)
    state, outcome = run_script(rules, state, script)
    state = having(state, i, retry=())
    if outcome == "cold":
        yield outcome, having(state, i, warm=False)
        return
    unpaid = outcome == "fenced off" and retry.debt is Debt.HEARTBEAT
    if not retry.moved and rules.holds("a heartbeat that was fenced off stays owed", not unpaid):
        state = having(state, i, debts=put(one.debts, retry.mitra, Debt.NONE))
    yield outcome, state


@action(
    "instance",
    "mitra",
    kind=Kind.CLIENT,
    code="server/mirror/heartbeat.py:Heartbeat.in_postgres",
    lanes=(MITRA, INSTANCE),
)
def ping_is_answered_from_postgres(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """An instance without Valkey answers a ping from Postgres, and owes the heartbeat; its block holds off the sweeps."""
    one, row = state.instances[i], state.rows[m]
    if one.alive and not one.warm and state.pings and row.online and row.active:
        told = state._replace(pings=state.pings - 1, promised=put(state.promised, m, True))
        yield owe(rules, told, i, m, Debt.HEARTBEAT)


@action("instance", "mitra", kind=Kind.FAULT, lanes=(MITRA, INSTANCE))
def ping_has_no_reply_from_valkey(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """One ping's script has no reply: it is answered from Postgres, and the instance is not cold."""
    one, row = state.instances[i], state.rows[m]
    if state.faults and one.warm and state.pings and row.online and row.active:
        told = state._replace(pings=state.pings - 1, faults=state.faults - 1)
        yield owe(rules, told._replace(promised=put(state.promised, m, True)), i, m, Debt.HEARTBEAT)


# --- notifications -------------------------------------------------------------------------------------------------------


@action("instance", code="server/mirror/coordinator.py:InstanceCoordinator._use_link", lanes=(INSTANCE, POSTGRES))
def connection_is_made_anew(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The connection for notifications does not prove that it is alive: a new one listens."""
    one = state.instances[i]
    if one.alive and not one.hears and rules.keeps(PROVES):
        yield having(state, i, hears=True, compares=rules.keeps(COMPARES))


@action("instance", code=WATCHDOG + "Watchdog._look", lanes=(POSTGRES, INSTANCE))
def versions_are_compared(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """All versions are compared once, Valkey's read first: what Valkey lacks is owed."""
    one = state.instances[i]
    if not (one.compares and one.warm and one.linked):
        return
    ahead = is_ahead(rules, state)
    state = having(state, i, compares=False, warm=not ahead)
    for m, row in enumerate(state.rows):
        if state.kept[m].version < row.version:
            state = owe(rules, state, i, m, Debt.ROW)
    yield "ahead of its row" if ahead else "", state
