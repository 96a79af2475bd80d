"""The invariant of answers: every request gets one, in time and as in quiet, but for just what a fault suspends."""

from collections.abc import Iterable, Sequence

from rig.checks.chaos.invariants.account_state import barred_then
from rig.checks.chaos.invariants.availability import available
from rig.checks.chaos.timeline import (
    Fault,
    Faults,
    Line,
    assume_fault,
    assume_traffic,
    faults,
    http_evidence,
    inside,
    lag_around,
    phases,
)
from rig.checks.common.contract_item import DEFECTS, UNAVAILABLE
from rig.checks.common.http_answers import CLEAN_EXITS
from rig.checks.common.sql_statements import UUID
from rig.checks.framework import LAG_VOID_S, Bounds, Judge, Kind, Lines, check
from rig.contract import RESEED_S
from rig.record import evidence

SHOWN_MAX = 5
MAX_LEAST, SILENT_MAX = 3, 2  # the lowest maximum that campaigns set; as many mitras go silent
HEARD_S = 4.0  # below the staleness limit of campaigns
AFTERWARDS_S = 10.0  # by then who asked after a fault has an answer; our own clients give up after 8 s
SILENT_DROPS = ("postgres half-open",)
LINGER_S = 1.0  # what had to wait may still be on its way
IN_FLIGHT_S = 0.2  # so long before SIGTERM the last byte of a request was sent to which the contract promises an answer
SENDING_S = 0.3  # a request whose last byte has no stamp was sent by then, on a machine with much to do
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


