"""What must hold."""

from rig.model.language import Rules, Step, invariant
from rig.model.specs.tokens.state import State, under_way


def quiet(rules: Rules, state: State) -> bool:
    return not under_way(state)


@invariant("INV-20", "No session of an inactive mitra lives")
def inactive_has_no_session(rules: Rules, before: State, step: Step, after: State) -> str:
    if after.active or after.by_hand:
        return ""
    for session in after.sessions:
        if not session.revoked:
            return f"the mitra is inactive, and the session of token {session.token} is not revoked"
    return ""


@invariant("INV-20", "A refresh token serves once")
def token_serves_once(rules: Rules, before: State, step: Step, after: State) -> str:
    if before.refreshes != after.refreshes and max(after.refreshes) > 1:
        return f"token {after.refreshes.index(max(after.refreshes))} has two successors"
    return ""


@invariant("INV-20", "A code makes one session")
def code_serves_once(rules: Rules, before: State, step: Step, after: State) -> str:
    return "a code made two sessions" if max(after.sign_ins) > 1 else ""


@invariant("INV-20", "A refresh needs a living session of an active mitra")
def refresh_is_due(rules: Rules, before: State, step: Step, after: State) -> str:
    if len(after.refreshes) == len(before.refreshes) or len(after.sessions) > len(before.sessions):
        return ""
    work = before.work[step.parameters[0]] if step.parameters else before.orphan
    if before.sessions[work.row].revoked:
        return f"token {work.given} was served, and its session is revoked"
    return "" if work.active else f"token {work.given} was served, and its mitra was inactive before it was asked"
