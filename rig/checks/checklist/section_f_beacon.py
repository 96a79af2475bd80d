"""Section F, beacon and dashboard: the beacon shares one answer for ten seconds; the dashboard answers SCARD."""

import json
from collections.abc import Mapping
from itertools import pairwise

from rig.checks.checklist.section_c import (
    REQUESTS_MIN,
    answered,
    listed,
    require_none_a_request,
    require_without_postgres,
    total,
)
from rig.checks.checklist.section_f import STATUS, require_no_availability_sql, same_mitras
from rig.checks.common.availability_model import assume_clear, available, require_beacon, states
from rig.checks.common.http_answers import require_status
from rig.checks.common.valkey_commands import SETS
from rig.checks.framework import Bounds, Judge, check
from rig.record.observations.parts import AnswerCount, WithoutPostgres, fields_of
from rig.record.observations.section_f_beacon import (
    BeaconPoll,
    BeaconPolls,
    ChangedMaximum,
    CountedDashboardReads,
    DashboardReads,
    RapidPolls,
    Snapshot,
)

POLLS_PER_SECOND_MIN = 5
SOURCES_MIN = 3
AT_ONCE_MIN = 12  # polls at the same time while there is no snapshot
RECOMPUTE_S = 1.0  # all commands of a recompute follow its SDIFF within this time
EXPIRY_S = 0.05  # a key may outlive its time by this much; its time to live is in whole milliseconds
STAMP_S = 0.001  # the statement log has whole milliseconds


def expected_count(judge: Judge, poll: BeaconPoll, stale_s: float, maximum: int) -> int:
    """How many mitras were available by the rule for Valkey when this poll was sent."""
    before = poll.before
    assume_clear(judge, before.mirror, stale_s, before.at)
    judge.observed(same_mitras(before.mirror, poll.after), "the mirror changed while it was compared")
    return len(available(states(before.mirror, before.loads, maximum, stale_s, before.at)))


@check("F-07", "BE", "The beacon's answer is {available, count}, and matches reality")
def matches_reality(judge: Judge, seen: BeaconPolls, bounds: Bounds) -> None:
    counts = []
    for poll in seen.polls:
        count = expected_count(judge, poll, seen.stale_s, seen.maximum)
        online = len(poll.before.mirror.online)
        if require_status(judge, poll.exchange):
            require_beacon(judge, poll.exchange, count, f"with {online} mitras online")
        counts.append(f"{count} of {online}")
    judge.assume(counts[0] == "0 of 0", "somebody was online at the first poll")
    judge.assume(not counts[-1].startswith("0 "), "nobody was available at the last poll")
    judge.note(f"available: {', then '.join(counts)}, and so said the beacon")


def snapshot_fields(text: str | None) -> Mapping[str, object]:
    """The fields of the snapshot's JSON; empty if it is not a JSON object."""
    try:
        return fields_of(json.loads(text or ""))
    except ValueError:
        return {}


@check("F-08", "BE", "availability:snapshot holds the answer as JSON, for ten seconds at most, whoever reads it")
def snapshot_for_ten_seconds(judge: Judge, seen: Snapshot, bounds: Bounds) -> None:
    judge.observed(not seen.blind_s, f"MONITOR was not connected for {seen.blind_s:.2f} s of the window")
    first, last = seen.looks
    if require_status(judge, seen.answer):
        cached = snapshot_fields(first.text)
        answer = {key: seen.answer.fields.get(key) for key in ("available", "count")}
        held = {key: cached.get(key) for key in answer}
        judge.require(held == answer, f"the snapshot holds {first.text!r}, the answer was {answer}")
        others = [other for other in seen.shared if not same_answer(other, answer)]
        judge.require(not others, f"other customers were answered {listed(others)}, not {answer}")
    life_ms = bounds["life_s"] * 1000
    judge.require(0 < first.ttl_ms <= life_ms, f"its remaining life is {first.ttl_ms} ms, not up to {life_ms:g} ms")
    judge.require(len(seen.writes) == 1, f"it was written {len(seen.writes)} times by one recompute: {seen.writes}")
    passed_s = last.at - first.at
    judge.require(
        last.ttl_ms <= first.ttl_ms - (passed_s - EXPIRY_S) * 1000,
        f"{passed_s:.2f} s later it is {last.ttl_ms} ms: reading renews it",
    )
    judge.require(
        all(same_answer(answer, {"available": True, "count": 42}) for answer in seen.planted),
        f"with a snapshot written by hand the beacon answers {listed(seen.planted)}",
    )
    judge.require(not seen.after_planting, f"a snapshot written by hand was computed anew {seen.after_planting} times")
    judge.note(
        f"{first.ttl_ms} ms to live, {last.ttl_ms} ms after {total(seen.shared)} more polls; one by hand is served"
    )


