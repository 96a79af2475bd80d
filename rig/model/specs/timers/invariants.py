"""What must hold."""

from rig.model.language import Rules, Step, invariant
from rig.model.specs.timers.rules import ALIVE
from rig.model.specs.timers.state import NONE, OPEN, WINDOW, Ear, Follow, State, Status, What


def settled(rules: Rules, state: State) -> bool:
    """Nothing is under way; one instance may be down. That a connection is deaf counts only if it is noticed."""
    if state.orphan != NONE or any(state.heard) or 0 in state.timer or not any(state.up):
        return False
    if any(one != Follow.DONE for one in state.follow) or (Ear.DEAF in state.ear and rules.keeps(ALIVE)):
        return False
    return all(one == NONE for kind in (state.work, state.ending) for one in kind)


def quiet(rules: Rules, state: State) -> bool:
    return settled(rules, state) and all(state.up) and Ear.DEAF not in state.ear


@invariant("INV-21", "No chat is counted past its end and its goodbye window")
def chats_end(rules: Rules, before: State, step: Step, after: State) -> str:
    if after.due == 0 and after.status in OPEN and settled(rules, after):
        return "the chat is over and still counted, and no timer is due"
    return ""


@invariant("INV-21", "No chat is ended before its time")
def no_early_end(rules: Rules, before: State, step: Step, after: State) -> str:
    if after.endings > before.endings and before.due > 0:
        what = "" if not step.parameters else step.action.name
        if what == "ending_commits" or (what == "" and before.orphan.what == What.EXPIRE):
            return f"a timer ended a chat that was paid for {before.due} more"
        work = before.work[step.parameters[0]] if step.parameters else before.orphan
        if work.what == What.GOODBYE and before.due > WINDOW:
            return "a goodbye ended a chat whose time was not up"
    return ""


@invariant("INV-21", "A chat ends once")
def one_end(rules: Rules, before: State, step: Step, after: State) -> str:
    if after.endings > 1:
        return "the chat was ended twice"
    if before.status == Status.ENDED and after.status != Status.ENDED:
        return "a chat that had ended is open again"
    return ""
