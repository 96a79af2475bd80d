"""The one loop that waits for a condition with a deadline."""

import time

import pytest

from rig.waiting import NotYet, WaitTimeout, poll_until, wait_until


def test_the_first_true_value_is_returned() -> None:
    values = iter([0, None, "there"])
    assert wait_until(lambda: next(values), 5.0, "a word", every_s=0.0) == "there"


def test_a_timeout_tells_what_how_long_and_the_last_thing_seen() -> None:
    with pytest.raises(WaitTimeout, match=r"^waited 0.02 s for a full list; last seen: \[\]$") as caught:
        wait_until(list, 0.02, "a full list", every_s=0.005)
    assert caught.value.seen == []


def test_a_predicate_can_say_what_it_saw() -> None:
    def refused() -> bool:
        raise NotYet("connection refused")

    with pytest.raises(TimeoutError, match=r"^waited 0 s for the port to open; last seen: connection refused$"):
        wait_until(refused, 0.0, "the port to open")


def test_another_error_ends_the_wait() -> None:
    def gone() -> bool:
        raise ValueError("the process has exited")

    with pytest.raises(ValueError, match="exited"):
        wait_until(gone, 60.0, "an answer")


def test_a_look_that_outlasts_the_deadline_is_followed_by_one_more() -> None:
    """What became true during a slow look must not count as a timeout."""
    looks: list[float] = []

    def slow() -> bool:
        looks.append(time.monotonic())
        time.sleep(0.03)
        return len(looks) == 2

    assert wait_until(slow, 0.02, "the second look")


def test_it_does_not_sleep_beyond_the_deadline() -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(seconds)

    assert poll_until(lambda: False, 0.05, every_s=10.0, sleep=sleep) is False
    assert max(slept) <= 0.05


def test_polling_returns_the_last_value_when_the_time_is_up() -> None:
    values = iter(range(1000))
    assert poll_until(lambda: next(values), 5.0, until=lambda value: value == 3, every_s=0.0) == 3
    assert poll_until(lambda: "not yet", 0.0, until=lambda value: value == "done") == "not yet"
