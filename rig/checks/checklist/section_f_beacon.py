"""Section F, beacon and dashboard: the truth, shared for ten seconds, for the price of one recompute; SCARD for the other."""

import json
from itertools import pairwise
from typing import Any

from rig.checks.checklist.section_c import (
    REQUESTS_MIN,
    answered,
    require_none_a_request,
    require_without_postgres,
    total,
)
from rig.checks.checklist.section_f import STATUS, require_no_availability_sql, same_but_snapshot
from rig.checks.common.availability_model import assume_clear, available, require_beacon, states
from rig.checks.common.http_answers import require_status
from rig.checks.common.valkey_commands import SETS
from rig.checks.framework import Bounds, Judge, Seen, check

POLLS_PER_SECOND_MIN = 5
SOURCES_MIN = 3
AT_ONCE_MIN = 12  # polls under way together on a missing snapshot
RECOMPUTE_S = 1.0  # what belongs to a recompute is done within this after its SDIFF
EXPIRY_S = 0.05  # a key is gone so much after its time at the latest, and is told in whole milliseconds
STAMP_S = 0.001  # stamps of the statement log are cut to milliseconds


def expected_count(judge: Judge, poll: Seen, seen: Seen, maximum: int) -> int:
    """How many were available by Valkey's rule when this poll was sent."""
    before = poll["before"]
    assume_clear(judge, before["mirror"], seen["stale_s"], before["at"])
    judge.observed(same_but_snapshot(before["mirror"], poll["after"]), "the mirror changed while it was compared")
    return len(available(states(before["mirror"], before["loads"], maximum, seen["stale_s"], before["at"])))


