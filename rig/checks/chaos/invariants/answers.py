"""The invariant of answers: every request is answered in time and correctly, except where a fault excuses it."""

from collections.abc import Iterable, Sequence

from rig.checks.chaos.invariants.account_state import barred_then
from rig.checks.chaos.invariants.availability import available
from rig.checks.chaos.timeline import (
    Fault,
    Faults,
    Period,
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
from rig.checks.framework import LAG_VOID_S, Bounds, Judge, Kind, whole_run_check
from rig.contract import RESEED_S
from rig.record import Lines, evidence
from rig.record.lines.chaos import Left, Sample, Stopped
from rig.record.lines.common import Exited, Request, ServerLog

SHOWN_MAX = 5
MAX_LEAST, SILENT_MAX = 3, 2  # the lowest maximum that campaigns set; how many mitras stop pinging
HEARD_S = 4.0  # below the staleness limit of campaigns
AFTERWARDS_S = 10.0  # a request after the fault has its answer by then; our own clients give up after 8 s
SILENT_DROPS = ("postgres half-open",)
LINGER_S = 1.0  # so long after a fault a delayed request may still be unanswered
IN_FLIGHT_S = 0.2  # the contract promises an answer to a request whose last byte was sent so long before SIGTERM
SENDING_S = 0.3  # a request with an unknown time of its last byte was sent by then, even on a busy machine
# The answers that the contract allows besides 2xx, if a mitra is available and nobody is deactivated.
REFUSALS = {
    "accept": {"ALREADY_TAKEN", "INVALID_STATE", "MITRA_AT_CAPACITY", "NOT_FOUND"},
    "end": {"INVALID_STATE"},
    "cancel": {"INVALID_STATE"},
    "extend": {"INVALID_STATE", "MITRA_UNREACHABLE"},
    "pay_extension": {"INVALID_STATE"},
    "reroute": {"MITRA_AT_CAPACITY", "INVALID_STATE", "MITRA_UNREACHABLE"},
    "get": set(),
}


@whole_run_check("INV-18", "BE", "Every request is answered within the bound, as in quiet times", Kind.INVARIANT)
def answered(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """Every request from the first fault to the end of the recovery is answered; no 5xx comes that the contract forbids.

    No server may exit by itself, and one that gets SIGTERM must exit cleanly.
    """
    require_in_order(judge, lines)
    require_no_defects(judge, lines, faults(lines))
    fault = None if judge.broken_promises else assume_fault(judge, lines)
    if fault is None:
        return
    begun = inside(lines.of(Request), fault.requested, phases(lines)["recovery"][1])
    requests = [line for line in [*in_flight(lines, fault), *begun] if not beyond_reach(line, fault)]
    over = [line for line in requests if line.status is None or line.seconds > bounds["answer_s"]]
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
        slowest = max(requests, key=lambda line: line.seconds)
        took = slowest.seconds
        judge.show(evidence.timing("slowest answer from the fault on", round(took, 3), bounds["answer_s"]))
        judge.show(http_evidence(slowest))
        judge.note(f"{len(requests)} requests from the fault on, the slowest {took:.3f} s")


def require_in_order(judge: Judge, lines: Lines) -> None:
    """No server exits by itself, and one that gets SIGTERM exits cleanly within 10 s."""
    for line in lines.of(Exited):
        judge.require_under_any_fault(False, line.text)
    for server in lines.of(Stopped):
        told = f"server {server.instance} ended with exit code {server.code} after SIGTERM, not 0 within 10 s"
        judge.require(server.code in CLEAN_EXITS, told)


def require_no_defects(judge: Judge, lines: Lines, fault: Faults) -> None:
    """No defect in any request of the run, preparation included, whether or not the faults acted as planned."""
    found = [line for line in lines.of(Request) if is_defect(line, fault)]
    for line in found:
        judge.require_under_any_fault(False, outcome(line))
    judge.show(*map(http_evidence, found[:SHOWN_MAX]))


def is_defect(request: Request, fault: Faults) -> bool:
    """500, 501, 502 and 504 always are; 503 is one unless Postgres is impaired or the instance stops or starts."""
    if request.status == UNAVAILABLE:
        return not any(touches(each, request) for each in fault.each if each.truth or downs(each, request))
    return request.status in DEFECTS


def in_flight(lines: Lines, fault: Faults) -> list[Request]:
    """Requests that began before the first fault and were unanswered when their server got SIGTERM."""
    return [
        line
        for line in lines.of(Request)
        if line.t < fault.requested and any(was_in_flight(line, each) for each in fault.each)
    ]


def was_in_flight(request: Request, fault: Fault) -> bool:
    """Whether it was sent long enough before SIGTERM and unanswered then: the contract promises it an answer."""
    at = fault.terminated
    sent_at = request.sent_at or request.started + SENDING_S
    return (
        at is not None
        and request.instance in fault.hit
        and request.outcome != "unsent"  # no connection was accepted
        and sent_at <= at - IN_FLIGHT_S
        and request.ended >= at
    )


def require_answers(judge: Judge, wrong: Sequence[Request], fault: Faults) -> None:
    """Every wrong answer is a finding; the first ones are shown."""
    # In an unnoticed fault a server trusts wrong data of Valkey for a while, except a hardened one.
    unnoticed = [
        Period((each.requested or 0.0), (each.removed or 0.0) + RESEED_S)
        for each in fault.each
        if not (each.noticed and each.outage)
    ]
    for line in wrong:
        misled = line.status in (403, 409) and any(period.holds(line.t) for period in unnoticed)
        ask = (
            judge.require_under_any_fault
            if inexcusable(line, fault)
            else judge.require_hardened
            if misled
            else judge.require
        )
        ask(False, outcome(line))
    judge.show(*map(http_evidence, wrong[:SHOWN_MAX]))


def odd_answers(requests: Iterable[Request], lines: Lines, fault: Faults) -> list[Request]:
    """The requests that were answered in time, but not as the contract allows it in that situation."""
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


def inexcusable(request: Request, fault: Faults) -> bool:
    """Whether it fails the server even under a fault that the contract does not cover.

    A 5xx does, if Postgres was well; so does a missing answer long after the fault, unless connections were dropped
    silently.
    """
    if request.status is not None and request.status >= 500:
        return True
    dropped = any(each.name in SILENT_DROPS for each in fault.each)
    return (
        request.started > fault.removed and not dropped and (request.status is None or request.seconds > AFTERWARDS_S)
    )


def beyond_reach(request: Request, fault: Faults) -> bool:
    """Whether nothing is promised to it: its sender hung up, or its server was down or Postgres impaired during it.

    Then it may get no answer, a late one, or a 503; any other answer is judged as usual. To a request in flight at the
    SIGTERM the promise holds, unless Postgres is impaired.
    """
    if request.action == "abandoned" and request.status is None:
        return True
    if request.status not in (None, UNAVAILABLE, 200, 201, 204):
        return False
    ill = any(each.truth and touches(each, request) for each in fault.each)
    if any(was_in_flight(request, each) for each in fault.each) and not ill:
        return False
    return ill or any(downs(each, request) and touches(each, request) for each in fault.each)


def downs(fault: Fault, request: Request) -> bool:
    """Whether the fault takes down the server that was asked."""
    return fault.down and request.instance in fault.hit


def touches(fault: Fault, request: Request) -> bool:
    """Whether the fault was in force during the request. After one of Postgres, LINGER_S more count."""
    healed = float("inf") if fault.healed is None else fault.healed
    until = healed + LINGER_S if fault.truth else healed
    return request.started <= until and request.ended >= (fault.requested or 0.0)


def nobody_had_room(request: Request, lines: Lines, fault: Faults) -> bool:
    """Whether a payment was refused while at most SILENT_MAX mitras had room by Postgres (these may not ping any more).

    If an instance is down, partitioned, or has another Valkey, the pings of its mitras are lost. Then only those mitras
    count who pinged lately at an instance that shares the Valkey of the one that was asked.
    """
    if request.code != "NO_MITRA_AVAILABLE":
        return False
    near = inside(lines.of(Sample), request.started - LINGER_S, request.ended + LINGER_S)
    found = [set(available(sample.truth, MAX_LEAST)) for sample in near if sample.truth]
    if not found and any(each.truth and touches(each, request) for each in fault.each):
        return True  # the rig could not read Postgres either
    everyone = {log.instance for log in lines.of(ServerLog)}
    apart: set[str] = set()
    for each in fault.each:
        if (each.requested or 0.0) <= request.started <= (each.healed or 0.0) + LINGER_S:
            apart |= unheard_by(request, each, everyone)
    if apart:
        lately = inside(lines.of(Request), request.started - HEARD_S, request.started)
        pings = [line for line in lately if line.action in ("ping", "online") and line.status == 200]
        found = [ids & {line.subject or "" for line in pings if line.instance not in apart} for ids in found]
    return bool(found) and min(map(len, found)) <= SILENT_MAX


def unheard_by(request: Request, fault: Fault, everyone: set[str]) -> set[str]:
    """The instances whose mitras' pings the instance that was asked does not get under this fault."""
    hit = set(fault.hit)
    if fault.parts:
        return everyone - hit if request.instance in hit else hit
    return hit if fault.down or (fault.outage and hit < everyone) else set()


def struck_out(request: Request, lines: Lines, fault: Faults) -> bool:
    """Whether it was refused because Postgres was rewound: its chat or the re-activation of its mitra is lost."""
    if not any(each.rewinds and (each.requested or 0.0) <= request.ended for each in fault.each):
        return False
    if request.code == "ACCOUNT_INACTIVE":
        near = inside(lines.of(Sample), request.started - LINGER_S, request.ended + LINGER_S)
        return any(request.subject in sample.truth.deactivated for sample in near if sample.truth)
    there = {chat.id for left in lines.of(Left) for chat in left.chats}
    return request.code == "NOT_FOUND" and not there & set(UUID.findall(request.url))


def allowed(request: Request) -> bool:
    if request.status in (200, 201, 204):
        return True
    return request.code in REFUSALS.get(request.action, ()) and request.status in (404, 409)


def outcome(request: Request) -> str:
    what = request.error if request.status is None else f"{request.status} {request.code or ''}".strip()
    return f"{request.action} by {request.actor} got {what} after {request.seconds:.2f} s"
