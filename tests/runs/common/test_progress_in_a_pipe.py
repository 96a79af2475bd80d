"""Progress of a run whose output goes to a pipe or a file."""

import pytest

from rig.runs.common import progress_bar
from rig.runs.common.progress_bar import ProgressBar


def test_a_line_now_and_then_tells_how_far_the_run_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr(progress_bar.time, "monotonic", lambda: now)
    with ProgressBar("items", 110) as bar:
        bar.show("the first", completed=1)
        assert capsys.readouterr().out == ""
        now += progress_bar.TOLD_EVERY_S
        bar.show("the second", advance=1)
        bar.show("the third", advance=1)
        assert capsys.readouterr().out == "  items: 2 of 110 (the second)\n"
        now += progress_bar.TOLD_EVERY_S
        bar.show(completed=9)
    assert capsys.readouterr().out == "  items: 9 of 110\n"
