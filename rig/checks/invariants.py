"""The invariants: what a server must hold all through a campaign, judged from the whole saved run."""

from collections.abc import Sequence
from typing import Any

from rig.checks.base import LAG_VOID_S, Bounds, Judge, Kind, Lines, check
from rig.checks.courses import (
    AFTER,
    Faults,
    Line,
    assume_fault,
    assume_traffic,
    http_evidence,
    inside,
    lag_around,
    phases,
    quiet_spans,
    require_no_wrong_over,
    wrong_in,
)
from rig.checks.invariants_conduct import RESEED_S, barred_then
from rig.checks.statements import UUID
from rig.record import evidence

SEED_LINE = "[valkey-mirror] seed:"
SHOWN_MAX = 5
MAX_LEAST, SILENT_MAX = 3, 2  # the lowest maximum that campaigns set; as many mitras go silent
HEARD_S = 4.0  # below the staleness limit of campaigns
AFTERWARDS_S = 10.0  # by then who asked after a fault has an answer; our own clients give up after 8 s
SILENT_DROPS = ("postgres half-open",)
LINGER_S = 1.0  # what had to wait may still be on its way
# Answers that the contract allows besides 2xx, in a world where somebody is always available and nobody is barred.
REFUSALS = {
    "accept": {"ALREADY_TAKEN", "INVALID_STATE", "MITRA_AT_CAPACITY", "NOT_FOUND"},
    "end": {"INVALID_STATE"},
    "cancel": {"INVALID_STATE"},
    "extend": {"INVALID_STATE", "MITRA_UNREACHABLE"},
    "pay_extension": {"INVALID_STATE"},
    "reroute": {"MITRA_AT_CAPACITY", "INVALID_STATE", "MITRA_UNREACHABLE"},
    "get": set(),
}