def same_answer(answer: AnswerCount, expected: Mapping[str, object]) -> bool:
    return answer.status == 200 and all(answer.fields.get(key) == value for key, value in expected.items())


@check("F-09", "BE", "Rapid polls from three addresses: one recompute in ten seconds, no availability query")
def one_recompute(judge: Judge, seen: RapidPolls, bounds: Bounds) -> None:
    judge.observed(not seen.blind_s, f"MONITOR was not connected for {seen.blind_s:.2f} s of the window")
    rates = {source: count / seen.seconds for source, count in seen.per_source.items()}
    enough = len(rates) >= SOURCES_MIN and min(rates.values()) >= POLLS_PER_SECOND_MIN
    judge.observed(
        enough, f"too few polls: a second {', '.join(f'{rate:.1f} at {source}' for source, rate in rates.items())}"
    )
    judge.observed(seen.seconds > bounds["life_s"], f"{seen.seconds:.1f} s are not over the life of a snapshot")
    late = seen.burst - seen.early
    judge.observed(late >= AT_ONCE_MIN, f"only {late} of {seen.burst} polls were sent before another was answered")
    sent = total(seen.answers)
    shared = len(seen.answers) == 1 and seen.answers[0].status == 200
    judge.require(shared, f"{sent} polls got {len(seen.answers)} different answers: {listed(seen.answers[:5])}")
    require_apart(judge, "recomputes", seen.recomputes, bounds["between_s"])
    writes = [write.at for write in seen.writes]
    require_apart(judge, "writes of the snapshot", writes, bounds["between_s"])
    others = [write.verb for write in seen.writes if write.verb not in SETS]
    judge.require(not others, f"the snapshot was also changed by {', '.join(others)}")
    judge.require(len(writes) >= 2, "the snapshot outlived its ten seconds: it was not written anew")
    strays = [
        touch.verb
        for touch in seen.touches
        if not any(0 <= touch.at - begun < RECOMPUTE_S for begun in seen.recomputes)
    ]
    judge.require(
        not strays, f"{len(strays)} commands looked at the mirror outside a recompute: {', '.join(strays[:5])}"
    )
    require_no_availability_sql(judge, seen.statements, STATUS)
    require_none_a_request(judge, seen.statements, sent)
    judge.note(f"{sent} polls in {seen.seconds:.1f} s, {len(seen.recomputes)} recomputes, no availability query")


def require_apart(judge: Judge, what: str, times: list[float], between_s: float) -> None:
    """There is at least one, and no two are closer than `between_s`, by Valkey's clock."""
    judge.require(times, f"no {what} at all")
    gaps = [later - earlier for earlier, later in pairwise(times)]
    near = [gap for gap in gaps if gap < between_s]
    judge.require(not near, f"{len(times)} {what}, two of them only {min(near, default=0):.3f} s apart")


