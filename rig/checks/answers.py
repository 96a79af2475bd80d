"""What an answer of the API must have been, from the plain form of an exchange."""

from collections.abc import Iterable

from rig.checks.base import Judge, Seen


def require_status(judge: Judge, exchange: Seen, status: int = 200) -> bool:
    """The answer's status; the message names the request and the answer."""
    found = exchange["status"] if exchange["status"] is not None else exchange["error"]
    asked = f"{exchange['method']} {exchange['url']}"
    return judge.require(exchange["status"] == status, f"{asked} answered {found} {exchange['reply']}, not {status}")


def require_refusal(judge: Judge, exchange: Seen, status: int, code: str) -> bool:
    """A refusal with its status and its code of the contract's table."""
    refused = require_status(judge, exchange, status)
    return judge.require(exchange["code"] == code, f"the error code is {exchange['code']!r}, not {code}") and refused


def require_prompt(judge: Judge, exchanges: Iterable[Seen], bound_s: float) -> None:
    """Each request was answered, and within its bound; the remark tells the slowest."""
    slowest = 0.0
    for exchange in exchanges:
        asked, took = f"{exchange['method']} {exchange['url']}", exchange["ended"] - exchange["started"]
        slowest = max(slowest, took)
        judge.require(exchange["status"] is not None, f"{asked} got no answer: {exchange['error']}")
        if took > bound_s:
            judge.within(asked, took, bound_s)
    judge.remark(f"slowest answer after {slowest:.3f} s, bound {bound_s:g} s")
