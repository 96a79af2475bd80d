"""`rig recheck RUN --protocol`: a saved campaign is judged by the protocol alone; other runs are refused by name."""

from pathlib import Path

import pytest

from rig.config import Settings
from rig.errors import UsageError
from rig.record.directory import new_run
from rig.record.lines.chaos import Left, ProtocolSeen
from rig.record.lines.common import End
from rig.record.writer import Recorder
from rig.runs.recheck import by_protocol
from tests.support.protocol_lines import FIRST, Course, T, begun


def saved(reports: Path, course: Course, kind: str = "chaos") -> str:
    directory = new_run(reports, kind, 1, {})
    recorder = Recorder(directory)
    for line in course.lines:
        recorder.add(line)
    recorder.add(End(t=T + 99, interrupted=False))
    recorder.close()
    return str(directory.path)


def seeded() -> Course:
    course = begun()
    course.lines.append(Left(t=T + 98, audit=[], sign_ins=[], chats=[], offers=[], now=[], evicted_keys=0))
    course.seed(FIRST)
    return course


def test_a_campaign_that_follows_the_protocol_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert by_protocol(Settings(reports=tmp_path), saved(tmp_path, seeded())) == 0
    out = capsys.readouterr().out
    assert out.startswith("PROTOCOL passed\n")
    assert "a seed swaps | 1" in out


def test_a_conviction_is_told_with_the_events_before_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    course = seeded()
    call = course.ping()
    course.replaced(call, ran=call.ran[2:])
    assert by_protocol(Settings(reports=tmp_path), saved(tmp_path, course)) == 1
    out = capsys.readouterr().out
    assert "a script wrote without a look at the epoch" in out
    assert "section 2, rule 2" in out
    assert "a → valkey: ping: writes" in out


def test_a_run_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only campaigns are"):
        by_protocol(Settings(reports=tmp_path), saved(tmp_path, seeded(), "load"))


def test_a_run_of_another_version_of_the_protocol_is_refused(tmp_path: Path) -> None:
    course = seeded()
    told = next(line for line in course.lines if isinstance(line, ProtocolSeen))
    course.replaced(told, version=99)
    with pytest.raises(UsageError, match="recorded for version 99 of the protocol"):
        by_protocol(Settings(reports=tmp_path), saved(tmp_path, course))


def test_a_run_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run"):
        by_protocol(Settings(reports=tmp_path), "nothing")
