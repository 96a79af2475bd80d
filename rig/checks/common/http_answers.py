"""What an answer of the API must have been, from the plain form of an exchange."""

from collections.abc import Iterable

from rig.checks.framework import Judge, Kind, Seen

CLEAN_EXITS = (0, 143)  # the latter is how a JVM ends


def require_status(judge: Judge, exchange: Seen, status: int = 200) -> bool:
    """The answer's status, and a JSON object where there is a body; the message names the request and the answer.

    In an action or precondition a wrong answer is a promise that the server broke; no answer at all may be the rig's.
    """
    found = exchange["status"] if exchange["status"] is not None else exchange["error"]
    asked, reply = f"{exchange['method']} {exchange['url']}", exchange["reply"]
    told = f"{asked} answered {found} {reply}, not {status}"
    fits = exchange["status"] == status
    if not fits:
        judge.compare(f"status of {asked}", found, status)
    if fits and status in (200, 201) and not isinstance(reply, dict):
        fits, told = False, f"{asked} answered {status} with {reply!r}, which is no JSON object"
    if not fits and exchange["status"] is not None and judge.kind in (Kind.ACTION, Kind.PRECONDITION):
        return judge.owes(False, told)
    return judge.require(fits, told)


def require_clean_exit(judge: Judge, code: int | None) -> bool:
    """An ordered stop that is over in time: only then the log is complete. CONTRACT owns it."""
    told = f"SIGTERM ended the backend with exit code {code}: a log is complete only after a clean exit, within 10 s"
    return judge.owes(code in CLEAN_EXITS, told)


def require_refusal(judge: Judge, exchange: Seen, status: int, code: str) -> bool:
    """A refusal with its status and its code of the contract's table."""
    refused = require_status(judge, exchange, status)
    told = f"the error code is {exchange['code']!r}, not {code}"
    return judge.require_equal("the error code", exchange["code"], code, told) and refused


def require_prompt(judge: Judge, exchanges: Iterable[Seen], bound_s: float) -> None:
    """Each request was answered, and within its bound; the remark tells the slowest."""
    slowest = 0.0
    for exchange in exchanges:
        asked, took = f"{exchange['method']} {exchange['url']}", exchange["ended"] - exchange["started"]
        slowest = max(slowest, took)
        judge.require(exchange["status"] is not None, f"{asked} got no answer: {exchange['error']}")
        if took > bound_s:
            judge.within(asked, took, bound_s)
    judge.note(f"slowest answer after {slowest:.3f} s, bound {bound_s:g} s")
