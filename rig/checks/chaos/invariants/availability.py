"""Invariants of availability: the online set equals Postgres, and readers never see an empty one."""

from collections.abc import Sequence

from rig.checks.chaos.timeline import (
    AFTER,
    Faults,
    Period,
    assume_fault,
    http_evidence,
    inside,
    phases,
    quiet_spans,
    require_no_wrong_over,
    wrong_in,
)
from rig.checks.framework import Bounds, Judge, Kind, whole_run_check
from rig.contract import RESEED_S, SEED_LINE
from rig.record import Lines, evidence
from rig.record.evidence import Evidence
from rig.record.lines.chaos import PostgresLook, Sample
from rig.record.lines.common import Request, ServerLog

SHOWN_MAX = 5


@whole_run_check("INV-01", "BE", "Mirror = truth: the online set equals Postgres' online ids", Kind.INVARIANT)
def mirror_is_truth(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """Outside of faults an id is wrong for at most `quiet_s`; `reconnect_s` after Valkey answers again none is wrong."""
    fault = assume_fault(judge, lines)
    if fault is None:
        return
    quiet_s, reconnect_s = bounds["quiet_s"], bounds["reconnect_s"]
    spans, samples = phases(lines), lines.of(Sample)
    before = inside(samples, spans["baseline"].since, fault.requested)
    # It begins `quiet_s` earlier: an id that is wrong from then until after `reconnect_s` exceeds both bounds.
    after = inside(samples, fault.removed + reconnect_s - quiet_s, spans["drain"].until)
    for name, seen in (("baseline", before), ("after the reconnect", after)):
        sighted = [sample for sample in seen if wrong_in(sample) is not None]
        judge.enough(len(sighted) >= bounds["samples_min"], f"{name}: only {len(sighted)} samples could be compared")
    quiet = quiet_spans(lines, fault, reconnect_s - quiet_s)
    longest = require_no_wrong_over(judge, "baseline", before, quiet_s)
    for name, span in list(quiet.items())[1:]:
        seen = inside(samples, *span)
        what = f"{reconnect_s:g} s after the reconnect" if name == AFTER else f"{reconnect_s:g} s into {name}"
        longest = max(longest, require_no_wrong_over(judge, what, seen, quiet_s, promised=fault.noticed))
    equal = first_equal(inside(samples, fault.removed, spans["drain"].until))
    took = None if equal is None else equal - fault.removed
    judge.show(evidence.timing("Valkey answers again → mirror equals Postgres", took, reconnect_s))
    judge.show(evidence.timing("longest that an id was wrong in quiet", round(longest, 3), quiet_s))
    judge.show(*sample_evidence([sample for sample in after if wrong_in(sample)][-1:] or after[-1:]))
    if took is not None:
        judge.note(f"equal {took:.2f} s after Valkey answered again; longest difference in quiet {longest:.2f} s")


def first_equal(samples: Sequence[Sample]) -> float | None:
    """The time of the first sample without a difference; None if there is none."""
    return next((sample.t for sample in samples if wrong_in(sample) == {}), None)


def sample_evidence(samples: Sequence[Sample]) -> list[Evidence]:
    """Both stores as they were read."""
    pieces = []
    for sample in samples:
        if sample.truth is None:
            continue
        online = [[id] for id in sample.truth.online]
        pieces += [
            evidence.sql(sample.truth.query, ["mitra_id"], online, at=sample.t),
            evidence.valkey("SMEMBERS mitras:online", sample.mirror_after, type="set"),
        ]
    return pieces


@whole_run_check("INV-15", "BE", "Nobody reads an empty online set; the reseed follows the restart", Kind.INVARIANT)
def readers_never_empty(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """After each fault a seed follows within `reseed_s`, and no reader is told for `empty_s` that nobody is online."""
    fault = assume_fault(judge, lines)
    if fault is None:
        return
    until = phases(lines)["drain"].until
    if any(each.seeds for each in fault.each):
        require_seeds(judge, lines, fault, bounds["reseed_s"])
    judge.assume(lines.of(ServerLog), "no server log was kept")
    samples = inside(lines.of(Sample), fault.requested, until)
    judge.assume(samples, "the truth was never read")
    longest = 0.0
    for reader, reads in readers(
        inside(lines.of(Request), fault.requested, until), samples, bounds, partitions(fault, lines)
    ).items():
        empties = empty_spans(reads)
        worst = max(empties, key=span_s, default=[])
        longest = max(longest, span_s(worst))
        said = f"the {reader} said for {span_s(worst):.2f} s that nobody is there, while Postgres had mitras online"
        # If no connection breaks, the contract allows 5 s to notice the fault.
        silent = any(not each.outage or not each.noticed for each in fault.each)
        judge.require(span_s(worst) <= (bounds["reseed_s"] if silent else bounds["empty_s"]), said)
        judge.require_hardened(span_s(worst) <= bounds["empty_s"], said)
        judge.show(*[http_evidence(read) for read in worst[:SHOWN_MAX]])
        few = f"only {len(reads)} answers of the {reader} from the fault on"
        judge.enough(len(reads) >= bounds["reads_min"], few)
        judge.note(f"{len(reads)} reads of the {reader}")
    judge.show(evidence.timing("longest that a reader saw nobody", round(longest, 3), bounds["empty_s"]))


def require_seeds(judge: Judge, lines: Lines, fault: Faults, reseed_s: float) -> None:
    """One instance seeds after the last fault that needs it; the others may adopt its epoch.

    A seed reads Postgres and writes to Valkey, so none is due while one of them is impaired.
    """
    last = max((each for each in fault.each if each.seeds), key=lambda each: each.removed or 0.0)
    since, removed = last.requested or 0.0, last.removed or 0.0
    ill = [each for each in fault.each if (each.truth or each.outage) and (each.requested or 0.0) <= removed + reseed_s]
    removed = max([removed, *(each.removed or 0.0 for each in ill)])
    until = phases(lines)["drain"].until
    found: dict[str, float] = {}
    for log in lines.of(ServerLog):
        seeds = [at for at, text in log.lines if SEED_LINE in text and at >= since]
        # A seed during the fault is enough only if no data were lost afterwards.
        late = [at for at in seeds if at >= removed] or seeds
        if late:
            found[log.instance] = max(0.0, late[0] - removed)
        shown = [f"{at:.3f} {text}" for at, text in log.lines if since <= at <= until]
        judge.show(evidence.log(log.source, shown, looked_for=SEED_LINE))
    first = min(found, key=lambda name: found[name], default=None)
    named = first or ", ".join(log.instance for log in lines.of(ServerLog)) or "the server"
    took = None if first is None else found[first]
    judge.show(evidence.timing(f"Valkey answers again → seed line of {named}", took, reseed_s))
    if last.noticed:
        judge.within(f"the seed line of {named}", took, reseed_s)
    else:
        told = "did not come" if took is None else f"took {took:.3f} s"
        judge.require_hardened(
            took is not None and took <= reseed_s, f"the seed line of {named} {told}, bound {reseed_s:g} s"
        )


def readers(
    requests: Sequence[Request], samples: Sequence[Sample], bounds: Bounds, partitions: Sequence[Period]
) -> dict[str, list[Request]]:
    """The answers that tell how many are online, by reader, in the order of their ends, while Postgres has some online.

    Answers of the beacon during `partitions` are left out.
    """
    somebody = [
        (sample.t, bool(sample.truth.online), bool(available(sample.truth, bounds["max_customers"])))
        for sample in samples
        if sample.truth is not None
    ]
    found: dict[str, list[Request]] = {"beacon": [], "dashboard": []}
    for request in sorted(requests, key=lambda line: line.ended):
        if request.action in found and request.status == 200:
            column = 2 if request.action == "beacon" else 1
            # The beacon's answer may be as old as its snapshot, so Postgres must have had some online for so long.
            near = [row[column] for row in somebody if request.t - bounds["snapshot_s"] <= row[0] <= request.ended + 1]
            silent = column == 2 and any(period.holds(request.t) for period in partitions)
            if near and all(near) and not silent:
                found[request.action].append(request)
    return found


def available(truth: PostgresLook, max_customers: float) -> list[str]:
    """The ids that are online, not deactivated, and below the maximum of chats, by Postgres."""
    out = set(truth.deactivated)
    return [id for id in truth.online if id not in out and truth.loads.get(id, 0) < max_customers]


def partitions(fault: Faults, lines: Lines) -> list[Period]:
    """Periods in which some but not all instances were down or partitioned.

    The pings of their mitras are lost, so the other instances see them as stale.
    """
    everyone = {log.instance for log in lines.of(ServerLog)}
    return [
        Period(each.requested or 0.0, (each.healed or 0.0) + RESEED_S)
        for each in fault.each
        if each.down or each.truth or (each.hit and set(each.hit) < everyone)
    ]


def empty_spans(reads: Sequence[Request]) -> list[list[Request]]:
    """Sequences of answers that say that nobody is online; an answer that says otherwise ends a sequence."""
    spans: list[list[Request]] = [[]]
    for read in reads:
        if says_nobody(read):
            spans[-1].append(read)
        elif spans[-1]:
            spans.append([])
    return [span for span in spans if span]


def says_nobody(read: Request) -> bool:
    """Whether the answer of a dashboard or beacon says that nobody is online or available."""
    if read.action == "dashboard":
        return read.fields.get("online_mitras") == 0
    return read.fields.get("count") == 0 or read.fields.get("available") is False


def span_s(span: Sequence[Request]) -> float:
    return span[-1].ended - span[0].started if span else 0.0
