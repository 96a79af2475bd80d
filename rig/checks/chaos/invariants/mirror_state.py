"""Invariants of the keys in Valkey: three structures equal Postgres; heartbeats only rise and reach Postgres."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from rig.checks.chaos.timeline import (
    AFTER,
    Faults,
    Find,
    assume_fault,
    inside,
    quiet_spans,
    require_no_wrong_over,
)
from rig.checks.common.availability_model import iso_time
from rig.checks.framework import Bounds, Judge, Kind, whole_run_check
from rig.record import Lines, evidence
from rig.record.lines.chaos import PostgresLook, Sample, ValkeyLook
from rig.record.lines.common import Request

CLOCK_S = 0.005  # a heartbeat has whole milliseconds, and Postgres rounds too
PINGS = ("ping", "online")
LATEST = "SELECT mitra_id, extract(epoch FROM last_heartbeat_at) FROM mitra_online_status"


def keys(sample: Sample) -> tuple[ValkeyLook, PostgresLook, ValkeyLook] | None:
    """Valkey before, Postgres, Valkey after; None if a store was not read."""
    before, truth, after = sample.keys_before, sample.truth, sample.keys_after
    return None if before is None or truth is None or after is None else (before, truth, after)


def deactivated_wrong(sample: Sample) -> dict[str, str] | None:
    """Ids on which `mitras:deactivated` and Postgres certainly differ."""
    found = keys(sample)
    if found is None:
        return None
    before, truth, after = found
    out = set(truth.deactivated)
    missing = out - set(before.deactivated) - set(after.deactivated)
    extra = (set(before.deactivated) & set(after.deactivated)) - out
    return {**dict.fromkeys(missing, "missing"), **dict.fromkeys(extra, "left over")}


def capacity_wrong(sample: Sample) -> dict[str, str] | None:
    """Online ids whose capacity differs from their load in both looks at Valkey."""
    found = keys(sample)
    if found is None:
        return None
    before, truth, after = found
    wrong = {}
    for id in truth.online:
        load, seen = str(truth.loads.get(id, 0)), (before.capacities.get(id), after.capacities.get(id))
        if load not in seen:
            wrong[id] = "without a capacity" if seen == (None, None) else f"at {seen[1]} with a load of {load}"
    return wrong


def heartbeat_wrong(sample: Sample) -> dict[str, str] | None:
    """Ids that are online without a heartbeat key, or have one without being online, in both looks at Valkey."""
    found = keys(sample)
    if found is None:
        return None
    before, truth, after = found
    online = set(truth.online)
    missing = online - set(before.heartbeats) - set(after.heartbeats)
    extra = (set(before.heartbeats) & set(after.heartbeats)) - online
    return {**dict.fromkeys(missing, "without a heartbeat"), **dict.fromkeys(extra, "with one, though offline")}


def require_agreement(judge: Judge, lines: Lines, bounds: Bounds, find: Find, where: str) -> None:
    """Outside of faults no id differs for more than `quiet_s`. Samples are needed before and after the faults."""
    events = assume_fault(judge, lines)
    if events is None:
        return
    for name, samples in quiet_samples(lines, events, bounds):
        seen = [sample for sample in samples if find(sample) is not None]
        few = f"{name}: only {len(seen)} samples could be compared"
        judge.enough(name not in ("baseline", AFTER) or len(seen) >= bounds["samples_min"], few)
        promised = events.noticed or name == "baseline"
        longest = require_no_wrong_over(judge, name, samples, bounds["quiet_s"], find, where, promised)
        judge.show(
            evidence.timing(f"{name}: longest that an id was wrong in {where}", round(longest, 3), bounds["quiet_s"])
        )
        judge.note(f"{name}: {len(seen)} samples, the longest difference {longest:.2f} s")


def quiet_samples(lines: Lines, events: Faults, bounds: Bounds) -> Iterator[tuple[str, list[Sample]]]:
    """The samples of each period outside of faults. Those after a fault begin `quiet_s` earlier."""
    for name, (since, until) in quiet_spans(lines, events, bounds["reconnect_s"]).items():
        early = bounds["quiet_s"] if name != "baseline" else 0.0
        yield name, inside(lines.of(Sample), since - early, until)


@whole_run_check("INV-02", "BE", "The deactivated set equals Postgres' inactive ids", Kind.INVARIANT)
def deactivated_is_truth(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    require_agreement(judge, lines, bounds, deactivated_wrong, "mitras:deactivated")
    ever = {id for sample in lines.of(Sample) if sample.truth for id in sample.truth.deactivated}
    judge.enough(judge.inconclusive_reasons or ever, "nobody was ever deactivated")


@whole_run_check("INV-03", "BE", "Every online mitra's capacity is her load", Kind.INVARIANT)
def capacity_is_load(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    require_agreement(judge, lines, bounds, capacity_wrong, "mitra:capacity")
    loaded = any(any(sample.truth.loads.values()) for sample in lines.of(Sample) if sample.truth)
    judge.enough(judge.inconclusive_reasons or loaded, "nobody ever had a chat")


@whole_run_check("INV-04", "BE", "A heartbeat key exists just for who is online", Kind.INVARIANT)
def heartbeat_iff_online(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    require_agreement(judge, lines, bounds, heartbeat_wrong, "mitra:heartbeat")


@whole_run_check("INV-05", "BE", "A heartbeat never goes back, nor far ahead", Kind.INVARIANT)
def heartbeat_forward(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """A heartbeat is never older than in the look before, unless its key was gone. The contract requires only a time."""
    newest: dict[str, float] = {}
    looks = 0
    for at, heartbeats in looks_at_heartbeats(lines.of(Sample)):
        if heartbeats is None:
            newest.clear()  # the keys may have been deleted meanwhile
            continue
        looks += 1
        for id in newest.keys() - heartbeats.keys():
            del newest[id]
        for id, text in heartbeats.items():
            value = iso_time(text)
            if not judge.require(value is not None, f"{id}: the heartbeat {text!r} is no time") or value is None:
                continue
            back = newest.get(id, value) - value
            judge.require_hardened(back <= 0, f"{id}: the heartbeat went back by {back:.3f} s to {text} at {at:.3f}")
            ahead = value - at
            judge.require_hardened(
                ahead <= bounds["ahead_s"], f"{id}: the heartbeat {text} was {ahead:.1f} s ahead at {at:.3f}"
            )
            newest[id] = value
    judge.enough(looks >= bounds["samples_min"], f"the heartbeats were seen only {looks} times")
    told = {id: datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds") for id, at in newest.items()}
    judge.show(evidence.valkey("MGET mitra:heartbeat:*, at the last look", told, type="string"))
    judge.note(f"{looks} looks at the heartbeats")


def looks_at_heartbeats(samples: Sequence[Sample]) -> Iterator[tuple[float, Mapping[str, str] | None]]:
    """The heartbeats of both looks at Valkey in each sample, with the end of the sample; None if Valkey was not read."""
    for sample in samples:
        for look in (sample.keys_before, sample.keys_after):
            yield sample.ended, None if look is None else look.heartbeats


@whole_run_check("INV-06", "BE", "A heartbeat that has stood for a mirror cycle is in Postgres", Kind.INVARIANT)
def heartbeat_mirrored(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """Only heartbeats that a ping or toggle wrote; those that a seed makes up need not reach Postgres."""
    events = assume_fault(judge, lines)
    if events is None:
        return
    owed, due = 0, dict[str, list[object]]()
    heard: dict[str | None, list[Request]] = defaultdict(list)
    for request in lines.of(Request):
        if request.action in PINGS:
            heard[request.subject].append(request)
    common = shared(lines)
    for _, samples in quiet_samples(lines, events, {**bounds, "quiet_s": 0.0}):
        stands: dict[str, tuple[str, float]] = {}
        for sample in samples:
            found = keys(sample)
            if found is None:
                stands.clear()
                continue
            before, truth, _ = found
            for id in [id for id in stands if id not in before.heartbeats]:
                del stands[id]
            for id, text in before.heartbeats.items():
                if stands.get(id, ("", 0.0))[0] != text:
                    stands[id] = (text, sample.ended)
                stood = sample.t - stands[id][1]
                if (
                    stood > bounds["mirror_every_s"] + bounds["within_s"]
                    and text not in common
                    and by_request(heard[id], text)
                ):
                    owed += 1
                    due[id] = [text, round(stood, 1), truth.heartbeats.get(id)]
                    column = truth.heartbeats.get(id)
                    late = column is None or column < (iso_time(text) or 0.0) - CLOCK_S
                    told = f"{id}: last_heartbeat_at is {column}, though {text} has stood in Valkey for {stood:.1f} s"
                    judge.require(not late, told)
    columns = ["mitra_id", "heartbeat in Valkey", "stood for s", "last_heartbeat_at"]
    judge.show(evidence.sql(LATEST, columns, [[id, *row] for id, row in due.items()]))
    judge.enough(owed, "no heartbeat stood in Valkey for as long as a mirror cycle")
    judge.note(f"{owed} looks at heartbeats that were due in Postgres")


def shared(lines: Lines) -> set[str]:
    """Heartbeats that several mitras had at once: a seed wrote them, even if one is within a slow request."""
    found: set[str] = set()
    for sample in lines.of(Sample):
        if sample.keys_before is not None:
            counts = Counter(sample.keys_before.heartbeats.values())
            found.update(text for text, count in counts.items() if count > 1)
    return found


def by_request(heard: Sequence[Request], text: str) -> bool:
    """Whether that heartbeat was written by one of these pings and toggles."""
    at = iso_time(text) or 0.0
    return any(request.started - CLOCK_S <= at <= request.ended + CLOCK_S for request in heard)
