"""A comparison names what changed, and only what got worse makes it exit 1."""

import json
from pathlib import Path
from typing import Any

import pytest

from rig.config import read
from rig.errors import UsageError
from rig.record import evidence, new_run
from rig.results.compare import compare, fell, run


def item(id: str, verdict: str = "passed", seconds: float = 1.0, **counts: int) -> dict[str, Any]:
    shown = [evidence.statements("meanwhile", counts, [])] if counts else []
    return {"id": id, "verdict": verdict, "seconds": seconds, "answers": [{"evidence": shown}]}


def results(name: str, *items: dict[str, Any], seconds: float = 45.0, **meta: Any) -> dict[str, Any]:
    return {"name": name, "kind": "checklist", "cadence": "fast", "seconds": seconds, "items": list(items), **meta}


def test_equal_runs_have_no_changes() -> None:
    one = results("one", item("B-01", work=3), item("C-07", seconds=2.0))
    comparison = compare(one, {**one, "name": "two"})
    found = (comparison.settings, comparison.verdicts, comparison.times, comparison.statements, comparison.worse)
    assert found == ([], [], [], [], [])


def test_verdicts_that_changed_and_those_that_got_worse() -> None:
    before = results("one", item("B-01"), item("B-02", "failed"), item("B-03", "inconclusive"), item("B-04"))
    after = results("two", item("B-01", "failed"), item("B-02"), item("B-03", "inconclusive"), item("B-05"))
    comparison = compare(before, after)
    assert comparison.verdicts == [
        ["B-01", "passed", "failed"],
        ["B-02", "failed", "passed"],
        ["B-04", "passed", None],
        ["B-05", None, "passed"],
    ]
    assert comparison.worse == ["B-01", "B-04"]


@pytest.mark.parametrize(
    ("was", "now", "worse"),
    [
        ("passed", "failed", True), ("passed", "inconclusive", True), ("inconclusive", "broken", True),
        ("passed", "skipped", True), ("skipped", "failed", True), ("skipped", "passed", False),
        ("failed", "broken", False), ("failed", "skipped", False), ("broken", "passed", False),
        ("passed", None, True), ("inconclusive", None, True), ("failed", None, True), ("skipped", None, False),
        (None, "failed", False), (None, "passed", False),
    ],
)  # fmt: skip
def test_what_is_worse(was: str | None, now: str | None, worse: bool) -> None:
    """What has vanished is: nobody looks at it any more. What is new has nothing to be worse than."""
    assert fell(was, now) is worse


def test_times_count_from_half_a_second_and_half_as_much_again() -> None:
    before = results("one", item("A", seconds=0.1), item("B", seconds=2.0), item("C", seconds=3.0), seconds=40.0)
    after = results("two", item("A", seconds=0.5), item("B", seconds=3.1), item("C", seconds=4.0), seconds=50.0)
    assert compare(before, after).times == [["B", 2.0, 3.1]]


def test_statement_counts_and_settings() -> None:
    before = results("one", item("C-07", work=0, **{"naming mitras": 0}), cadence="fast")
    after = results("two", item("C-07", work=10, **{"naming mitras": 10}), cadence="written")
    comparison = compare(before, after)
    assert comparison.statements == [["C-07: work", 0, 10], ["C-07: naming mitras", 0, 10]]
    assert comparison.settings == [["cadence", "fast", "written"]]


def saved(root: Path, random_seed: int, *items: dict[str, Any], **meta: Any) -> str:
    directory = new_run(root, "checklist", random_seed, {})
    directory.results.write_text(json.dumps(results("", *items, **meta)))
    return directory.path.name


def test_the_command_and_its_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = read(reports=tmp_path)
    good, bad = saved(tmp_path, 1, item("B-01")), saved(tmp_path, 2, item("B-01", "failed"))
    assert run(chosen, good, bad, False) == 1
    assert "1 worse: B-01" in capsys.readouterr().out
    assert run(chosen, bad, "latest", False) == 0
    assert "verdicts: no change" in capsys.readouterr().out
    assert run(chosen, bad, good, True) == 0
    assert json.loads(capsys.readouterr().out)["verdicts"] == [["B-01", "failed", "passed"]]


def test_what_is_no_judged_run_is_a_usage_error(tmp_path: Path) -> None:
    chosen = read(reports=tmp_path)
    good, bare = saved(tmp_path, 1, item("B-01")), new_run(tmp_path, "checklist", 3, {}).path.name
    with pytest.raises(UsageError, match=r"'nowhere'.*no run at"):
        run(chosen, good, "nowhere", False)
    with pytest.raises(UsageError, match="rig recheck"):
        run(chosen, bare, good, False)
    (tmp_path / bare / "results.json").write_text("{")
    with pytest.raises(UsageError, match="damaged"):
        run(chosen, bare, good, False)


@pytest.mark.parametrize(
    ("meta", "told"),
    [
        ({"kind": "chaos"}, "is checklist, .* is chaos"),
        ({"kind": "prove"}, "is checklist, .* is prove"),
        ({"kind": None}, "checklist"),
        ({"under": "hung"}, "under hung"),
        ({"campaign": {"name": "hang"}}, "hang"),
    ],
)
def test_runs_of_different_kinds_are_not_compared(meta: dict[str, Any], told: str, tmp_path: Path) -> None:
    """Exit 4, whichever is first: a box of one says nothing of a box of the other."""
    chosen = read(reports=tmp_path)
    one, other = saved(tmp_path, 1, item("B-01")), saved(tmp_path, 2, item("B-01"), **meta)
    with pytest.raises(UsageError, match=told):
        run(chosen, one, other, False)
    with pytest.raises(UsageError, match="different kinds"):
        run(chosen, other, one, False)


def test_runs_that_answer_nothing_in_common_are_not_compared(tmp_path: Path) -> None:
    """As a load and a growth run, or two sections: that no verdict got worse would say nothing."""
    one, other = saved(tmp_path, 1, item("CLAIM-01")), saved(tmp_path, 2, item("GROWTH-01"))
    with pytest.raises(UsageError, match="nothing in common"):
        run(read(reports=tmp_path), one, other, False)


def test_a_run_that_lost_boxes_is_worse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = saved(tmp_path, 1, item("B-01"), item("B-02"))
    part = saved(tmp_path, 2, item("B-01"))
    assert run(read(reports=tmp_path), whole, part, False) == 1
    assert "1 worse: B-02" in capsys.readouterr().out
    assert run(read(reports=tmp_path), part, whole, False) == 0
