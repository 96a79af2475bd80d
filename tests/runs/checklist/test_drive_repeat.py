"""Repeats: other random seeds each, the worst verdict counts, and Ctrl-C ends them with what there is."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rig.config import Settings, read
from rig.errors import UsageError
from rig.record import RunDirectory
from rig.runs.checklist import repeat
from rig.runs.common.scaffold import FinishedRun


def results(seed: int, **verdicts: str) -> dict[str, Any]:
    worst = next((v for v in ("failed", "inconclusive", "skipped") if v in verdicts.values()), "passed")
    counts = {
        name: list(verdicts.values()).count(name) for name in ("passed", "failed", "inconclusive", "broken", "skipped")
    }
    items = [{"id": id.replace("_", "-"), "verdict": verdict} for id, verdict in verdicts.items()]
    verdict = "passed" if worst == "skipped" else worst
    return {
        "random_seed": seed, "verdict": verdict, "seconds": 45.0, "counts": counts, "items": items,
        "observations": {"made": 50, "voided": 1},
    }  # fmt: skip


def answering(monkeypatch: pytest.MonkeyPatch, *runs: dict[str, str]) -> list[int]:
    """The checklist's runs, replaced by these verdicts; the seeds that it was asked for."""
    asked: list[int] = []
    left: Iterator[dict[str, str]] = iter(runs)

    def run_once(settings: Settings, only: list[str], seed: int) -> FinishedRun:
        asked.append(seed)
        verdicts = next(left)
        if verdicts.get("ctrl") == "c":
            raise KeyboardInterrupt
        return FinishedRun(RunDirectory(Path("nowhere")), results(seed, **verdicts), interrupted=False)

    monkeypatch.setattr(repeat, "run_once", run_once)
    return asked


def test_seeds_differ_and_follow_from_the_first() -> None:
    seeds = repeat.random_seeds(7, 50)
    assert seeds[0] == 7
    assert len(set(seeds)) == 50
    assert seeds == repeat.random_seeds(7, 50)


@pytest.mark.parametrize(
    ("runs", "code"),
    [
        ([{"B_01": "passed"}] * 3, 0),
        ([{"B_01": "passed"}, {"B_01": "failed"}, {"B_01": "passed"}], 1),
        ([{"B_01": "inconclusive"}, {"B_01": "passed"}, {"B_01": "passed"}], 2),
        ([{"B_01": "passed"}, {"ctrl": "c"}], 130),
    ],
)
def test_the_worst_run_counts(monkeypatch: pytest.MonkeyPatch, runs: list[dict[str, str]], code: int) -> None:
    asked = answering(monkeypatch, *runs)
    assert repeat.run(read(random_seed=7), [], 3) == code
    assert asked == repeat.random_seeds(7, 3)[: len(asked)]


def test_a_skip_counts_when_it_is_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, {"B_01": "passed"}, {"B_01": "skipped"})
    assert repeat.run(read(strict=True), [], 2) == 2


def test_the_summary_names_what_fell_and_how_often() -> None:
    out = io.StringIO()
    runs = [results(1, B_01="passed"), results(2, B_01="failed"), results(3, B_01="failed", C_07="inconclusive")]
    repeat.print_runs(runs, 5, Console(file=out, width=80))
    text = out.getvalue()
    assert "3 of 5 runs: 1 passed, 2 failed" in text
    assert "B-01 failed in 2 of 3" in text
    assert "C-07 inconclusive in 1 of 3" in text
    assert "3 of 150 observations (2.0%) were spoiled by the rig itself" in text.replace("\n", " ")


def test_a_stack_cannot_be_kept_over_repeats() -> None:
    with pytest.raises(UsageError, match="--keep"):
        repeat.run(read(keep=True), [], 2)
