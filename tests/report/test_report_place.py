"""Where a run is kept: what its report says of it is what a command needs to find it again."""

from pathlib import Path

import pytest

from rig.record import RunDirectory
from rig.report.formats.markup import linked
from rig.report.place import place_of


def run_in(parent: Path) -> RunDirectory:
    (parent / "a-run" / "logs").mkdir(parents=True)
    (parent / "a-run" / "logs" / "gw0-server-a.log").write_text("a line")
    return RunDirectory(parent / "a-run")


@pytest.mark.parametrize(
    ("parent", "options"),
    [
        ("reports", ""),
        ("elsewhere", " --reports elsewhere"),
        ("two words", " --reports 'two words'"),
        ("reports/unpacked/sample-1234/sample", ""),  # the archive is what is named, by the reader
    ],
)
def test_only_another_directory_than_the_default_is_named(
    parent: str, options: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = place_of(run_in(tmp_path / parent))
    assert (place.run_name, place.options, place.logs) == ("a-run", options, ("logs/gw0-server-a.log",))


def test_a_directory_that_is_not_below_this_one_is_named_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert place_of(run_in(tmp_path / "there")).options == f" --reports {tmp_path / 'there'}"


def test_a_log_is_linked_by_its_path_or_its_name_and_nothing_else_is() -> None:
    logs = ("logs/a.log",)
    assert linked("see a.log <b>", logs) == 'see <a href="logs/a.log">a.log</a> &lt;b&gt;'
    assert linked("logs/a.log, at the end", logs) == '<a href="logs/a.log">logs/a.log</a>, at the end'
    for other in ("data.log", "a.logs", "/x/a.log", "b.log"):
        assert "<a" not in linked(other, logs), other
