"""The steps of a change: from the lock of its row to the apply script."""

from collections.abc import Iterator
from typing import Any

from rig.model.language import Kind, Rules, action
from rig.model.specs.change.effects import answered, changed, committed, debt_of, is_locked, owe, run_script, script_of
from rig.model.specs.change.rules import HIGHER, WRITES
from rig.model.specs.change.state import Change, Stage, State, What, having
from rig.model.specs.lanes import INSTANCE, POSTGRES, VALKEY


@action(
    "instance", "mitra", kind=Kind.CLIENT, code=WRITES + "changing", point="change locks", lanes=(INSTANCE, POSTGRES)
)
def change_locks_the_row(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """A change opens its transaction and locks the mitra's row."""
    one, row = state.instances[i], state.rows[m]
    if not one.alive or one.change or not rules.holds("a change locks the mitra's row first", not is_locked(state, m)):
        return
    if state.toggles and row.active:
        fewer = state._replace(toggles=state.toggles - 1)
        yield "to online", having(fewer, i, change=Change(m, What.ONLINE, Stage.LOCKED, row))
        if row.online:
            yield "to offline", having(fewer, i, change=Change(m, What.OFFLINE, Stage.LOCKED, row))
    if state.deactivations and row.active:
        fewer = state._replace(deactivations=state.deactivations - 1)
        yield "deactivation", having(fewer, i, change=Change(m, What.DEACTIVATION, Stage.LOCKED, row))
    if state.accepts and row.online and row.active:
        fewer = state._replace(accepts=state.accepts - 1)
        yield "acceptance", having(fewer, i, change=Change(m, What.ACCEPTANCE, Stage.LOCKED, row))


@action("instance", code=WRITES + "changing", lanes=(INSTANCE, POSTGRES))
def change_draws_its_version(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The transaction's last statement draws the version and sends the notification."""
    change = state.instances[i].change
    if not change or change.stage is not Stage.LOCKED:
        return
    drawn = state.drawn + 1
    higher = rules.keeps(HIGHER)
    version = max(drawn, state.rows[change.mitra].version + 1) if higher else drawn
    row = changed(state.rows[change.mitra], change.what, version)
    yield having(state, i, change=change._replace(stage=Stage.DRAWN, row=row))._replace(drawn=drawn)


@action("instance", code=WRITES + "changing", point="change commits", lanes=(INSTANCE, POSTGRES))
def change_commits(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """COMMIT: the row is visible, and its notification is delivered."""
    change = state.instances[i].change
    if change and change.stage is Stage.DRAWN:
        yield having(committed(rules, state, change), i, change=change._replace(stage=Stage.COMMITTED))


@action("instance", code=WRITES + "apply", point="change applies", lanes=(INSTANCE, VALKEY))
def change_is_applied(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The apply script carries the committed row to Valkey, then the change is answered."""
    one = state.instances[i]
    if not one.change or one.change.stage is not Stage.COMMITTED:
        return
    outcome = "cold"
    if one.warm and one.linked:
        state, outcome = run_script(rules, state, script_of(state, i, one.change))
    state = answered(having(state, i, change=()), one.change)
    if outcome == "cold":
        state = having(owe(rules, state, i, one.change.mitra, debt_of(one.change)), i, warm=False)
    yield outcome, state
