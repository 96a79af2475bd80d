"""What an audit concludes from its differences: cost for users, the watermark, causes and warnings."""

from typing import Any

import pytest

from rig.checks.audit.causes import line_time, with_causes
from rig.checks.audit.store_warnings import store_warnings
from rig.checks.audit.user_cost import chats_per_minute, user_cost, whom_it_costs
from rig.checks.audit.watermark import after
from rig.record.audit import DRIFT, NO_DRIFT, UNKNOWN, AuditReport, AuditState, Difference, Mirrored, Span, Truth, Value

NOW = 1_800_000_000.0
FRESH, STALE = Value("string", "2027-01-15T08:00:00.000Z"), Value("string", "2027-01-15T07:00:00.000Z")
FREE = Value("string", "0")


@pytest.mark.parametrize(
    ("truth", "mirrored", "cost"),
    [
        (Truth(online=True), Mirrored(True, False, FREE, FRESH), ""),
        (Truth(), Mirrored(True, False, FREE, FRESH), "ghost"),
        (Truth(), Mirrored(True, False, FREE, STALE), ""),
        (Truth(), Mirrored(True, True, FREE, FRESH), ""),
        (Truth(online=True), Mirrored(False, False, FREE, FRESH), "lost"),
        (Truth(online=True), Mirrored(False, False, FREE, STALE), ""),
        (Truth(online=True), Mirrored(True, False, FREE, Value()), "lost"),
        (Truth(online=True), Mirrored(True, False, Value("string", "3"), FRESH), "lost"),
        (Truth(online=True, load=3), Mirrored(True, False, FREE, FRESH), "ghost"),
        (Truth(online=True, load=3), Mirrored(True, False, Value(), FRESH), ""),
        (Truth(online=True, active=False), Mirrored(True, False, FREE, FRESH), "ghost"),
        (Truth(online=True), Mirrored(True, True, FREE, FRESH), "lost"),
    ],
)
def test_a_difference_costs_only_if_it_changes_who_is_offered_a_chat(
    truth: Truth, mirrored: Mirrored, cost: str
) -> None:
    assert whom_it_costs(truth, mirrored, NOW, 90, 3) == cost


def difference(**more: Any) -> Difference:
    return Difference(**{"kind": "ghost", "key": "mitras:online", "mitra": "m1", "first_seen": NOW - 60, **more})


def test_a_mitra_costs_from_her_oldest_difference_on_and_once() -> None:
    found = [
        difference(cost="ghost", since=NOW - 600),
        difference(cost="ghost", kind="deactivated"),
        difference(cost="lost", mitra="m2"),
        difference(mitra="m3", since=NOW - 9000),
    ]
    cost = user_cost(found, NOW, 2.0)
    assert (cost.ghost_minutes, cost.lost_minutes) == (10.0, 1.0)
    assert (cost.offers_to_ghosts, cost.offers_not_made) == (20.0, 2.0)
    assert user_cost(found, NOW, None).offers_to_ghosts is None


def test_the_rate_of_chats_is_told_only_by_a_counter_that_went_on() -> None:
    assert chats_per_minute((100, NOW - 120), (130, NOW)) == 15.0
    assert chats_per_minute((100, NOW - 120), (30, NOW)) is None
    assert chats_per_minute((None, 0), (30, NOW)) is chats_per_minute((30, NOW), (30, NOW)) is None


def told(outcome: str, began: float) -> AuditReport:
    return AuditReport(
        outcome=outcome, began=began, ended=began + 20, differences=[difference()] if outcome == DRIFT else []
    )


def states(*audits: tuple[str, float, str]) -> list[AuditState]:
    found = [AuditState()]
    for outcome, began, valkey in audits:
        found.append(after(found[-1], told(outcome, began), valkey, "db", 100))
    return found[1:]


