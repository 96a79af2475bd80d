"""`rig log` and `rig statements`: which lines are shown, and how long is waited for one."""

import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from rig.errors import UsageError
from rig.observe.postgres.statement import Statement
from rig.runs.manual import lines
from rig.runs.manual.client import SessionEnded
from rig.runs.manual.feed import is_wanted, line_of
from rig.runs.manual.lines import Line, Wanted, moment, show

Read = Callable[[float | None], Sequence[Line]]


def log(*moments: float) -> list[Line]:
    return [Line(at, "a", f"line {number}") for number, at in enumerate(moments)]


def over_time(*looks: list[Line]) -> Read:
    """A log that has these lines at the first look, those at the second, and so on."""
    left = list(looks)
    return lambda since: [one for one in (left.pop(0) if left[1:] else left[0]) if since is None or one.at >= since]


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return re.findall(r"line \d", capsys.readouterr().out)


def test_the_last_lines_or_those_since_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    now = time.time()
    read = over_time(log(now - 9, now - 8, now - 7))
    assert show(read, Wanted(count=2)) == 0
    assert printed(capsys) == ["line 1", "line 2"]
    assert show(read, Wanted.of("8.5s", None, False, None, None)) == 0
    assert printed(capsys) == ["line 1", "line 2"]
    assert show(read, Wanted.of(f"{now - 7.5}", None, False, None, None)) == 0
    assert printed(capsys) == ["line 2"]
    assert show(read, Wanted(count=0)) == 0
    assert printed(capsys) == []
    assert Wanted.of(None, None, False, None, None).count == lines.SHOWN


def test_until_stops_at_its_line_and_looks_again_before(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LOOK_EVERY_S", 0)
    now = time.time()
    read = over_time(log(now), log(now, now), log(now, now, now, now))
    assert show(read, Wanted(since=now - 1, until="line 2")) == 0
    assert printed(capsys) == ["line 0", "line 1", "line 2"]


def test_until_without_since_waits_for_a_line_to_come(capsys: pytest.CaptureFixture[str]) -> None:
    """An old line with the same text would end it at once, which is nothing anybody waits for."""
    old = time.time() - 60
    wanted = Wanted.of(None, None, False, "line 0", 0.0)
    assert show(over_time(log(old)), wanted) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "rig: no line with 'line 0': none came within 0 s\n")


def test_a_line_that_comes_late_between_others_is_shown_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two logs are not written in the order of their times."""
    monkeypatch.setattr(lines, "LOOK_EVERY_S", 0)
    now = time.time()
    first, late, last = log(now, now + 0.1, now + 0.2)
    read = over_time([first, last], [first, late, last], [first, first, late, last], [Line(now, "a", "end")])
    assert show(read, Wanted(since=now - 1, until="end")) == 0
    assert printed(capsys) == ["line 0", "line 2", "line 1", "line 0"]


def test_following_ends_with_the_session(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LOOK_EVERY_S", 0)
    now = time.time()

    ended = iter([log(now), log(now, now)])

    def until_it_ends(since: float | None) -> Sequence[Line]:
        if (found := next(ended, None)) is None:
            raise SessionEnded("serve-1 has ended")
        return found

    assert show(until_it_ends, Wanted(count=9, follow=True)) == 0
    assert printed(capsys) == ["line 0", "line 1"]
    ended = iter([log(now)])
    assert show(until_it_ends, Wanted(since=now, until="never")) == 1
    assert "no line with 'never': serve-1 has ended" in capsys.readouterr().err
    with pytest.raises(SessionEnded):
        show(until_it_ends, Wanted(count=9))


@pytest.mark.parametrize("text", ["", "5", "5d", "s", "-5s", "1790000000.N", "yesterday", "nan", "1e9s"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--since .*: give a time ago \(30s, 5m, 2h\), or epoch seconds"):
        moment(text)


def test_times() -> None:
    assert moment("1790000000") == 1790000000
    assert moment("1790000000,25") == moment("1790000000.250000000") == 1790000000.25
    assert moment("2m") == pytest.approx(time.time() - 120, abs=5)
    assert moment("1.5h") == pytest.approx(time.time() - 5400, abs=5)
    assert str(Line(1790000000.1239, "a", "x")) == "14:13:20.123 a | x"


def statement(kind: str, instance: str | None, **more: Any) -> Statement:
    return Statement(
        **{
            "at": 1790000000.5, "role": "sut_a", "instance": instance, "kind": kind, "text": "UPDATE t\n  SET x = $1",
            "parameters": ["{1,2}", None], "severity": "LOG", "pid": 1, "session": "s", "application": "", **more,
        }
    )  # fmt: skip


def test_which_statements_are_shown() -> None:
    assert is_wanted(statement("work", "a"), ["a"], False)
    assert is_wanted(statement("work", "a"), [], False)
    assert not is_wanted(statement("work", "b"), ["a"], False)
    assert not is_wanted(statement("driver", "a"), ["a"], False)
    assert is_wanted(statement("driver", "a"), ["a"], True)
    assert is_wanted(statement("unknown", None), [], False), "somebody's whom we do not know may matter"
    assert not is_wanted(statement("unknown", None), ["a"], True)
    assert not is_wanted(statement("observer", None), [], False)
    assert is_wanted(statement("observer", None), [], True)
    assert str(line_of(statement("work", "a"))) == "14:13:20.500 a | UPDATE t SET x = $1 -- $1 = {1,2}, $2 = NULL"
    assert line_of(statement("unknown", None, severity="ERROR")).text.startswith("ERROR: UPDATE")
