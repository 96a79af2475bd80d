"""Invariants of what readers see: stale mitras leave, offers go to eligible mitras, answers belong to the caller."""

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from rig.checks.chaos.invariants.account_state import auto_offlines, barred_spans, left, rows_evidence
from rig.checks.chaos.invariants.availability import available, sample_evidence
from rig.checks.chaos.invariants.chat_limits import maximum_requests
from rig.checks.chaos.timeline import assume_fault, http_evidence, inside, quiet_spans
from rig.checks.framework import Bounds, Judge, Kind, whole_run_check
from rig.contract import RESEED_S, SEED_LINE, SWEEP_HELD_LINE
from rig.record import Lines, evidence
from rig.record.lines.chaos import AuditRow, Left, PostgresLook, Sample
from rig.record.lines.common import Request, ServerLog

COUNTS = re.compile(r"seed: (\d+) online, (\d+) deactivated, (\d+) with active sessions")
BLIND_S = 0.7  # the longest time between two samples that can still be compared
NEAR_S = 0.5  # a count may have been true so shortly before or after the answer
OWNERS = {
    "create": "customer_id", "get": "customer_id", "pay": "customer_id", "end": "customer_id", "cancel": "customer_id",
    "extend": "customer_id", "pay_extension": "customer_id", "accept": "mitra_id", "profile": "id",
}  # fmt: skip


