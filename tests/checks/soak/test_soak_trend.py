"""The statistics of a soak: equal to frozen values of SciPy, and blind to what changed between two segments."""

from typing import NamedTuple

import pytest

from rig.checks.soak.trend import Point, block_medians, holm, trend


class Frozen(NamedTuple):
    """What SciPy 1.17 says of these values, one per minute.

    `p`: `scipy.stats.kendalltau(times, values, method="asymptotic", alternative="greater")`; slope and interval:
    `scipy.stats.theilslopes(values, times, alpha=0.95)`.
    """

    name: str
    values: list[float]
    p: float
    slope: float
    low: float
    high: float


FROZEN = (
    Frozen(
        "rising with noise",
        [
            100.718,
            103.521,
            97.427,
            104.873,
            101.905,
            100.9,
            101.394,
            101.334,
            103.553,
            106.168,
            106.168,
            106.777,
            102.61,
            103.358,
            110.108,
            109.438,
        ],
        0.0022606477522454198,
        0.008812348484848477,
        0.0033777777777777612,
        0.014896296296296291,
    ),
    Frozen(
        "noise alone",
        [
            60.916,
            56.049,
            44.878,
            56.426,
            53.142,
            51.074,
            45.901,
            50.014,
            49.265,
            54.463,
            50.622,
            57.924,
            46.128,
            52.356,
            52.494,
            45.678,
            44.094,
            55.068,
            52.587,
            49.187,
            51.972,
            46.623,
            51.192,
            46.974,
        ],
        0.9316593813064216,
        -0.003945833333333336,
        -0.008993333333333334,
        0.0012604166666666601,
    ),
    Frozen(
        "steps with ties",
        [3.0, 3.0, 3.0, 4.0, 4.0, 4.0, 4.0, 5.0, 5.0, 5.0, 6.0, 6.0],
        7.564647067419314e-05,
        0.004761904761904762,
        0.0033333333333333335,
        0.005555555555555556,
    ),
    Frozen(
        "falling",
        [9.0, 8.5, 8.7, 8.0, 7.9, 7.0, 7.2, 6.0, 5.5, 5.0],
        0.9998773662462945,
        -0.008333333333333333,
        -0.008809523809523807,
        -0.0058333333333333345,
    ),
    Frozen(
        "one jump",
        [10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 11.0, 11.0, 11.0, 11.0, 11.0, 11.0],
        0.0019738759284517286,
        0.0017592592592592595,
        0.0,
        0.002777777777777778,
    ),
)


def each_minute(values: list[float], first: float = 0.0) -> list[Point]:
    return [(first + 60.0 * number, value) for number, value in enumerate(values)]


@pytest.mark.parametrize("case", FROZEN, ids=lambda case: case.name)
def test_one_segment_gives_the_values_of_scipy(case: Frozen) -> None:
    found = trend([each_minute(case.values)])
    assert found is not None
    assert found.p == pytest.approx(case.p, rel=1e-9)
    assert (found.slope, found.low, found.high) == pytest.approx((case.slope, case.low, case.high), rel=1e-9)


def test_a_step_between_two_segments_is_no_trend() -> None:
    noise = [0.1, 0.3, 0.2, 0.0, 0.2, 0.1, 0.3, 0.0]
    low, high = noise, [100 + value for value in noise]
    together = trend([each_minute([*low, *high])])
    apart = trend([each_minute(low), each_minute(high, 3600.0)])
    assert together is not None
    assert apart is not None
    assert together.p < 0.01
    assert apart.p > 0.3
    assert abs(apart.slope) < 0.001


def test_a_leak_that_each_restart_resets_is_a_trend() -> None:
    found = trend([each_minute([1.0, 2.0, 3.0, 4.0], 3600.0 * number) for number in range(5)])
    assert found is not None
    assert found.p < 1e-4
    assert found.slope == pytest.approx(1 / 60)


def test_too_few_blocks_tell_nothing() -> None:
    assert trend([each_minute([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])]) is None
    assert trend([]) is None


def test_equal_values_are_no_trend() -> None:
    found = trend([each_minute([5.0] * 12)])
    assert found is not None
    assert (found.p, found.slope) == (1.0, 0.0)


def test_a_spike_does_not_move_the_median_of_its_block() -> None:
    points = [(float(t), 1000.0 if t == 5 else 1.0) for t in range(20)]
    assert [value for _, value in block_medians(points, 10.0)] == [1.0, 1.0]
    assert block_medians([], 10.0) == []


def test_holm_multiplies_the_smallest_by_the_number_of_tests() -> None:
    # The example of `p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")` in R.
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert holm({}) == {}
