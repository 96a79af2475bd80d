"""A server without the protocol's scripts is judged by the contract's automaton: each toggle and key has a row that explains it."""

from rig.checks.framework import Judgement, judge_lines
from rig.checks.protocol.calls import PROTOCOL_VERSION
from rig.checks.protocol.item import ITEM
from rig.record.lines.chaos import AuditRow, CommandTaken, FaultEvent, Left, ProtocolSeen, Watched
from tests.support.protocol_lines import ANNA, Course, T


def foreign(*rows: tuple[str, float]) -> Course:
    """A record without a script; audit rows of Anna by status and seconds from the begin."""
    audit = [AuditRow(id=n, mitra_id=ANNA, status=status, at=T + at) for n, (status, at) in enumerate(rows)]
    left = Left(t=T + 99, audit=audit, sign_ins=[], chats=[], offers=[], now=[], evicted_keys=0)
    seen = ProtocolSeen(t=T, version=PROTOCOL_VERSION, monitor=True, one_clock=True)
    return Course([seen, Watched(t=T, blind=[], statements=True), left])


def added(course: Course, at: float, verb: str = "SADD") -> None:
    course.lines.append(CommandTaken(t=T + at, at=T + at, args=[verb, "mitras:online", ANNA], instance="a", lua=False))


def judged(course: Course) -> Judgement:
    return judge_lines(ITEM, course.built(), {})[0]


def fault(at: float, event: str) -> FaultEvent:
    return FaultEvent(
        t=T + at, number=1, name="hung", event=event, ends=None, hit=["a"], outage=True, noticed=True, seeds=True,
        down=False, truth=False, rewinds=False, beyond=False,
    )  # fmt: skip


def test_a_foreign_server_that_keeps_the_contract_passes_and_the_report_says_how_it_was_judged() -> None:
    course = foreign(("online", 0.0), ("offline", 20.0))
    course.request("online", "online", 200)
    added(course, 0.1)
    added(course, 20.1, "SREM")
    judgement = judged(course)
    assert judgement.verdict == "passed"
    assert "the contract's automaton alone" in judgement.message


def test_a_toggle_without_a_row_fails() -> None:
    course = foreign(("offline", -50.0))
    course.request("online", "online", 200)
    assert judged(course).verdict == "failed"


def test_a_mitra_who_is_added_without_an_online_row_fails() -> None:
    course = foreign(("online", 0.0), ("offline", 20.0))
    added(course, 40.0)
    judgement = judged(course)
    assert judgement.verdict == "failed"
    assert f"{ANNA} was added to mitras:online" in judgement.message


def test_keys_are_not_judged_in_a_fault() -> None:
    course = foreign(("online", 0.0), ("offline", 20.0))
    course.request("online", "online", 200)
    added(course, 40.0)
    course.lines += [fault(38.0, "requested"), fault(39.0, "confirmed"), fault(41.0, "removed"), fault(41.0, "healed")]
    assert judged(course).verdict == "passed"


def test_a_run_in_which_nothing_was_seen_is_inconclusive() -> None:
    assert judged(foreign()).verdict == "inconclusive"
