"""What a COMMIT, an apply script, a debt and an answer leave behind."""

from rig.model.language import Rules, put
from rig.model.specs.change.rules import AHEAD, SET_BACK, TOLD
from rig.model.specs.change.state import Beat, Change, Debt, Kept, Row, Script, State, What, having


def changed(row: Row, what: What, version: int) -> Row:
    """A row after a change."""
    if what is What.ONLINE:
        return Row(True, row.active, version, True)
    if what is What.OFFLINE:
        return Row(False, row.active, version, False)
    return row._replace(active=row.active and what is not What.DEACTIVATION, version=version)


def is_locked(state: State, m: int) -> bool:
    """Whether a transaction holds the lock of a mitra's row."""
    under_way = any(one.change and one.change.mitra == m and one.change.stage < 2 for one in state.instances)
    return under_way or any(late.mitra == m for late in state.late_commits)


def owe(rules: Rules, state: State, i: int, m: int, debt: Debt) -> State:
    """The state after an instance has taken on a debt; a retry that is under way does not pay it."""
    one = state.instances[i]
    owed = max(debt, one.debts[m])
    retry = one.retry
    counted = rules.keeps("debts are counted, not compared")
    if retry and retry.mitra == m and (counted or owed != one.debts[m]):
        retry = retry._replace(moved=True)
    return having(state, i, debts=put(one.debts, m, owed), retry=retry)


def committed(rules: Rules, state: State, change: Change) -> State:
    """The state after a COMMIT: the row, and what every instance that listens is told."""
    m, version = change.mitra, change.row.version
    row = changed(state.rows[m], change.what, version)
    promised = state.promised if row.online and row.active else put(state.promised, m, False)
    state = state._replace(rows=put(state.rows, m, row), promised=promised)
    if rules.keeps(TOLD):
        for i, one in enumerate(state.instances):
            if one.alive and one.hears:
                state = having(state, i, heard=put(one.heard, m, max(version, one.heard[m])))
    return state


def run_script(rules: Rules, state: State, script: Script) -> tuple[State, str]:
    """The apply script: what it leaves, and "applied", "fenced off" or "cold"."""
    epoch_counts = state.epoch == (script.run, script.history)
    if not rules.holds("a script checks the epoch first", epoch_counts):
        return state, "cold"
    row, known = script.row, state.kept[script.mitra]
    if not rules.holds("an older version is refused", row.version >= known.version):
        return state, "fenced off"
    beat = known.beat
    if not row.online:
        beat = Beat.NONE
    else:
        toggled = rules.keeps("every apply carries the heartbeat of her last toggle") and row.pinged
        came = rules.keeps("who comes online in Valkey gets a heartbeat") and not (known.online and known.beat)
        beat = Beat.FRESH if script.beat or toggled or came else known.beat
    state = state._replace(kept=put(state.kept, script.mitra, Kept(row.online, row.active, row.version, beat)))
    return without_news(state), "applied"


def without_news(state: State) -> State:
    """The state without notifications whose version Valkey has: to look them up would change nothing."""
    for i, one in enumerate(state.instances):
        if any(one.heard):
            pairs = zip(one.heard, state.kept, strict=True)
            state = having(state, i, heard=tuple(heard if heard > known.version else 0 for heard, known in pairs))
    return state


def script_of(state: State, i: int, change: Change) -> Script:
    """The first apply of a change."""
    return Script(change.mitra, change.row, change.what is What.ONLINE, state.run, state.instances[i].history)


def debt_of(change: Change) -> Debt:
    """What a change owes when its apply has failed."""
    return Debt.HEARTBEAT if change.what is What.ONLINE else Debt.ROW


def answered(state: State, change: Change) -> State:
    """The state after the answer: a toggle to online is a promise, if the row still says online."""
    row = state.rows[change.mitra]
    kept = change.what is What.ONLINE and row.online and row.active
    return state._replace(promised=put(state.promised, change.mitra, True)) if kept else state


def is_set_back(rules: Rules, state: State) -> bool:
    """Whether the sequence is behind a version that Valkey has."""
    behind = any(known.version > state.drawn for known in state.kept)
    return behind and rules.keeps(SET_BACK)


def is_ahead(rules: Rules, state: State) -> bool:
    """Whether Valkey has a version that is ahead of its mitra's row."""
    ahead = any(known.version > row.version for known, row in zip(state.kept, state.rows, strict=True))
    return ahead and rules.keeps(AHEAD)
