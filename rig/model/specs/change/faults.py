"""What breaks, what heals, and time."""

from collections.abc import Iterator
from typing import Any

from rig.model.language import Kind, Rules, action, put
from rig.model.specs.change.effects import answered, committed, debt_of, owe, run_script, script_of
from rig.model.specs.change.rules import COMPARES
from rig.model.specs.change.state import Beat, Debt, Instance, Kept, Row, Script, Stage, State, having
from rig.model.specs.lanes import INSTANCE, MITRA, POSTGRES, VALKEY


@action("instance", kind=Kind.FAULT, lanes=(VALKEY, INSTANCE))
def reply_of_apply_is_lost(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The reply of an apply script is lost: it is owed, and Valkey may run the script later."""
    one = state.instances[i]
    if not state.faults or not (one.warm and one.linked):
        return
    state = state._replace(faults=state.faults - 1)
    if one.change and one.change.stage is Stage.COMMITTED:
        sent = state._replace(late_scripts=state.late_scripts | {script_of(state, i, one.change)})
        sent = answered(having(sent, i, change=()), one.change)
        yield "of the change", owe(rules, sent, i, one.change.mitra, debt_of(one.change))
    if retry := one.retry:
        script = Script(retry.mitra, retry.row, retry.debt is Debt.HEARTBEAT, state.run, one.history)
        yield "of the retry", having(state._replace(late_scripts=state.late_scripts | {script}), i, retry=())


@action(kind=Kind.TIME, lanes=(VALKEY,))
def late_script_lands(rules: Rules, state: State) -> Iterator[Any]:
    """Valkey runs an apply script whose reply was lost."""
    for script in state.late_scripts:
        left = state._replace(late_scripts=state.late_scripts - {script})
        if script.run == state.run:
            left, outcome = run_script(rules, left, script)
            yield f"{outcome}, version {script.row.version} of mitra {script.mitra}", left


@action("instance", kind=Kind.FAULT, lanes=(POSTGRES, INSTANCE))
def reply_of_commit_is_lost(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """COMMIT has no answer in time: the client is told 503, the row is owed, and the COMMIT may still come."""
    one = state.instances[i]
    if state.faults and one.change and one.change.stage is Stage.DRAWN:
        late = state.late_commits | {one.change}
        sent = having(state._replace(faults=state.faults - 1, late_commits=late), i, change=())
        yield owe(rules, sent, i, one.change.mitra, Debt.ROW)


@action(kind=Kind.HEAL, lanes=(POSTGRES,))
def late_commit_ends(rules: Rules, state: State) -> Iterator[Any]:
    """A COMMIT of unknown outcome comes, or its transaction is rolled back."""
    for late in state.late_commits:
        left = state._replace(late_commits=state.late_commits - {late})
        yield f"committed, version {late.row.version}", committed(rules, left, late)
        yield f"rolled back, version {late.row.version}", left


@action("instance", kind=Kind.FAULT, lanes=(POSTGRES, INSTANCE))
def transaction_is_lost(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The connection of an open transaction ends before COMMIT: it is rolled back."""
    change = state.instances[i].change
    if state.faults and change and change.stage is not Stage.COMMITTED:
        yield having(state._replace(faults=state.faults - 1), i, change=())


@action("instance", kind=Kind.FAULT, lanes=(INSTANCE,))
def instance_is_killed(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The process is killed, and with it what it owed; its blocks outlive it, as the sweep's specification says."""
    one = state.instances[i]
    if not state.faults or not one.alive:
        return
    nothing = (Debt.NONE,) * len(state.rows)
    promised = tuple(was and debt is not Debt.HEARTBEAT for was, debt in zip(state.promised, one.debts, strict=True))
    dead = Instance(False, True, False, 0, False, False, (), (), nothing, (0,) * len(nothing))
    left = state._replace(faults=state.faults - 1, promised=promised, instances=put(state.instances, i, dead))
    yield left
    if one.change and one.change.stage is Stage.DRAWN:
        yield "its COMMIT under way", left._replace(late_commits=left.late_commits | {one.change})


@action("instance", kind=Kind.HEAL, lanes=(INSTANCE,))
def instance_starts(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """A killed instance starts again."""
    if not state.instances[i].alive:
        yield having(state, i, alive=True, hears=True)


@action("instance", kind=Kind.FAULT, lanes=(POSTGRES, INSTANCE))
def notifications_fall_silent(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The connection for notifications is dropped without a word."""
    if state.faults and state.instances[i].hears:
        yield having(state._replace(faults=state.faults - 1), i, hears=False)


@action("instance", kind=Kind.FAULT, lanes=(INSTANCE, VALKEY))
def instance_is_cut_off(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """An instance is cut off from Valkey."""
    one = state.instances[i]
    if state.faults and one.alive and one.linked:
        yield having(state._replace(faults=state.faults - 1), i, linked=False)


@action("instance", kind=Kind.HEAL, lanes=(INSTANCE, VALKEY))
def instance_reaches_valkey(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """An instance that was cut off reaches Valkey again; the lost connection has made it cold."""
    if not state.instances[i].linked:
        yield having(state, i, linked=True, warm=False)


@action(kind=Kind.FAULT, lanes=(VALKEY,))
def valkey_loses_data(rules: Rules, state: State) -> Iterator[Any]:
    """Valkey is emptied, or replaced by a replica that lags behind."""
    if not state.faults:
        return
    state = state._replace(faults=state.faults - 1)
    empty = (Kept(False, True, 0, Beat.NONE),) * len(state.rows)
    yield "emptied", state._replace(kept=empty, epoch=(), owner=-1)
    for i in range(len(state.instances)):
        state = having(state, i, warm=False)
    old = (Kept(True, True, 1, Beat.STALE),) * len(state.rows)
    yield "failover to a lagging replica", state._replace(run=state.run + 1, kept=old, epoch=(0, 0), owner=0)


@action(kind=Kind.FAULT, lanes=(POSTGRES,))
def postgres_goes_back(rules: Rules, state: State) -> Iterator[Any]:
    """Postgres is away for seconds and comes back as an older copy; or the sequence is set back by hand.

    What was under way before has ended by then, so a script of the old history that is still on its way is left out.
    """
    if not state.faults or state.drawn == 1:
        return
    state = state._replace(faults=state.faults - 1)
    yield "the sequence by hand", state._replace(drawn=1)
    for i, one in enumerate(state.instances):
        if one.change and one.change.stage is Stage.COMMITTED:
            state = owe(rules, state, i, one.change.mitra, Debt.ROW)
        compares = one.alive and rules.keeps(COMPARES)
        state = having(state, i, hears=one.alive, compares=compares, change=(), retry=(), heard=(0,) * len(state.rows))
    old = (Row(True, True, 1, False),) * len(state.rows)
    nothing: dict[str, Any] = {
        "late_commits": frozenset(),
        "late_scripts": frozenset(),
        "promised": (False,) * len(old),
    }
    state = state._replace(rows=old, drawn=1, **nothing)
    yield "under its old identity", state
    yield "under a new identity", state._replace(history=state.history + 1)


@action("mitra", kind=Kind.TIME, lanes=(MITRA,))
def heartbeat_grows_old(rules: Rules, state: State, m: int) -> Iterator[Any]:
    """W passes without a ping of this mitra: nothing is promised to her any longer."""
    answers = any(one.change and one.change.mitra == m for one in state.instances)  # a change takes seconds, not W
    if state.ages and not answers and (state.kept[m].beat is Beat.FRESH or state.rows[m].pinged):
        known = state.kept[m]
        beat = Beat.STALE if known.beat else Beat.NONE
        yield state._replace(
            ages=state.ages - 1, promised=put(state.promised, m, False),
            kept=put(state.kept, m, known._replace(beat=beat)),
            rows=put(state.rows, m, state.rows[m]._replace(pinged=False)),
        )  # fmt: skip
