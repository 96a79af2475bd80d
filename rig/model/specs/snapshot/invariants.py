"""What must hold."""

from rig.model.language import Rules, Step, invariant
from rig.model.specs.snapshot.state import FOREIGN, NOBODY, NOTHING, At, Now, State


def settled(state: State) -> bool:
    """Nothing is under way, but that an answer may stand which a late script wrote."""
    if not (state.epoch and state.lease == NOBODY and not state.scripts and all(state.up) and all(state.postgres)):
        return False
    if not (all(state.subscribed) and all(state.listening)):
        return False
    if any(state.published) or any(state.owes) or any(state.owes_deletion):
        return False
    if any(flight.at != At.IDLE for flight in state.flight):
        return False
    return all(one.now == Now.IDLE for kind in (state.change, state.hearing, state.looking) for one in kind)


def quiet(rules: Rules, state: State) -> bool:
    """Also, no answer of a late script stands: it may be of an old setting until its TTL is over."""
    return settled(state) and not state.late


@invariant("INV-16", "Every instance knows the setting in force")
def setting_is_known(rules: Rules, before: State, step: Step, after: State) -> str:
    if settled(after):
        for number, known in enumerate(after.known):
            if known != after.setting:
                return f"nothing is under way, instance {number} has setting {known}, {after.setting} is in force"
    return ""


@invariant("INV-16", "No answer of an old setting stands")
def answer_is_current(rules: Rules, before: State, step: Step, after: State) -> str:
    if quiet(rules, after) and after.answer not in (NOTHING, after.setting):
        return f"nothing is under way, the answer was computed with setting {after.answer}, {after.setting} is in force"
    return ""


@invariant("INV-15", "No answer comes from a mirror that is not ours")
def answer_is_ours(rules: Rules, before: State, step: Step, after: State) -> str:
    return "an answer was computed while the epoch was not valid" if after.answer == FOREIGN else ""


@invariant("INV-16", "At most one recompute between deletions")
def one_recompute(rules: Rules, before: State, step: Step, after: State) -> str:
    if after.recomputes > max(1, before.recomputes):
        return "two recomputes were begun, and the answer was neither deleted nor expired in between"
    return ""
