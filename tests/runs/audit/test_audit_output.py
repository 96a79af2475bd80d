"""What an audit prints and writes: lines for people, metrics, and the files and exit codes of the command."""

import time
from pathlib import Path
from typing import Any

import pytest

from rig.config import read
from rig.errors import UsageError
from rig.record.audit import DRIFT, NO_DRIFT, UNKNOWN, AuditReport, AuditState, Difference, Span, UserCost
from rig.report.audit import prometheus, text
from rig.runs.audit import command
from rig.runs.audit.options import AuditRequest
from rig.runs.audit.run import Done
from rig.runs.audit.state import read_state

SPAN = Span(since=100.0, through=700.0, audits=3)
GHOST = Difference(kind="ghost", key="mitras:online", mitra="m1", expected="not online", seen="a member", since=400.0)
PASS = AuditReport(outcome=NO_DRIFT, began=690.0, ended=700.0, valkey="Valkey 8.1", postgres="Postgres 17", span=SPAN)
DRIFTED = AuditReport(
    outcome=DRIFT, ended=1000.0, differences=[GHOST, GHOST], cost=UserCost(ghost_minutes=10, chats_per_minute=2, offers_to_ghosts=20, offers_not_made=0)
)  # fmt: skip
LOST = AuditReport(outcome=UNKNOWN, ended=1000.0, reasons=["the Valkey went away"])


def test_the_verdict_stands_first_and_says_how_many_of_which_kind() -> None:
    assert next(text.lines(PASS)) == "no drift (Postgres 17, Valkey 8.1)"
    assert next(text.lines(DRIFTED)) == "drift: 2 ghost"
    assert list(text.lines(LOST))[:2] == ["could not tell", "  reason: the Valkey went away"]
    printed = "\n".join(text.lines(DRIFTED))
    assert "  ghost: mitras:online m1: a member, expected not online; for 10 min at most" in printed
    assert "10.0 min in which chats were offered to mitras who could not take them" in printed
    assert "these are 20 offers to nobody" in printed
    assert (
        "verified: through 1970-01-01T00:11:40Z, without a break since 1970-01-01T00:01:40Z (3 audits)"
        in text.lines(PASS)
    )


@pytest.mark.parametrize(("seconds", "told"), [(40, "40 s"), (600, "10 min"), (9000, "2.5 h"), (-1, "0 s")])
def test_an_age_is_told_in_a_unit_that_fits(seconds: float, told: str) -> None:
    assert text.duration(seconds) == told


def test_an_audit_that_could_not_tell_has_no_number_of_differences(tmp_path: Path) -> None:
    path = tmp_path / "rig.prom"
    prometheus.write(DRIFTED, path)
    assert 'rig_audit_differences{kind="ghost"} 2.0' in path.read_text()
    prometheus.write(LOST, path)
    assert "rig_audit_outcome 2.0" in path.read_text()
    assert "rig_audit_differences" not in path.read_text()
    assert "verified_through" not in path.read_text()
    prometheus.write(PASS, path)
    assert "rig_audit_verified_through_timestamp_seconds 700.0" in path.read_text()


def request_of(tmp_path: Path) -> AuditRequest:
    return AuditRequest((), (None, None), 0.02, 1000, (), (), tmp_path / "state.json", 7200.0)


SETTINGS = read(postgres="postgresql://h/d", valkey="redis://h")


class Stopped(Exception):
    """In place of Ctrl-C."""


def test_a_watch_goes_on_when_a_store_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """One line per audit. What cannot be used at the first audit is a usage error, later it could not tell."""
    answers = iter([PASS, UsageError("it is a replica"), DRIFTED])
    waits: list[float] = []

    def audit(options: object, state: AuditState) -> Done:
        answer = next(answers)
        if isinstance(answer, UsageError):
            raise answer
        return Done(answer, AuditState(outcome=answer.outcome, span=answer.span, differences=answer.differences))

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise Stopped

    monkeypatch.setattr(command, "audit", audit)
    monkeypatch.setattr(time, "sleep", sleep)
    with pytest.raises(Stopped):
        command.watch(SETTINGS, request_of(tmp_path), 300, False, tmp_path / "rig.prom")
    lines = capsys.readouterr().out.splitlines()
    assert [
        word in line for word, line in zip(("no drift", "it is a replica", "drift: 2 ghost"), lines, strict=True)
    ] == [True] * 3
    assert all(299 < wait <= 300 for wait in waits)
    assert len(read_state(tmp_path / "state.json").differences) == 2

    answers = iter([UsageError("it is a replica")])
    with pytest.raises(UsageError):
        command.watch(SETTINGS, request_of(tmp_path), 300, False, None)


@pytest.mark.parametrize(("report", "code"), [(PASS, 0), (DRIFTED, 1), (LOST, 2)])
def test_the_exit_code_is_the_outcome(
    report: AuditReport, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(command, "audit", lambda *words: Done(report, AuditState(outcome=report.outcome)))
    assert command.once(SETTINGS, request_of(tmp_path), None, False, None) == code
    told = capsys.readouterr().err
    assert told == ("rig: could not tell: the Valkey went away\n" if code == 2 else "")
    assert read_state(tmp_path / "state.json").outcome == report.outcome
