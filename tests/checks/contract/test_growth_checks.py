"""The check of the stage `growth`: noise and a heap that fills pass, what rises in each of the last three quarters does not."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from rig.checks.contract.growth import lows, quarters, trend_z
from rig.checks.contract.probes import judge_probe
from rig.checks.contract.verdicts import Reader, kept
from rig.checks.framework import CONTRACT, Judge, Kind
from rig.record import Lines
from rig.record.lines.common import PlannedSentence
from rig.record.lines.contract import Probe

MOMENTS, EACH = 200, 100
NOISE = random.Random(7)
Series = Callable[[int], float]


def flat(level: float, noise: float) -> Series:
    return lambda number: level + NOISE.uniform(-noise, noise)


def seen(**series: Series) -> dict[str, Any]:
    good = {
        "descriptors": flat(40, 2),
        "connections": flat(12, 1),
        "rss_kib": flat(90_000, 300),
        "latency_ms": flat(2, 1),
    }
    chosen = {**good, **series}
    moments = [
        [
            EACH * (number + 1), round(chosen["descriptors"](number)), round(chosen["connections"](number)),
            round(chosen["rss_kib"](number)), chosen["latency_ms"](number),
        ]
        for number in range(MOMENTS)
    ]  # fmt: skip
    return {"requests": MOMENTS * EACH, "seconds": 40.0, "wrong": [], "wrong_count": 0, "moments": moments}


def broken(**series: Series) -> set[str]:
    judge = judge_probe(Probe(t=1.0, probe="repeated requests", seen=seen(**series)))
    assert judge.doubts == []
    return {id for id, _ in judge.broken}


def test_noise_breaks_nothing() -> None:
    assert all(broken() == set() for _ in range(20))


@pytest.mark.parametrize("name", ["descriptors", "connections"])
def test_one_more_each_two_thousand_requests_is_growth(name: str) -> None:
    assert broken(**{name: lambda number: 40 + number // 20 + NOISE.uniform(-1, 1)}) == {"GROW-01"}


def test_descriptors_that_rise_and_then_stay_are_none() -> None:
    assert broken(descriptors=lambda number: 40 + min(number, 120)) == set()


def test_two_kib_per_request_are_growth() -> None:
    assert broken(rss_kib=lambda number: 90_000 + number * EACH * 2 + NOISE.uniform(-500, 500)) == {"GROW-02"}


@pytest.mark.parametrize(
    "fills",
    [
        lambda number: 90_000 + number * EACH * 0.5,  # half a KiB per request
        lambda number: 90_000 + min(number, 140) * EACH * 4,  # a heap that is full in the third quarter
        lambda number: 90_000 + 40_000 * (number > 110) + NOISE.uniform(-300, 300),  # one large step
    ],
)
def test_memory_that_rises_a_little_or_for_a_while_is_none(fills: Series) -> None:
    assert broken(rss_kib=fills) == set()


def test_a_latency_that_rises_all_the_time_is_growth() -> None:
    assert broken(latency_ms=lambda number: 2 + number * 0.05 + NOISE.uniform(-0.5, 0.5)) == {"GROW-02"}


@pytest.mark.parametrize(
    "slower",
    [
        lambda number: 2 + number * 0.002,  # 20 % slower in the end
        lambda number: 2 + 5 * (number > 150) + NOISE.uniform(-1, 1),  # something else ran meanwhile
    ],
)
def test_a_latency_that_rises_a_little_or_for_a_while_is_none(slower: Series) -> None:
    assert broken(latency_ms=slower) == set()


def test_an_answer_that_becomes_another_is_an_error() -> None:
    judge = judge_probe(
        Probe(t=1.0, probe="repeated requests", seen={**seen(), "wrong": ["request 9, ping: 500"], "wrong_count": 1})
    )
    assert {id for id, _ in judge.broken} == {"HTTP-21"}


@pytest.mark.parametrize("hidden", [{"descriptors": flat(0, 0)}, {"rss_kib": flat(0, 0)}])
def test_what_cannot_be_read_is_not_judged(hidden: dict[str, Series]) -> None:
    judge = judge_probe(Probe(t=1.0, probe="repeated requests", seen=seen(**hidden)))
    assert (judge.broken, {id for id, _ in judge.doubts}) == ([], {"GROW-01", "GROW-02"})


@pytest.mark.parametrize("few", [{"moments": seen()["moments"][:30]}, {"requests": 1900}])
def test_too_few_requests_are_not_judged(few: dict[str, Any]) -> None:
    few = {**seen(), **few}
    judge = judge_probe(Probe(t=1.0, probe="repeated requests", seen=few))
    assert {id for id, _ in judge.doubts} == {"GROW-01", "GROW-02"}


def test_the_trend_counts_rising_pairs() -> None:
    assert trend_z(list(range(10))) == pytest.approx((45 - 1) / (10 * 9 * 25 / 18) ** 0.5)
    assert trend_z([3.0] * 10) == 0.0


def test_quarters_hold_all_values_and_lows_look_at_their_second_halves() -> None:
    assert [len(part) for part in quarters(list(range(10)))] == [4, 2, 2, 2]
    assert lows([9, 1, 5, 6, 9, 1, 7, 8, 9, 1, 3, 4, 9, 1, 2, 2]) == [5, 7, 3, 2]


def judged_alone(id: str, **series: Series) -> Judge:
    """What this sentence says in a run that judges no other."""
    planned = PlannedSentence(id, "Nothing grows.", "Growth", id == "GROW-02")
    judge = Judge(Kind.PROMISE, CONTRACT)
    line = Probe(t=1.0, probe="repeated requests", seen=seen(**series))
    kept(planned, Reader(30.0, 900), {id})(judge, Lines([line]), {})
    return judge


def test_at_level_contract_memory_that_grows_is_a_remark() -> None:
    judge = judged_alone("GROW-01", rss_kib=lambda number: 90_000 + number * EACH * 2)
    assert judge.broken_promises == []
    assert "not judged in this run, but broken: GROW-02" in " ".join(judge.notes)


def test_without_growth_there_is_no_remark() -> None:
    assert "GROW-02" not in " ".join(judged_alone("GROW-01").notes)