@whole_run_check("INV-08", "BE", "Who has gone silent is taken offline in time", Kind.INVARIANT)
def stale_mitras_go_offline(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """Outside of faults, W + S + 1 s after the last ping, toggle or seed; 4 W + 2 S + 1 s if a sweep was held back."""
    rows, events = left(judge, lines), assume_fault(judge, lines)
    if rows is None or events is None:
        return
    stale_s, sweep_s = bounds["stale_s"], bounds["sweep_every_s"]
    logged = [(at, text) for log in lines.of(ServerLog) for at, text in log.lines]
    seeds = [at for at, text in logged if SEED_LINE in text]
    heard: dict[str, list[float]] = defaultdict(list)
    for line in lines.of(Request):
        if line.action in ("ping", "online", "abandoned") and line.subject is not None:
            heard[line.subject] += (line.started, line.ended)  # it may have reached Postgres before its answer
    for times in (seeds, *heard.values()):
        times.sort()
    longest = 0.0
    for since, until in quiet_spans(lines, events, bounds["reconnect_s"]).values():
        held = any(SWEEP_HELD_LINE in text for at, text in logged if since - 4 * stale_s <= at <= until)
        most = 4 * stale_s + 2 * sweep_s + 1 if held else stale_s + sweep_s + 1
        for sample in inside(lines.of(Sample), since, until):
            for id in sample.truth.online if sample.truth else ():
                last = max(since, latest(seeds, sample.ended), latest(heard[id], sample.ended))
                silent_s = sample.t - last
                longest = max(longest, silent_s)
                said = f"{id} was still online {silent_s:.1f} s after the last ping, toggle or seed"
                if not judge.require(silent_s <= most, said):
                    judge.show(*sample_evidence([sample]))
    gone = [row for row, _ in auto_offlines(rows.audit, lines)]
    judge.enough(gone, "nobody went silent for long enough")
    judge.show(rows_evidence("mitra_online_logs WHERE status = 'offline', less the toggles", gone))
    judge.show(evidence.timing("longest silence of an online mitra in quiet", round(longest, 2), stale_s + sweep_s + 1))
    judge.note(f"{len(gone)} taken offline; the longest silence in quiet {longest:.1f} s")


def latest(times: Sequence[float], by: float) -> float:
    """The last of these sorted times that is not after `by`; 0 if there is none."""
    place = bisect_right(times, by)
    return times[place - 1] if place else 0.0


@whole_run_check("INV-14", "BE", "The barred and the full are offered no chat", Kind.INVARIANT)
def offers_only_to_eligible(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """Outside of faults, a blast offers no chat to a mitra who has been deactivated or full for more than `within_s`."""
    rows, events = left(judge, lines), assume_fault(judge, lines)
    if rows is None or events is None:
        return
    offered: dict[str, list[str]] = defaultdict(list)
    for row in rows.offers:
        offered[row.chat_session_id].append(row.mitra_id)
    quiet = list(quiet_spans(lines, events, bounds["reconnect_s"]).values())
    barred = list(barred_spans(lines))
    blasts, withheld = 0, 0
    for pay in lines.of(Request):
        if pay.action != "pay" or not any(first <= pay.t and pay.ended <= last for first, last in quiet):
            continue
        mitras = offered.get(pay.url.rsplit("/", 2)[1], [])
        blasts += bool(mitras)
        out = {id for id, since, until in barred if since + bounds["within_s"] < pay.started and pay.ended < until}
        full = always_full(lines, pay.started - bounds["within_s"], pay.ended + NEAR_S, bounds["max_customers"])
        for why, ids in (("deactivated", out), ("full", full)):
            withheld += len(ids - set(mitras))
            for id in ids & set(mitras):
                said = f"{id} was offered a chat though {why} for more than {bounds['within_s']:g} s"
                judge.require(False, said)
                judge.show(http_evidence(pay))
    judge.show(rows_evidence("chat_request_notifications", rows.offers))
    judge.enough(blasts, "no chat was offered in quiet")
    judge.enough(withheld, "nobody was deactivated or full when a chat was offered")
    judge.note(f"{blasts} blasts in quiet, {withheld} times somebody was left out")


def always_full(lines: Lines, since: float, until: float, most: float) -> set[str]:
    """The ids whose load was at the maximum in every sample of that time; none if there was no sample.

    `until` should be a while after the answer, because a sample shows an earlier change only then.
    """
    looks = [sample.truth.loads for sample in inside(lines.of(Sample), since, until) if sample.truth]
    if not looks:
        return set()
    return {id for id in looks[0] if all(look.get(id, 0) >= most for look in looks)}


@whole_run_check("INV-17", "BE", "Fallback and Valkey tell the same", Kind.INVARIANT)
def fallback_tells_the_same(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """The counts of dashboard and beacon were true in Postgres at some moment near the answer.

    Judged outside of faults and in outages that break connections; in between a server may trust a store that is wrong.
    INV-18 judges status codes.
    """
    events = assume_fault(judge, lines)
    if events is None or left(judge, lines) is None:  # the audit shows changes between two samples
        return
    quiet = quiet_spans(lines, events, bounds["reconnect_s"]).values()
    times: dict[str, list[tuple[float, float, tuple[str, ...]]]] = {"Valkey": [(*span, ()) for span in quiet]}
    times["the fallback"] = [
        (fault.confirmed + NEAR_S, fault.removed, fault.hit)
        for fault in events.each
        if fault.outage and fault.noticed and not fault.truth and fault.confirmed and fault.removed
    ]
    most_chats = max([bounds["max_customers"], *(value for _, value in maximum_requests(lines))])
    for path, spans in times.items():
        seen = 0
        for since, until, at in spans:
            for request in inside(lines.of(Request), since, until):
                if at and request.instance not in (None, *at):
                    continue  # it uses a Valkey that the partitioned instance cannot write to
                if request.status != 200 or request.action not in ("dashboard", "beacon"):
                    continue
                seen += compare(judge, path, request, lines, bounds, most_chats)
        judge.enough(seen >= bounds["reads_min"] or not spans, f"only {seen} answers of {path} could be compared")
        judge.note(f"{seen} answers of {path}")


def compare(judge: Judge, path: str, request: Request, lines: Lines, bounds: Bounds, most_chats: float) -> bool:
    """Compare one answer with Postgres. False if there are too few samples to compare it with.

    `most_chats` is the highest maximum of chats per mitra in the run.
    """
    dashboard = request.action == "dashboard"
    age_s = bounds["visible_s"] if dashboard else bounds["snapshot_s"] + bounds["visible_s"]
    near = inside(lines.of(Sample), request.started - age_s, request.ended + NEAR_S)
    truths = [sample.truth for sample in near if sample.truth]
    looked = [sample.t for sample in near if sample.truth]
    edges = [request.started - age_s, *looked, request.ended]
    if any(later - sooner > BLIND_S for sooner, later in pairwise(edges)):
        return False  # between two samples so far apart anything may have changed
    if dashboard:
        counts = [len(truth.online) for truth in truths]
        # Between two samples a mitra may have left and come back.
        turns = [row.status for row in audit_between(lines, edges[0], edges[-1])]
        least, most = min(counts) - turns.count("offline"), max(counts) + turns.count("online")
        told = request.fields.get("online_mitras")
    else:
        everyone = {id for truth in truths for id in available(truth, most_chats)}
        told, least, most = request.fields.get("count"), 0, len(everyone)
    said = f"{path}: the {request.action} said {told}, Postgres {least} to {most} at that time"
    if not judge.require(isinstance(told, int) and least <= told <= most, said):
        judge.show(http_evidence(request))
    return True


def audit_between(lines: Lines, since: float, until: float) -> list[AuditRow]:
    """The audit rows of that time."""
    rows = lines.first(Left)
    return [row for row in rows.audit if since <= row.at <= until] if rows else []


@whole_run_check("INV-22", "BE", "A seed says what it found, and none comes without need", Kind.INVARIANT)
def seeds_tell_the_truth(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """The counts in a seed's log line were true in Postgres. Without periodic seeds none comes outside of faults."""
    events = assume_fault(judge, lines)
    if events is None:
        return
    quiet, compared = quiet_spans(lines, events, bounds["reconnect_s"]), 0
    for log in lines.of(ServerLog):
        for at, text in log.lines:
            if (found := COUNTS.search(text)) is None:
                continue
            calm = not any(since <= at <= until for since, until in events.spans())
            looked_s = bounds["within_s"] if calm else RESEED_S  # a fault may delay it after it has read Postgres
            looks = inside(lines.of(Sample), at - looked_s, at + NEAR_S)
            truths = [sample.truth for sample in looks if sample.truth]
            if len(truths) >= 2 and looks[0].t <= at <= looks[-1].ended:
                compared += 1
                ask = judge.require if calm else judge.require_hardened
                require_counts(
                    ask, log, text, [int(number) for number in found.groups()], truths, between(lines, looks)
                )
            uncalled = bounds["reconcile_s"] == 0 and any(
                since + RESEED_S < at < until for since, until in quiet.values()
            )
            judge.require(not uncalled, f"{log.instance} seeded in quiet, without start, reconnect or need")
        judge.show(evidence.log(log.source, [text for _, text in log.lines], looked_for=SEED_LINE))
    needed = any(fault.seeds and fault.noticed for fault in events.each)
    judge.enough(compared or not needed, "no seed line could be compared with Postgres")
    judge.note(f"{compared} seed lines compared with Postgres")


def between(lines: Lines, looks: Sequence[Sample]) -> dict[str, int]:
    """How many changes there were from the first to the last of these samples, by what a seed counts."""
    since, until = looks[0].t, looks[-1].ended
    acts = Counter(line.action for line in lines.of(Request) if line.started <= until and line.ended >= since)
    return {
        "online": len(audit_between(lines, since, until)),
        "deactivated": acts["deactivate"] + acts["reactivate"],
        "with active sessions": sum(acts[name] for name in ("accept", "end", "reroute")),
    }


def require_counts(
    ask: Callable[..., bool],
    log: ServerLog,
    text: str,
    told: Sequence[int],
    truths: Sequence[PostgresLook],
    turns: Mapping[str, int],
) -> None:
    """Each count was true in a sample, or may have been true between two samples."""
    counts = {
        "online": [len(truth.online) for truth in truths],
        "deactivated": [len(truth.deactivated) for truth in truths],
        "with active sessions": [sum(load > 0 for load in truth.loads.values()) for truth in truths],
    }
    for (what, seen), number in zip(counts.items(), told, strict=True):
        least, most = min(seen) - turns[what], max(seen) + turns[what]
        said = f"{log.instance} said {number} {what}, Postgres {min(seen)} to {max(seen)}: {text}"
        ask(least <= number <= most, said)


@whole_run_check("INV-23", "BE", "Nobody receives what is another's", Kind.INVARIANT)
def responses_match_caller(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """An answer that names an account names the caller's, even while other clients hang up in the middle."""
    own, gone = 0, 0
    for request in lines.of(Request):
        gone += request.action == "abandoned" and request.status is None
        key = OWNERS.get(request.action)
        if key is None or request.status not in (200, 201) or not isinstance(request.reply, dict):
            continue
        whose = request.fields.get(key)
        own += 1
        said = f"{request.action} by {request.subject} was answered with {key} {whose}"
        if not judge.require(whose == request.subject, said) or own == 1:
            judge.show(http_evidence(request))
    judge.enough(own >= bounds["answers_min"], f"only {own} answers name whose they are")
    judge.enough(gone >= bounds["gone_min"], f"only {gone} requests were hung up on")
    judge.note(f"{own} answers to who asked, {gone} requests hung up on")