@check("F-07", "BE", "The beacon's answer is {available, count}, and matches reality")
def matches_reality(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    counts = []
    for poll in seen["polls"]:
        count = expected_count(judge, poll, seen, seen["maximum"])
        online = len(poll["before"]["mirror"]["online"])
        if require_status(judge, poll["exchange"]):
            require_beacon(judge, poll["exchange"], count, f"with {online} mitras online")
        counts.append(f"{count} of {online}")
    judge.assume(counts[0] == "0 of 0", "somebody was online at the first poll")
    judge.assume(not counts[-1].startswith("0 "), "nobody was available at the last poll")
    judge.note(f"available: {', then '.join(counts)}, and so said the beacon")


def snapshot_of(text: Any) -> dict[str, Any]:
    """The snapshot's JSON; empty for what is none."""
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@check("F-08", "BE", "availability:snapshot holds the answer as JSON, for ten seconds at most, whoever reads it")
def snapshot_for_ten_seconds(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    judge.observed(not seen["blind_s"], f"MONITOR was not connected for {seen['blind_s']:.2f} s of the window")
    first, last = seen["looks"]
    if require_status(judge, seen["answer"]):
        cached = snapshot_of(first["text"])
        said = {key: seen["answer"]["reply"].get(key) for key in ("available", "count")}
        held = {key: cached.get(key) for key in said}
        judge.require(held == said, f"the snapshot holds {first['text']!r}, the answer was {said}")
        others = [answer for answer in seen["shared"] if not same_answer(answer, said)]
        judge.require(not others, f"other customers were answered {others}, not {said}")
    life_ms = bounds["life_s"] * 1000
    judge.require(
        0 < first["ttl_ms"] <= life_ms, f"its remaining life is {first['ttl_ms']} ms, not up to {life_ms:g} ms"
    )
    judge.require(
        len(seen["writes"]) == 1, f"it was written {len(seen['writes'])} times by one recompute: {seen['writes']}"
    )
    left_ms = first["ttl_ms"] - (last["at"] - first["at"] - EXPIRY_S) * 1000
    judge.require(
        last["ttl_ms"] <= left_ms,
        f"{last['at'] - first['at']:.2f} s later it is {last['ttl_ms']} ms: reading renews it",
    )
    judge.require(
        all(same_answer(answer, {"available": True, "count": 42}) for answer in seen["planted"]),
        f"with a snapshot written by hand the beacon answers {seen['planted']}",
    )
    judge.require(
        not seen["after_planting"], f"a snapshot written by hand was computed anew {seen['after_planting']} times"
    )
    judge.note(
        f"{first['ttl_ms']} ms to live, {last['ttl_ms']} ms after {total(seen['shared'])} more polls; one by hand is served"
    )


def same_answer(answer: Any, said: dict[str, Any]) -> bool:
    status, _, reply, _ = answer
    return status == 200 and isinstance(reply, dict) and all(reply.get(key) == value for key, value in said.items())


@check("F-09", "BE", "Rapid polls from three addresses: one recompute in ten seconds, no availability query")
def one_recompute(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    judge.observed(not seen["blind_s"], f"MONITOR was not connected for {seen['blind_s']:.2f} s of the window")
    rates = {source: count / seen["seconds"] for source, count in seen["per_source"].items()}
    enough = len(rates) >= SOURCES_MIN and min(rates.values()) >= POLLS_PER_SECOND_MIN
    judge.observed(
        enough, f"too few polls: a second {', '.join(f'{rate:.1f} at {source}' for source, rate in rates.items())}"
    )
    judge.observed(seen["seconds"] > bounds["life_s"], f"{seen['seconds']:.1f} s are not over the life of a snapshot")
    late = seen["burst"] - seen["early"]
    judge.observed(late >= AT_ONCE_MIN, f"only {late} of {seen['burst']} polls were sent before another was answered")
    sent = total(seen["answers"])
    shared = len(seen["answers"]) == 1 and seen["answers"][0][0] == 200
    judge.require(shared, f"{sent} polls got {len(seen['answers'])} different answers: {seen['answers'][:5]}")
    require_apart(judge, "recomputes", seen["recomputes"], bounds["between_s"])
    writes = [at for at, _ in seen["writes"]]
    require_apart(judge, "writes of the snapshot", writes, bounds["between_s"])
    others = [verb for _, verb in seen["writes"] if verb not in SETS]
    judge.require(not others, f"the snapshot was also changed by {', '.join(others)}")
    judge.require(len(writes) >= 2, "the snapshot outlived its ten seconds: it was not written anew")
    strays = [verb for at, verb in seen["touches"] if not any(0 <= at - s < RECOMPUTE_S for s in seen["recomputes"])]
    judge.require(
        not strays, f"{len(strays)} commands looked at the mirror outside a recompute: {', '.join(strays[:5])}"
    )
    require_no_availability_sql(judge, seen["statements"], STATUS)
    require_none_a_request(judge, seen["statements"], sent)
    judge.note(f"{sent} polls in {seen['seconds']:.1f} s, {len(seen['recomputes'])} recomputes, no availability query")


def require_apart(judge: Judge, what: str, times: list[float], between_s: float) -> None:
    """At least one, and no two nearer than that, by Valkey's clock."""
    judge.require(times, f"no {what} at all")
    gaps = [later - earlier for earlier, later in pairwise(times)]
    near = [gap for gap in gaps if gap < between_s]
    judge.require(not near, f"{len(times)} {what}, two of them only {min(near, default=0):.3f} s apart")


@check("F-10", "CC", "A changed maximum deletes the snapshot within 1 s, and the next poll recomputes")
def counted_anew(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    before, after = seen["polls"]
    counts = [
        expected_count(judge, poll, seen, maximum) for poll, maximum in zip(seen["polls"], seen["maxima"], strict=True)
    ]
    judge.assume(counts[0] != counts[1], f"the change makes no difference: {counts[0]} are available before and after")
    for poll, count, when in ((before, counts[0], "before the change"), (after, counts[1], "after the change")):
        if require_status(judge, poll["exchange"]):
            require_beacon(judge, poll["exchange"], count, when)
    if not require_status(judge, seen["changed"]):
        return
    answered_at, gone = seen["changed"]["ended"], seen["gone"]
    if judge.observed(seen["committed_at"] is not None, "the setting's COMMIT is not in the statement log"):
        # A deletion before it could be undone by a poll that still counts by the old setting: one has to follow it.
        in_time = after_commit(seen["deleted_at"], seen.get("released_at"), seen["committed_at"])
        deleted = judge.require(in_time, "the backend did not delete the snapshot after the setting was committed")
        took = min(in_time) - answered_at if deleted else None
        if deleted and gone["gone"]:
            judge.within("the deletion of the snapshot", took, bounds["within_s"])
    judge.require(
        gone["gone"], f"the snapshot is still there {bounds['within_s']:g} s after the answer, though nobody polled"
    )
    judge.require(seen["recomputes"], "the next poll did not recompute")
    judge.note(f"{counts[0]} available at a maximum of {seen['maxima'][0]}, {counts[1]} at {seen['maxima'][1]}")


def after_commit(times: list[float], released_at: float | None, committed_at: float) -> list[float]:
    """Of what was done in Valkey: what followed the COMMIT.

    Where it was held back (`released_at`, by Valkey's clock) that is certain. By stamps alone a millisecond is not told.
    """
    if released_at is not None:
        return [at for at in times if at > released_at]
    return [at for at in times if at >= committed_at - STAMP_S]


@check("F-11", "CC", "The dashboard says what SCARD mitras:online says, deactivated mitras included")
def dashboard_is_scard(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    counts = []
    for one in seen["reads"]:
        judge.observed(one["before"] == one["after"], f"the set changed while it was compared ({one['what']})")
        if require_status(judge, one["exchange"]):
            found = one["exchange"]["reply"].get("online_mitras")
            judge.require(found == one["before"], f"{one['what']}: the dashboard says {found!r}, SCARD {one['before']}")
        counts.append(one["before"])
    judge.assume(len(set(counts)) >= 3, f"the set hardly changed: {counts}")
    judge.assume(any(one["deactivated"] for one in seen["reads"]), "no deactivated mitra was online")
    judge.note(f"through {len(counts)} changes: {counts}")


@check("F-12", "CC", "500 reads of the dashboard: not one query of mitra_online_status")
def dashboard_without_sql(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    if seen["witness"] == "postgres stopped":
        for name in ("dashboard", "beacon"):
            said = seen["said"][name]
            judge.assume(said, f"the {name} was not read before Postgres was stopped")
            require_without_postgres(judge, seen, name, sum(a[-1] for a in seen[name] if same_answer(a, said)))
        return
    sent, good = total(seen["answers"]), answered(seen["answers"], 200)
    judge.observed(sent >= REQUESTS_MIN, f"the dashboard was read only {sent} times")
    judge.require(good == sent, f"{sent - good} of {sent} reads were not answered 200: {seen['answers']}")
    require_no_availability_sql(judge, seen["statements"], STATUS)
    judge.note(f"{good} reads, no statement names {STATUS}")
