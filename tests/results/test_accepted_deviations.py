"""Known deviations: what they take out of the verdict, and what the report says of them."""

from datetime import UTC, datetime
from typing import Any

from rig.record.lines.common import AcceptedDeviation
from rig.results.accepted import accept

STARTED = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()


def item(id: str, verdict: str) -> Any:
    return {"id": id, "verdict": verdict, "message": "it broke"}


def judged(verdict: str, until: str) -> tuple[Any, list[str]]:
    one = item("CHAT-03", verdict)
    return one, accept([one], [AcceptedDeviation("CHAT-03", "ticket 17", until)], STARTED)


def test_a_failure_that_is_accepted_counts_as_skipped_and_is_told() -> None:
    one, told = judged("failed", "2026-11-28")
    assert one["verdict"] == "skipped"
    assert one["message"] == "accepted until 2026-11-28 (ticket 17); it broke"
    assert told == ["CHAT-03 failed, which is accepted until 2026-11-28: ticket 17"]


def test_after_its_last_day_a_failure_counts_again() -> None:
    one, told = judged("failed", "2026-11-27")
    assert (one["verdict"], one["message"]) == ("failed", "it broke")
    assert told == ["CHAT-03 was accepted until 2026-11-27 and counts again (ticket 17)"]


def test_what_does_not_fail_keeps_its_verdict_and_the_entry_is_told_to_be_idle() -> None:
    for verdict in ("passed", "inconclusive"):
        one, told = judged(verdict, "2027-01-01")
        assert one["verdict"] == verdict
        assert "need not be accepted any more" in told[0]


def test_what_a_run_does_not_judge_is_not_told() -> None:
    other = item("PING-01", "failed")
    assert accept([other], [AcceptedDeviation("CHAT-03", "ticket 17", "2027-01-01")], STARTED) == []
    assert other["verdict"] == "failed"
