"""Growth: the exponent of a curve, the verdicts on it, how it is drawn, and a small run on a real stack."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rig.checks import load_checks
from rig.checks.scaling.growth import OPERATIONS, exponent, growing
from rig.config import read
from rig.errors import UsageError
from rig.record import Verdict
from rig.report import growth
from rig.runs.scaling.run import BOUNDS, SIZES, run, sizes_of
from tests.support.record_lines import judge_plain

load_checks()


def series(cost: Callable[[int], float], floor: Callable[[int], float] | None = None, **others: Any) -> dict[str, Any]:
    """A run in which every operation costs that much."""
    lines = [
        {"operation": operation, "size": size, "seconds": cost(size), "floor": (floor or cost)(size)}
        for operation in OPERATIONS
        for size in SIZES
    ]
    return {"growth": lines, **others}


def pings(during: str, p99_ms: float, **others: Any) -> dict[str, Any]:
    told = {"sent": 900, "failed": 0, "slowest_ms": 70.0, "calm_p99_ms": 5.0, "size": 100_000}
    return {"during": during, "p99_ms": p99_ms, **told, **others}


def verdict(item: str, lines: dict[str, Any]) -> Verdict:
    judgement, _ = judge_plain(item, lines, BOUNDS[item])
    return judgement.verdict


def test_the_exponent_of_a_power_is_the_power() -> None:
    for power in (0.5, 1.0, 2.0):
        assert exponent([(size, 3e-6 * size**power) for size in SIZES]) == pytest.approx(power)
    assert exponent([(300, 0.1)]) is None
    assert exponent([]) is None


def test_the_fixed_cost_of_a_request_does_not_flatten_a_curve() -> None:
    points = [(size, max(0.01, 1e-9 * size**2)) for size in SIZES]
    assert exponent(points) < 1.5
    assert exponent(growing([(size, 0.01 + 1e-8 * size**2) for size in SIZES])) > 1.5


def test_a_quadratic_operation_fails_and_a_linear_one_passes() -> None:
    assert verdict("GROWTH-01", series(lambda size: 1e-5 * size)) is Verdict.PASSED
    assert verdict("GROWTH-01", series(lambda size: 1e-9 * size**2)) is Verdict.FAILED


def test_a_single_operation_that_grows_faster_is_named() -> None:
    lines = series(lambda size: 1e-5 * size)
    for line in lines["growth"]:
        if line["operation"] == "sweep":
            line["seconds"] = 1e-7 * line["size"] ** 1.5
    judgement, shown = judge_plain("GROWTH-01", lines, BOUNDS["GROWTH-01"])
    assert judgement.verdict is Verdict.FAILED
    assert judgement.message == "sweep grows by the exponent 1.50"
    assert len(shown) == len(OPERATIONS)


def test_a_reseed_is_held_against_its_floor() -> None:
    assert verdict("GROWTH-02", series(lambda size: 1.9e-5 * size, lambda size: 1e-5 * size)) is Verdict.PASSED
    assert verdict("GROWTH-02", series(lambda size: 2.1e-5 * size, lambda size: 1e-5 * size)) is Verdict.FAILED


def test_finding_the_available_has_a_second() -> None:
    assert verdict("GROWTH-03", series(lambda size: 0.9e-5 * size)) is Verdict.PASSED
    assert verdict("GROWTH-03", series(lambda size: 1.1e-5 * size)) is Verdict.FAILED


def test_a_fleet_too_small_proves_nothing() -> None:
    small = {"growth": [line for line in series(lambda size: 1e-5 * size)["growth"] if line["size"] <= 1000]}
    for item in BOUNDS:
        assert verdict(item, small) is Verdict.INCONCLUSIVE
        assert verdict(item, {}) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("item", "during"), [("GROWTH-04", "blast"), ("GROWTH-05", "reseed")])
def test_pings_must_not_wait(item: str, during: str) -> None:
    def of(*found: dict[str, Any]) -> Verdict:
        return verdict(item, {"pings_during": found})

    bound = BOUNDS[item]["p99_ms"]
    assert of(pings(during, bound - 1)) is Verdict.PASSED
    assert of(pings(during, bound + 1)) is Verdict.FAILED
    assert of(pings(during, 20.0, failed=1)) is Verdict.FAILED
    assert of(pings(during, bound + 1, calm_p99_ms=bound + 10)) is Verdict.INCONCLUSIVE
    assert of(pings(during, 20.0, sent=3)) is Verdict.INCONCLUSIVE
    assert of(pings("something else", 20.0)) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("text", ["", "many", "300,", "0", "5", "300;1000", "1e3", "1000000"])
def test_sizes_that_are_none_are_refused(text: str) -> None:
    if text == "300,":
        assert sizes_of(text) == (300,)
        return
    with pytest.raises(UsageError, match="--sizes"):
        sizes_of(text)


def test_sizes_are_taken_in_order_and_once() -> None:
    assert sizes_of("1000, 300,1000") == (300, 1000)
    assert sizes_of(None) == SIZES


def drawn(points: list[list[float]]) -> dict[str, Any]:
    one = {"name": "blast", "title": "blast: <paid>", "points": points, "exponent": exponent(points)}
    return {"sizes": [300, 3000], "operations": [{**one, "floors": {"without": points}}], "memory": {}}


def test_a_straight_line_on_both_axes() -> None:
    ((caption, chart),) = growth.charts(drawn([[300, 0.01], [3000, 0.1]]))
    assert caption == "blast: <paid>, exponent 1.00"
    assert "&lt;paid&gt;" in chart
    assert "<polyline" in chart
    assert "3k" in chart
    assert growth.charts(drawn([])) == []


def test_the_table_says_what_was_not_measured() -> None:
    head, rows = growth.rows(drawn([[300, 0.01]]))
    assert head == ["operation", "exponent", "300", "3,000"]
    assert rows[0] == ["blast", "—", "10 ms", "—"]
    assert rows[1][0] == "  without"


def test_a_small_run_tells_every_figure(tmp_path: Path) -> None:
    assert run(read(reports=tmp_path, random_seed=7), "60,120") in (1, 2)  # too small a fleet for a goal
    results = json.loads((tmp_path / "latest" / "results.json").read_text())
    assert [item["id"] for item in results["items"]] == list(BOUNDS)
    assert results["weakens"] == []
    found = results["growth"]
    assert found["sizes"] == [60, 120]
    assert {one["name"]: len(one["points"]) for one in found["operations"]} == dict.fromkeys(OPERATIONS, 2)
    assert all(one["floors"] for one in found["operations"])
    report = (tmp_path / "latest" / "report.html").read_text()
    assert report.count('class="chart loglog"') == len(OPERATIONS)
    assert "Bearer ey" not in "".join(path.read_text() for path in (tmp_path / "latest").glob("*.*"))
