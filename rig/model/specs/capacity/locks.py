"""Who holds which lock, read from where the transactions stand."""

from rig.model.language import Rules
from rig.model.specs.capacity.rules import IN_ORDER, TABLE
from rig.model.specs.capacity.state import ENDED, NO_ROW, SEARCHING, At, State, What, Work


def mitras_of(rules: Rules, work: Work) -> tuple[int, ...]:
    """Whose rows this transaction locks, in its order."""
    wanted = [one for one in (work.target, work.source) if one not in (SEARCHING, ENDED)]
    return tuple(sorted(wanted)) if rules.keeps(IN_ORDER) else tuple(wanted)


def holds_mitra(rules: Rules, work: Work, mitra: int) -> bool:
    if work.what == What.NOTHING or work.at < At.ONE_MITRA:
        return False
    wanted = mitras_of(rules, work)
    return mitra in (wanted if work.at >= At.MITRAS else wanted[:1])


def holds_chat(work: Work, chat: int) -> bool:
    return work.what != What.NOTHING and work.at >= At.CHAT and work.chat == chat


def holds_table(work: Work) -> bool:
    return work.what in (What.ACCEPT, What.REROUTE) and work.at >= At.STILL


def all_work(state: State) -> tuple[Work, ...]:
    return (*state.work, state.orphan)


def mitra_is_free(rules: Rules, state: State, mitra: int) -> bool:
    return not any(holds_mitra(rules, one, mitra) for one in all_work(state))


def table_is_free(rules: Rules, state: State) -> bool:
    """Whether a lock that forbids changes is granted. Who comes behind a waiting change waits as well."""
    if rules.keeps(TABLE):
        return state.change == -1
    return state.row == NO_ROW or not state.changing  # the row's lock: where there is no row nothing is locked


def change_is_free(rules: Rules, state: State) -> bool:
    """Whether the operator's change gets its lock."""
    if not rules.keeps(TABLE) and state.row == NO_ROW:
        return True
    return not any(holds_table(one) for one in all_work(state))
