"""The sentinel notices when this process was held up, and when it was not."""

import time
from collections.abc import Iterator

import pytest

from rig.observe import LagSentinel


@pytest.fixture
def sentinel() -> Iterator[LagSentinel]:
    with LagSentinel() as opened:
        yield opened


def hold_up(seconds: float) -> float:
    """Keep the interpreter to itself (one long operation lets no thread in); how long it did."""
    exponent, begun = 200_000, time.monotonic()
    while True:
        one = time.monotonic()
        pow(7, exponent)
        if time.monotonic() - one >= seconds:
            return time.monotonic() - one
        assert time.monotonic() - begun < 20
        exponent = int(exponent * 1.5)


def test_a_hold_up_is_noticed_in_its_window_only(sentinel: LagSentinel) -> None:
    before = time.time()
    held = hold_up(0.15)
    after = time.time()
    assert sentinel.worst(before, after) > held / 2
    assert sentinel.worst(before) > held / 2
    assert sentinel.worst(before - 20, before - 10) == 0.0
    assert sentinel.worst(after + 10, after + 20) == 0.0


def test_one_that_overlaps_the_windows_edge_counts(sentinel: LagSentinel) -> None:
    before = time.time()
    held = hold_up(0.15)
    end = time.time()
    assert sentinel.worst(end - held / 2, end) > held / 2
    assert sentinel.worst(before, end - held / 2) > held / 2
