"""What the API must have answered to a request."""

from collections.abc import Iterable

from rig.checks.framework import Judge, Kind
from rig.record.observations.parts import HttpExchange

CLEAN_EXITS = (0, 143)  # a JVM ends with the latter


def require_status(judge: Judge, exchange: HttpExchange, status: int = 200) -> bool:
    """The answer has this status and, with a 200 or 201, a JSON object. The message names the request and the answer.

    In an action or precondition a wrong answer is a promise that the server broke; no answer at all may be the rig's.
    """
    reply, answered = exchange.reply, exchange.status is not None
    message = f"{exchange.request} answered {exchange.status if answered else exchange.error} {reply}, not {status}"
    fits = exchange.status == status
    if not fits:
        judge.compare(f"status of {exchange.request}", exchange.status if answered else exchange.error, status)
    if fits and status in (200, 201) and not isinstance(reply, dict):
        fits, message = False, f"{exchange.request} answered {status} with {reply!r}, which is no JSON object"
    if not fits and answered and judge.kind in (Kind.ACTION, Kind.PRECONDITION):
        return judge.owes(False, message)
    return judge.require(fits, message)


def require_clean_exit(judge: Judge, code: int | None) -> bool:
    """SIGTERM ended the server in time; only then its log is complete. The item CONTRACT owns this promise."""
    message = f"SIGTERM ended the backend with exit code {code}: a log is complete only after a clean exit, within 10 s"
    return judge.owes(code in CLEAN_EXITS, message)


def require_refusal(judge: Judge, exchange: HttpExchange, status: int, code: str) -> bool:
    """A refusal with this status and this error code of the contract."""
    refused = require_status(judge, exchange, status)
    message = f"the error code is {exchange.code!r}, not {code}"
    return judge.require_equal("the error code", exchange.code, code, message) and refused


def require_prompt(judge: Judge, exchanges: Iterable[HttpExchange], bound_s: float) -> None:
    """Each request was answered within its bound. The note names the slowest answer."""
    slowest = 0.0
    for exchange in exchanges:
        slowest = max(slowest, exchange.seconds)
        judge.require(exchange.status is not None, f"{exchange.request} got no answer: {exchange.error}")
        if exchange.seconds > bound_s:
            judge.within(exchange.request, exchange.seconds, bound_s)
    judge.note(f"slowest answer after {slowest:.3f} s, bound {bound_s:g} s")
