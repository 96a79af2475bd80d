"""Waiting for a condition, with a deadline: the one loop for it. Pollers that pace work and samplers have loops of their own."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

LOOK_EVERY_S = 0.02

T = TypeVar("T")


class NotYet(Exception):
    """Raised by a predicate of `wait_until` in place of a false value, to say what it has seen."""


class WaitTimeout(TimeoutError):
    """What was waited for, for how many seconds, and the last thing seen (`seen`)."""

    def __init__(self, what: str, timeout_s: float, seen: object) -> None:
        self.seen = seen
        super().__init__(f"waited {timeout_s:g} s for {what}; last seen: {seen}")


def wait_until(
    predicate: Callable[[], T],
    timeout: float,
    what: str,
    *,
    every_s: float = LOOK_EVERY_S,
    sleep: Callable[[float], Any] = time.sleep,
) -> T:
    """Call the predicate until its value is true, and return that value.

    `what` completes the sentence "waited 5 s for ...". Between two calls it sleeps for `every_s`, by `sleep`.
    WaitTimeout after `timeout` seconds. Other errors of the predicate end the wait.
    """
    seen: object = None

    def attempt() -> T | None:
        nonlocal seen
        try:
            value = predicate()
        except NotYet as reason:
            seen = reason
            return None
        seen = value
        return value

    value = poll_until(attempt, timeout, every_s=every_s, sleep=sleep)
    if not value:
        raise WaitTimeout(what, timeout, seen)
    return value


def poll_until(
    look: Callable[[], T],
    timeout: float,
    *,
    until: Callable[[T], object] = bool,
    every_s: float = LOOK_EVERY_S,
    sleep: Callable[[float], Any] = time.sleep,
) -> T:
    """The first value of `look` for which `until` holds, or its last value when `timeout` seconds are over.

    The last look begins after the deadline: a slow look is no timeout, and a timeout of 0 is one look.
    """
    deadline = time.monotonic() + timeout
    while True:
        left_s = deadline - time.monotonic()
        value = look()
        if until(value) or left_s <= 0:
            return value
        sleep(min(every_s, max(0.0, deadline - time.monotonic())))
