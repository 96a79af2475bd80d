"""The states of a sign-in, and what is tried in each: codes, refresh tokens, logouts, of a mitra and of a customer."""

from rig.runs.contract.states import C1, M1, Way, step
from rig.service.accounts import RIGHT, WRONG
from rig.service.state import WRONG_CODES_MAX
from rig.service.steps import Step

FIRST, SECOND, FRESH = "t1", "t2", "t9"  # names of refresh tokens; FRESH is what a try gets
TOKENS_OF_CASES = (FIRST, SECOND, FRESH)
ROLES = {"mitra": M1, "client": C1}


def asked(role: str) -> list[Step]:
    return [step(f"{role}-request-code", ROLES[role])]


def wrong_codes(role: str, times: int) -> list[Step]:
    return [step(f"{role}-verify", ROLES[role], value=WRONG, key=FRESH)] * times


def signed_in(role: str, token: str = FIRST) -> list[Step]:
    return [*asked(role), step(f"{role}-verify", ROLES[role], value=RIGHT, key=token)]


def refreshed(role: str) -> list[Step]:
    return [*signed_in(role), step(f"{role}-refresh", ROLES[role], value=FIRST, key=SECOND)]


def logged_out(role: str) -> Step:
    return step(f"{role}-logout", ROLES[role], value=FIRST)


def activity(active: bool) -> Step:
    return step("set-active", mitra=M1, value=active)


def states_of(role: str) -> dict[str, Way]:
    """The ways to the states of a sign-in, by the state's name."""
    exhausted = [*asked(role), *wrong_codes(role, WRONG_CODES_MAX)]
    found: dict[str, Way] = {
        "code asked": asked(role),
        "one wrong code left": [*asked(role), *wrong_codes(role, WRONG_CODES_MAX - 1)],
        "too many wrong codes": exhausted,
        "code asked again after too many": [*exhausted, *asked(role)],
        "signed in": signed_in(role),
        "signed in twice": [*signed_in(role), *signed_in(role, SECOND)],
        "refreshed": refreshed(role),
        "logged out": [*signed_in(role), logged_out(role)],
        "one of two logged out": [*signed_in(role), *signed_in(role, SECOND), logged_out(role)],
    }
    if role == "mitra":
        found |= {
            "deactivated with a code": [*asked(role), activity(False)],
            "deactivated after signing in twice": [*signed_in(role), *signed_in(role, SECOND), activity(False)],
            "reactivated with a code": [*signed_in(role), activity(False), activity(True), *asked(role)],
        }
    return found


def tries_of(role: str) -> dict[str, Step]:
    """What is tried in each of these states, by the try's name. The refresh of the newest token comes last but for the right code."""
    actor = ROLES[role]
    other = "client" if role == "mitra" else "mitra"
    return {
        f"{role}-refresh the first token": Step(f"{role}-refresh", actor, value=FIRST, key=FRESH),
        f"{other}-refresh the token of a {role}": Step(f"{other}-refresh", ROLES[other], value=SECOND, key=FRESH),
        f"{role}-refresh the second token": Step(f"{role}-refresh", actor, value=SECOND, key=FRESH),
        f"{role}-verify the right code": Step(f"{role}-verify", actor, value=RIGHT, key=FRESH),
        f"{role}-verify a wrong code": Step(f"{role}-verify", actor, value=WRONG, key=FRESH),
    }