@check("F-10", "CC", "A changed maximum deletes the snapshot within 1 s, and the next poll recomputes")
def counted_anew(judge: Judge, seen: ChangedMaximum, bounds: Bounds) -> None:
    before, after = seen.polls
    counts = [
        expected_count(judge, poll, seen.stale_s, maximum)
        for poll, maximum in zip(seen.polls, seen.maxima, strict=True)
    ]
    judge.assume(counts[0] != counts[1], f"the change makes no difference: {counts[0]} are available before and after")
    for poll, count, when in ((before, counts[0], "before the change"), (after, counts[1], "after the change")):
        if require_status(judge, poll.exchange):
            require_beacon(judge, poll.exchange, count, when)
    if not require_status(judge, seen.changed):
        return
    judge_deletion(judge, seen, bounds["within_s"])
    judge.require(seen.recomputes, "the next poll did not recompute")
    judge.note(f"{counts[0]} available at a maximum of {seen.maxima[0]}, {counts[1]} at {seen.maxima[1]}")


def judge_deletion(judge: Judge, seen: ChangedMaximum, within_s: float) -> None:
    """A backend deleted the snapshot after the COMMIT of the setting.

    A deletion before it is not enough: a poll in between would write the old count again.
    """
    known = judge.observed(seen.committed_at is not None, "the setting's COMMIT is not in the statement log")
    if known and seen.committed_at is not None:
        in_time = after_commit(seen.deleted_at, seen.released_at, seen.committed_at)
        deleted = judge.require(in_time, "the backend did not delete the snapshot after the setting was committed")
        if deleted and seen.gone.gone:
            judge.within("the deletion of the snapshot", min(in_time) - seen.changed.ended, within_s)
    judge.require(seen.gone.gone, f"the snapshot is still there {within_s:g} s after the answer, though nobody polled")


def after_commit(times: list[float], released_at: float | None, committed_at: float) -> list[float]:
    """Those of the times (Valkey's clock) that follow the COMMIT.

    If the rig held the COMMIT back until `released_at`, the order is certain. If not, it is known to a millisecond.
    """
    if released_at is not None:
        return [at for at in times if at > released_at]
    return [at for at in times if at >= committed_at - STAMP_S]


@check("F-11", "CC", "The dashboard says what SCARD mitras:online says, deactivated mitras included")
def dashboard_is_scard(judge: Judge, seen: DashboardReads, bounds: Bounds) -> None:
    counts = []
    for read in seen.reads:
        judge.observed(read.before == read.after, f"the set changed while it was compared ({read.what})")
        if require_status(judge, read.exchange):
            answer = read.exchange.fields.get("online_mitras")
            judge.require(answer == read.before, f"{read.what}: the dashboard says {answer!r}, SCARD {read.before}")
        counts.append(read.before)
    judge.assume(len(set(counts)) >= 3, f"the set hardly changed: {counts}")
    judge.assume(any(read.deactivated for read in seen.reads), "no deactivated mitra was online")
    judge.note(f"through {len(counts)} changes: {counts}")


@check("F-12", "CC", "500 reads of the dashboard: not one query of mitra_online_status")
def dashboard_without_sql(judge: Judge, seen: CountedDashboardReads | WithoutPostgres, bounds: Bounds) -> None:
    if isinstance(seen, WithoutPostgres):
        for name, answers in (("dashboard", seen.dashboard), ("beacon", seen.beacon)):
            before = fields_of(seen.said[name])
            judge.assume(before, f"the {name} was not read before Postgres was stopped")
            good = sum(answer.count for answer in answers if same_answer(answer, before))
            require_without_postgres(judge, seen, answers, good)
        return
    sent, good = total(seen.answers), answered(seen.answers, 200)
    judge.observed(sent >= REQUESTS_MIN, f"the dashboard was read only {sent} times")
    judge.require(good == sent, f"{sent - good} of {sent} reads were not answered 200: {listed(seen.answers)}")
    require_no_availability_sql(judge, seen.statements, STATUS)
    judge.note(f"{good} reads, no statement names {STATUS}")