@check("INV-18", "BE", "Every request is answered within the bound, as in quiet times", Kind.INVARIANT, whole_run=True)
def answered(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """Every request begun from the fault's request to its healing, and no 5xx at any time that the contract has none.

    A server that leaves by itself answers none; one that is told to stop has to end in order.
    """
    require_in_order(judge, lines)
    require_no_defects(judge, lines, faults(lines))
    fault = None if judge.broken_promises else assume_fault(judge, lines)
    if fault is None:
        return
    begun = inside(lines.get("request", ()), fault.requested, phases(lines)["recovery"][1])
    requests = [line for line in [*in_flight(lines, fault), *begun] if not beyond_reach(line, fault)]
    over = [line for line in requests if line["status"] is None or line["ended"] - line["started"] > bounds["answer_s"]]
    stalled = [line for line in over if lag_around(line, lines) > LAG_VOID_S]
    late = [line for line in over if line not in stalled]
    odd = odd_answers([line for line in requests if line not in over], lines, fault)
    require_answers(judge, sorted(late + odd, key=lambda line: not inexcusable(line, fault)), fault)
    if stalled:
        worst = max(lag_around(line, lines) for line in stalled)
        told = f"{outcome(stalled[0])}, but the rig itself stood still for {worst:.2f} s; {len(stalled)} such answers"
        judge.enough(False, told)
        judge.show(http_evidence(stalled[0]))
    assume_traffic(judge, lines, bounds["requests_min"])
    if requests:
        slowest = max(requests, key=lambda line: line["ended"] - line["started"])
        took = slowest["ended"] - slowest["started"]
        judge.show(evidence.timing("slowest answer from the fault on", round(took, 3), bounds["answer_s"]))
        judge.show(http_evidence(slowest))
        judge.note(f"{len(requests)} requests from the fault on, the slowest {took:.3f} s")


def require_in_order(judge: Judge, lines: Lines) -> None:
    """No server leaves by itself, and one that is told to stop ends within 10 s with a clean exit."""
    for line in lines.get("exited", ()):
        judge.require_under_any_fault(False, line["text"])
    for line in lines.get("stopped", ()):
        told = f"server {line['instance']} ended with exit code {line['code']} after SIGTERM, not 0 within 10 s"
        judge.require(line["code"] in CLEAN_EXITS, told)


def require_no_defects(judge: Judge, lines: Lines, fault: Faults) -> None:
    """From the first request that prepares the run to its last one, whether or not the faults were as they should be."""
    found = [line for line in lines.get("request", ()) if is_defect(line, fault)]
    for line in found:
        judge.require_under_any_fault(False, outcome(line))
    judge.show(*map(http_evidence, found[:SHOWN_MAX]))


def is_defect(request: Line, fault: Faults) -> bool:
    """A 500 is one at any time, as 501, 502 and 504; a 503 unless Postgres is ill or the instance stops or comes back."""
    if request["status"] == UNAVAILABLE:
        return not any(touches(each, request) for each in fault.each if each.truth or downs(each, request))
    return request["status"] in DEFECTS


def in_flight(lines: Lines, fault: Faults) -> list[Line]:
    """Requests that were on their way before the first fault, when SIGTERM came to their server."""
    return [
        line
        for line in lines.get("request", ())
        if line["t"] < fault.requested and any(was_in_flight(line, each) for each in fault.each)
    ]


def was_in_flight(request: Line, fault: Fault) -> bool:
    """Whether it was sent long enough before SIGTERM came, and not answered yet: the contract promises it an answer."""
    at = fault.terminated
    sent_at = request.get("sent_at") or request["started"] + SENDING_S
    return (
        at is not None
        and request.get("instance") in fault.hit
        and request.get("outcome") != "unsent"  # no connection was accepted
        and sent_at <= at - IN_FLIGHT_S
        and request["ended"] >= at
    )


def require_answers(judge: Judge, wrong: Sequence[Line], fault: Faults) -> None:
    """All of them are judged; the first are shown."""
    # What an unnoticed fault makes Valkey say is believed for a while: only a hardened server does better.
    unnoticed = [
        ((each.requested or 0.0), (each.removed or 0.0) + RESEED_S)
        for each in fault.each
        if not (each.noticed and each.outage)
    ]
    for line in wrong:
        misled = line["status"] in (403, 409) and any(since <= line["t"] <= until for since, until in unnoticed)
        ask = (
            judge.require_under_any_fault
            if inexcusable(line, fault)
            else judge.require_hardened
            if misled
            else judge.require
        )
        ask(False, outcome(line))
    judge.show(*map(http_evidence, wrong[:SHOWN_MAX]))


def odd_answers(requests: Iterable[Line], lines: Lines, fault: Faults) -> list[Line]:
    """Answers in time that are none of those which the contract allows in that state."""
    troubled = fault.spans(RESEED_S)
    return [
        line
        for line in requests
        if not (
            allowed(line)
            or barred_then(line, lines, troubled)
            or nobody_had_room(line, lines, fault)
            or struck_out(line, lines, fault)
        )
    ]


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
    """Whether nothing is promised of it: its sender left, its server was itself down, or Postgres ill, at some moment.

    Then it may go unanswered, come late, or be told so by a 503; any other answer is judged like all. A request in
    flight as SIGTERM comes keeps its promise, unless Postgres is ill.
    """
    if request["action"] == "abandoned" and request["status"] is None:
        return True
    if request["status"] not in (None, UNAVAILABLE, 200, 201, 204):
        return False
    ill = any(each.truth and touches(each, request) for each in fault.each)
    if any(was_in_flight(request, each) for each in fault.each) and not ill:
        return False
    return ill or any(downs(each, request) and touches(each, request) for each in fault.each)


def downs(fault: Fault, request: Line) -> bool:
    """Whether the fault is for that request's own server."""
    return fault.down and request.get("instance") in fault.hit


def touches(fault: Fault, request: Line) -> bool:
    """Whether it was in force at some moment of the request; what had to wait for Postgres may still be on its way."""
    healed = float("inf") if fault.healed is None else fault.healed
    until = healed + LINGER_S if fault.truth else healed
    started: float = request["started"]
    ended: float = request["ended"]
    return started <= until and ended >= (fault.requested or 0.0)


def nobody_had_room(request: Line, lines: Lines, fault: Faults) -> bool:
    """Whether a payment was refused while next to nobody had room by Postgres (who is left may be silent).

    Where an instance is down, cut off alone, or has another Valkey, its mitras are not heard: then only who was heard
    lately by those who share this one's counts.
    """
    if request["code"] != "NO_MITRA_AVAILABLE":
        return False
    near = inside(lines.get("sample", ()), request["started"] - LINGER_S, request["ended"] + LINGER_S)
    found = [set(available(sample["truth"], MAX_LEAST)) for sample in near if sample["truth"]]
    if not found and any(each.truth and touches(each, request) for each in fault.each):
        return True  # nobody could look at Postgres either
    everyone = {log["instance"] for log in lines.get("log", ())}
    apart: set[str] = set()
    for each in fault.each:
        if (each.requested or 0.0) <= request["started"] <= (each.healed or 0.0) + LINGER_S:
            apart |= unheard_by(request, each, everyone)
    if apart:
        lately = inside(lines.get("request", ()), request["started"] - HEARD_S, request["started"])
        pings = [line for line in lately if line["action"] in ("ping", "online") and line["status"] == 200]
        found = [ids & {line["subject"] for line in pings if line["instance"] not in apart} for ids in found]
    return bool(found) and min(map(len, found)) <= SILENT_MAX


def unheard_by(request: Line, fault: Fault, everyone: set[str]) -> set[str]:
    """The instances whose mitras the one that was asked does not hear of under this fault."""
    hit = set(fault.hit)
    if fault.parts:
        return everyone - hit if request.get("instance") in hit else hit
    return hit if fault.down or (fault.outage and hit < everyone) else set()


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