@check("INV-01", "BE", "Mirror = truth: the online set equals Postgres' online ids", Kind.INVARIANT, whole_run=True)
def mirror_is_truth(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """In quiet an id may be wrong for `quiet_s`; `reconnect_s` after Valkey answers again none is wrong any more."""
    fault = assume_fault(judge, lines)
    if fault is None:
        return
    quiet_s, reconnect_s = bounds["quiet_s"], bounds["reconnect_s"]
    spans, samples = phases(lines), lines.get("sample", ())
    before = inside(samples, spans["baseline"][0], fault.requested)
    # What is wrong from here to beyond `reconnect_s` has outlived both bounds.
    after = inside(samples, fault.removed + reconnect_s - quiet_s, spans["drain"][1])
    for name, seen in (("baseline", before), ("after the reconnect", after)):
        sighted = [sample for sample in seen if wrong_in(sample) is not None]
        judge.assume(len(sighted) >= bounds["samples_min"], f"{name}: only {len(sighted)} samples could be compared")
    quiet = quiet_spans(lines, fault, reconnect_s - quiet_s)
    longest = require_no_wrong_over(judge, "baseline", before, quiet_s)
    for name, span in list(quiet.items())[1:]:
        seen = inside(samples, *span)
        what = f"{reconnect_s:g} s after the reconnect" if name == AFTER else f"{reconnect_s:g} s into {name}"
        longest = max(longest, require_no_wrong_over(judge, what, seen, quiet_s, promised=fault.noticed))
    equal = first_equal(inside(samples, fault.removed, spans["drain"][1]))
    took = None if equal is None else equal - fault.removed
    judge.show(evidence.timing("Valkey answers again → mirror equals Postgres", took, reconnect_s))
    judge.show(evidence.timing("longest that an id was wrong in quiet", round(longest, 3), quiet_s))
    judge.show(*sample_evidence([sample for sample in after if wrong_in(sample)][-1:] or after[-1:]))
    if took is not None:
        judge.remark(f"equal {took:.2f} s after Valkey answered again; longest difference in quiet {longest:.2f} s")


def first_equal(samples: Sequence[Line]) -> float | None:
    """When a sample first showed no difference; None if none did."""
    return next((sample["t"] for sample in samples if wrong_in(sample) == {}), None)


def sample_evidence(samples: Sequence[Line]) -> list[dict[str, Any]]:
    """The two stores side by side, as they were read."""
    pieces = []
    for sample in samples:
        online = [[id] for id in sample["truth"]["online"]]
        pieces += [
            evidence.sql(sample["truth"]["query"], ["mitra_id"], online, at=sample["t"]),
            evidence.valkey("SMEMBERS mitras:online", sample["mirror_after"], type="set"),
        ]
    return pieces


@check(
    "INV-15", "BE", "Nobody reads an empty online set; the reseed follows the restart", Kind.INVARIANT, whole_run=True
)
def never_empty(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """A seed line of every instance ≤ `reseed_s` after Valkey answers again, and no reader sees nobody for `empty_s`."""
    fault = assume_fault(judge, lines)
    if fault is None:
        return
    until = phases(lines)["drain"][1]
    if any(each.seeds for each in fault.each):
        require_seeds(judge, lines, fault, bounds["reseed_s"])
    judge.assume(lines.get("log"), "no server log was kept")
    samples = inside(lines.get("sample", ()), fault.requested, until)
    judge.assume(samples, "the truth was never read")
    longest = 0.0
    for reader, reads in readers(
        inside(lines.get("request", ()), fault.requested, until), samples, bounds, unheard(fault, lines)
    ).items():
        empties = empty_spans(reads)
        worst = max(empties, key=span_s, default=[])
        longest = max(longest, span_s(worst))
        said = f"the {reader} said for {span_s(worst):.2f} s that nobody is there, while Postgres had mitras online"
        # What no connection notices may take the contract's 5 s to be seen.
        silent = any(not each.outage or not each.noticed for each in fault.each)
        judge.require(span_s(worst) <= (bounds["reseed_s"] if silent else bounds["empty_s"]), said)
        judge.harden(span_s(worst) <= bounds["empty_s"], said)
        judge.show(*[http_evidence(read) for read in worst[:SHOWN_MAX]])
        if not judge.broken_promises:  # a broken promise needs no sample size
            few = f"only {len(reads)} answers of the {reader} from the fault on"
            judge.assume(len(reads) >= bounds["reads_min"], few)
        judge.remark(f"{len(reads)} reads of the {reader}")
    judge.show(evidence.timing("longest that a reader saw nobody", round(longest, 3), bounds["empty_s"]))


def require_seeds(judge: Judge, lines: Lines, fault: Faults, reseed_s: float) -> None:
    """After the last fault that asks for one: of a lone server, or of one of several (the others may adopt its epoch).

    A seed reads Postgres and writes to Valkey: while either is ill none is owed.
    """
    last = max((each for each in fault.each if each.seeds), key=lambda each: each.removed or 0.0)
    since, removed = last.requested or 0.0, last.removed or 0.0
    ill = [each for each in fault.each if (each.truth or each.outage) and (each.requested or 0.0) <= removed + reseed_s]
    removed = max([removed, *(each.removed or 0.0 for each in ill)])
    until = phases(lines)["drain"][1]
    found: dict[str, float] = {}
    for log in lines.get("log", ()):
        seeds = [at for at, text in log["lines"] if SEED_LINE in text and at >= since]
        # What came while the fault was in force answers it only if nothing was lost since.
        late = [at for at in seeds if at >= removed] or seeds
        if late:
            found[log["instance"]] = max(0.0, late[0] - removed)
        shown = [f"{at:.3f} {text}" for at, text in log["lines"] if since <= at <= until]
        judge.show(evidence.log(log["source"], shown, looked_for=SEED_LINE))
    first = min(found, key=lambda name: found[name], default=None)
    named = first or ", ".join(log["instance"] for log in lines.get("log", ())) or "the server"
    took = None if first is None else found[first]
    judge.show(evidence.timing(f"Valkey answers again → seed line of {named}", took, reseed_s))
    if last.noticed:
        judge.within(f"the seed line of {named}", took, reseed_s)
    else:
        told = "did not come" if took is None else f"took {took:.3f} s"
        judge.harden(took is not None and took <= reseed_s, f"the seed line of {named} {told}, bound {reseed_s:g} s")


def readers(
    requests: Sequence[Line], samples: Sequence[Line], bounds: Bounds, apart: Sequence[tuple[float, float]]
) -> dict[str, list[Line]]:
    """Answers that tell how many are there, by reader, in order of their end, while Postgres says that somebody is."""
    somebody = [
        (sample["t"], bool(sample["truth"]["online"]), bool(available(sample["truth"], bounds["max_customers"])))
        for sample in samples
        if sample["truth"] is not None
    ]
    found: dict[str, list[Line]] = {"beacon": [], "dashboard": []}
    for request in sorted(requests, key=lambda line: line["ended"]):
        if request["action"] in found and request["status"] == 200:
            column = 2 if request["action"] == "beacon" else 1
            # The beacon's answer may be as old as its snapshot: somebody must have been there all that time.
            near = [
                row[column] for row in somebody if request["t"] - bounds["snapshot_s"] <= row[0] <= request["ended"] + 1
            ]
            silent = column == 2 and any(since <= request["t"] <= until for since, until in apart)
            if near and all(near) and not silent:
                found[request["action"]].append(request)
    return found


def available(truth: Line, max_customers: float) -> list[str]:
    """Who is online, not deactivated and has room, by Postgres."""
    out = set(truth["deactivated"])
    return [id for id in truth["online"] if id not in out and truth["loads"].get(id, 0) < max_customers]


def unheard(fault: Faults, lines: Lines) -> list[tuple[float, float]]:
    """Times in which some instance alone was down or cut off: the others don't hear its mitras, who turn stale."""
    everyone = {log["instance"] for log in lines.get("log", ())}
    return [
        (each.requested or 0.0, (each.healed or 0.0) + RESEED_S)
        for each in fault.each
        if each.down or each.truth or (each.hit and set(each.hit) < everyone)
    ]


def empty_spans(reads: Sequence[Line]) -> list[list[Line]]:
    """Runs of answers that say that nobody is there, each uninterrupted by one that says otherwise."""
    spans: list[list[Line]] = [[]]
    for read in reads:
        if says_nobody(read):
            spans[-1].append(read)
        elif spans[-1]:
            spans.append([])
    return [span for span in spans if span]


def says_nobody(read: Line) -> bool:
    reply = read["reply"] if isinstance(read["reply"], dict) else {}
    if read["action"] == "dashboard":
        return reply.get("online_mitras") == 0
    return reply.get("count") == 0 or reply.get("available") is False


def span_s(span: Sequence[Line]) -> float:
    return span[-1]["ended"] - span[0]["started"] if span else 0.0


@check("INV-18", "BE", "Every request is answered within the bound, as in quiet times", Kind.INVARIANT, whole_run=True)
def answered(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """Every request begun from the fault's request to its healing; a server that leaves by itself answers none."""
    for line in lines.get("exited", ()):
        judge.insist(False, line["text"])
    fault = None if judge.broken_promises else assume_fault(judge, lines)
    if fault is None:
        return
    begun = inside(lines.get("request", ()), fault.requested, phases(lines)["recovery"][1])
    troubled = fault.spans(RESEED_S)
    requests = [line for line in begun if not beyond_reach(line, fault)]
    over = [line for line in requests if line["status"] is None or line["ended"] - line["started"] > bounds["answer_s"]]
    stalled = [line for line in over if lag_around(line, lines) > LAG_VOID_S]
    late = [line for line in over if line not in stalled]
    odd = [
        line
        for line in requests
        if not (
            line in over
            or allowed(line)
            or barred_then(line, lines, troubled)
            or nobody_had_room(line, lines, fault)
            or struck_out(line, lines, fault)
        )
    ]
    # What an unnoticed fault makes Valkey say is believed for a while: only a hardened server does better.
    unnoticed = [
        ((each.requested or 0.0), (each.removed or 0.0) + RESEED_S)
        for each in fault.each
        if not (each.noticed and each.outage)
    ]
    wrong = sorted(late + odd, key=lambda line: not inexcusable(line, fault))
    for line in wrong[:SHOWN_MAX]:
        misled = line["status"] in (403, 409) and any(since <= line["t"] <= until for since, until in unnoticed)
        ask = judge.insist if inexcusable(line, fault) else judge.harden if misled else judge.require
        ask(False, outcome(line))
        judge.show(http_evidence(line))
    more = len(wrong) - SHOWN_MAX
    judge.harden(more <= 0, f"and {more} more such answers")
    if judge.broken_promises:
        return  # a broken promise needs no sample size
    if stalled:
        worst = max(lag_around(line, lines) for line in stalled)
        told = f"{outcome(stalled[0])}, but the rig itself stood still for {worst:.2f} s; {len(stalled)} such answers"
        judge.assume(False, told)
        judge.show(http_evidence(stalled[0]))
    assume_traffic(judge, lines, bounds["requests_min"])
    if requests:
        slowest = max(requests, key=lambda line: line["ended"] - line["started"])
        took = slowest["ended"] - slowest["started"]
        judge.show(evidence.timing("slowest answer from the fault on", round(took, 3), bounds["answer_s"]))
        judge.show(http_evidence(slowest))
        judge.remark(f"{len(requests)} requests from the fault on, the slowest {took:.3f} s")


def inexcusable(request: Line, fault: Faults) -> bool:
    """Whether it fails a server even under a fault of which the contract says nothing.

    That is a 5xx, where Postgres was well, and no answer for long after the fault, but for what a silent drop left behind.
    """
    if request["status"] is not None and request["status"] >= 500:
        return True
    took_s = request["ended"] - request["started"]
    dropped = any(each.name in SILENT_DROPS for each in fault.each)
    return request["started"] > fault.removed and not dropped and (request["status"] is None or took_s > AFTERWARDS_S)


def beyond_reach(request: Line, fault: Faults) -> bool:
    """Whether its server was itself down, or Postgres ill, at some moment of it, or its sender left: unanswered then.

    A 500 is a defect at any time: for an ill Postgres there is 503.
    """
    if request["status"] == 500:
        return False
    return request["action"] == "abandoned" or any(
        (each.truth or (each.down and request.get("instance") in each.hit))
        and request["started"] <= (each.healed or 0.0) + LINGER_S
        and request["ended"] >= (each.requested or 0.0)
        for each in fault.each
    )


def nobody_had_room(request: Line, lines: Lines, fault: Faults) -> bool:
    """Whether a payment was refused while next to nobody had room by Postgres (who is left may be silent).

    Where an instance is down, or cut off alone, its mitras are not heard: then only who was heard lately by another counts.
    """
    if request["code"] != "NO_MITRA_AVAILABLE":
        return False
    near = inside(lines.get("sample", ()), request["started"] - LINGER_S, request["ended"] + LINGER_S)
    found = [set(available(sample["truth"], MAX_LEAST)) for sample in near if sample["truth"]]
    everyone = {log["instance"] for log in lines.get("log", ())}
    apart = {
        name
        for each in fault.each
        if (each.down or (each.outage and each.hit and set(each.hit) < everyone))
        and (each.requested or 0.0) <= request["started"] <= (each.healed or 0.0) + LINGER_S
        for name in each.hit
    }
    if apart:
        lately = inside(lines.get("request", ()), request["started"] - HEARD_S, request["started"])
        pings = [line for line in lately if line["action"] in ("ping", "online") and line["status"] == 200]
        found = [ids & {line["subject"] for line in pings if line["instance"] not in apart} for ids in found]
    return bool(found) and min(map(len, found)) <= SILENT_MAX


def struck_out(request: Line, lines: Lines, fault: Faults) -> bool:
    """Whether it was refused for what an older Postgres does not know: a chat begun since, or that a mitra was let in again."""
    if not any(each.rewinds and (each.requested or 0.0) <= request["ended"] for each in fault.each):
        return False
    if request["code"] == "ACCOUNT_INACTIVE":
        near = inside(lines.get("sample", ()), request["started"] - LINGER_S, request["ended"] + LINGER_S)
        return any(request["subject"] in sample["truth"]["deactivated"] for sample in near if sample["truth"])
    there = {chat["id"] for left in lines.get("left", ()) for chat in left["chats"]}
    return request["code"] == "NOT_FOUND" and not there & set(UUID.findall(request["url"]))


def allowed(request: Line) -> bool:
    if request["status"] in (200, 201, 204):
        return True
    return request["code"] in REFUSALS.get(request["action"], ()) and request["status"] in (404, 409)


def outcome(request: Line) -> str:
    took = request["ended"] - request["started"]
    what = request["error"] if request["status"] is None else f"{request['status']} {request['code'] or ''}".strip()
    return f"{request['action']} by {request['actor']} got {what} after {took:.2f} s"