def test_the_watermark_advances_over_passing_audits_alone() -> None:
    first, second, third, fourth, fifth = states(
        (NO_DRIFT, 10, "v"), (NO_DRIFT, 70, "v"), (DRIFT, 130, "v"), (NO_DRIFT, 190, "v"), (NO_DRIFT, 250, "v")
    )
    assert second.span == Span(since=10, through=70, audits=2, valkey="v", postgres="db")
    assert first.span == Span(since=10, through=10, audits=1, valkey="v", postgres="db")
    assert (third.span, third.last_span, len(third.differences)) == (None, second.span, 1)
    assert (fourth.span and fourth.span.since, fourth.last_span) == (190, second.span)
    assert (fifth.span and (fifth.span.since, fifth.span.through), fifth.last_span) == ((190, 250), second.span)


@pytest.mark.parametrize(
    "broken_by",
    [
        [(UNKNOWN, 70, "v"), (NO_DRIFT, 90, "v")],
        [(NO_DRIFT, 90, "restarted")],
        [(NO_DRIFT, 111, "v")],
    ],
)
def test_whatever_was_not_audited_breaks_the_chain(broken_by: list[tuple[str, float, str]]) -> None:
    last = states((NO_DRIFT, 10, "v"), *broken_by)[-1]
    assert last.span is not None
    assert (last.span.since, last.span.audits) == (broken_by[-1][1], 1)


def test_an_audit_that_could_not_tell_forgets_no_difference() -> None:
    seen, unknown = states((DRIFT, 10, "v"), (UNKNOWN, 70, "v"))
    assert (unknown.differences, unknown.outcome, unknown.ended) == (seen.differences, DRIFT, seen.ended)


def test_a_cause_is_a_marked_line_that_names_the_mitra_or_is_near_in_time() -> None:
    lines = [
        f"{NOW - 604:.3f} [valkey-mirror] seed: 3 online",
        f"{NOW - 603:.3f} [auto-offline] valkey unavailable, skipping this tick: timeout of +62811",
        f"{NOW - 500:.3f} [valkey] write-through for m2 failed: timeout",
        "2027-01-15 08:00:00 something about m1",
    ]
    found = with_causes([difference(since=NOW - 600), difference(mitra="m2"), difference(mitra="m3")], "a.log", lines)
    assert [one.cause for one in found] == ["a.log:2: [auto-offline]", "a.log:3: [valkey]", ""]


@pytest.mark.parametrize(
    ("line", "at"),
    [
        (f"{NOW} [valkey] x", NOW),
        ("2027-01-15T08:00:00Z [valkey] x", NOW),
        ('{"time": "2027-01-15T10:00:00+02:00"}', NOW),
        ("INFO 2027-01-15 08:00:00,000 [valkey] x", NOW),
        ("[valkey] 2027", None),
    ],
)
def test_times_of_usual_log_lines_are_read(line: str, at: float | None) -> None:
    assert line_time(line) == at


@pytest.mark.parametrize(
    ("info", "word"),
    [
        ({"maxmemory_policy": "allkeys-lru"}, "allkeys-lru"),
        ({"maxmemory": 0}, "maxmemory is not set"),
        ({"maxmemory": 100, "used_memory": 81}, "81%"),
        ({"rdb_last_bgsave_status": "err"}, "background save"),
        ({"aof_enabled": 1, "aof_last_write_status": "err"}, "append-only"),
        ({"evicted_keys": 3}, "3 keys were evicted"),
        ({"rejected_connections": 1}, "maxclients"),
        ({"mem_fragmentation_bytes": 200 * 2**20}, "200 MB"),
        ({"loading": 1}, "loading"),
    ],
)
def test_each_danger_of_a_valkey_is_one_warning(info: dict[str, object], word: str) -> None:
    (warning,) = store_warnings(info)
    assert word in warning


def test_a_valkey_in_order_has_no_warning() -> None:
    assert (
        store_warnings({"maxmemory": 100, "used_memory": 50, "maxmemory_policy": "volatile-lru", "aof_enabled": 0})
        == []
    )
