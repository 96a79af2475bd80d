"""Invariants of who is where: the silent leave, the barred and the full get no offer, everybody reads their own."""

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from rig.checks.chaos.invariants.account_state import auto_offlines, barred_spans, left, rows_evidence
from rig.checks.chaos.invariants.availability import available, sample_evidence
from rig.checks.chaos.timeline import Line, assume_fault, http_evidence, inside, quiet_spans
from rig.checks.framework import Bounds, Judge, Kind, Lines, check
from rig.contract import RESEED_S, SEED_LINE, SWEEP_HELD_LINE
from rig.record import evidence

COUNTS = re.compile(r"seed: (\d+) online, (\d+) deactivated, (\d+) with active sessions")
BLIND_S = 0.7  # the longest between two looks
NEAR_S = 0.5  # a count may have been true so shortly before or after it was told
OWNERS = {
    "create": "customer_id", "get": "customer_id", "pay": "customer_id", "end": "customer_id", "cancel": "customer_id",
    "extend": "customer_id", "pay_extension": "customer_id", "accept": "mitra_id", "profile": "id",
}  # fmt: skip


@check("INV-08", "BE", "Who has gone silent is taken offline in time", Kind.INVARIANT, whole_run=True)
def the_silent_leave(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """In quiet, W + S + 1 s after the last of ping, toggle and seed; where a tick was held, 4 W + 2 S + 1 s."""
    rows, events = left(judge, lines), assume_fault(judge, lines)
    if rows is None or events is None:
        return
    stale_s, sweep_s = bounds["stale_s"], bounds["sweep_every_s"]
    told = [(at, text) for log in lines.get("log", ()) for at, text in log["lines"]]
    seeds = [at for at, text in told if SEED_LINE in text]
    heard: dict[str, list[float]] = defaultdict(list)
    for line in lines.get("request", ()):
        if line["action"] in ("ping", "online", "abandoned"):
            heard[line["subject"]] += (line["started"], line["ended"])  # one on its way may be in Postgres already
    for times in (seeds, *heard.values()):
        times.sort()
    longest = 0.0
    for since, until in quiet_spans(lines, events, bounds["reconnect_s"]).values():
        held = any(SWEEP_HELD_LINE in text for at, text in told if since - 4 * stale_s <= at <= until)
        most = 4 * stale_s + 2 * sweep_s + 1 if held else stale_s + sweep_s + 1
        for sample in inside(lines.get("sample", ()), since, until):
            for id in sample["truth"]["online"] if sample["truth"] else ():
                last = max(since, latest(seeds, sample["ended"]), latest(heard[id], sample["ended"]))
                silent_s = sample["t"] - last
                longest = max(longest, silent_s)
                said = f"{id} was still online {silent_s:.1f} s after the last ping, toggle or seed"
                if not judge.require(silent_s <= most, said):
                    judge.show(*sample_evidence([sample]))
    gone = [row for row, _ in auto_offlines(rows["audit"], lines)]
    judge.enough(gone, "nobody went silent for long enough")
    judge.show(rows_evidence("mitra_online_logs WHERE status = 'offline', less the toggles", gone))
    judge.show(evidence.timing("longest silence of an online mitra in quiet", round(longest, 2), stale_s + sweep_s + 1))
    judge.note(f"{len(gone)} taken offline; the longest silence in quiet {longest:.1f} s")


def latest(times: Sequence[float], by: float) -> float:
    """The last of these times, which are in order, that is not after `by`; 0 when there is none."""
    place = bisect_right(times, by)
    return times[place - 1] if place else 0.0


@check("INV-14", "BE", "The barred and the full are offered no chat", Kind.INVARIANT, whole_run=True)
def no_offer_in_vain(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """In quiet no blast makes a row for who had been deactivated, or full, for more than `within_s`."""
    rows, events = left(judge, lines), assume_fault(judge, lines)
    if rows is None or events is None:
        return
    offered: dict[str, list[str]] = defaultdict(list)
    for row in rows["offers"]:
        offered[row["chat_session_id"]].append(row["mitra_id"])
    quiet = list(quiet_spans(lines, events, bounds["reconnect_s"]).values())
    barred = list(barred_spans(lines))
    blasts, withheld = 0, 0
    for pay in lines.get("request", ()):
        if pay["action"] != "pay" or not any(first <= pay["t"] and pay["ended"] <= last for first, last in quiet):
            continue
        mitras = offered.get(pay["url"].rsplit("/", 2)[1], [])
        blasts += bool(mitras)
        out = {
            id for id, since, until in barred if since + bounds["within_s"] < pay["started"] and pay["ended"] < until
        }
        full = always_full(lines, pay["started"] - bounds["within_s"], pay["ended"] + NEAR_S, bounds["max_customers"])
        for why, ids in (("deactivated", out), ("full", full)):
            withheld += len(ids - set(mitras))
            for id in ids & set(mitras):
                said = f"{id} was offered a chat though {why} for more than {bounds['within_s']:g} s"
                judge.require(False, said)
                judge.show(http_evidence(pay))
    judge.show(rows_evidence("chat_request_notifications", rows["offers"]))
    judge.enough(blasts, "no chat was offered in quiet")
    judge.enough(withheld, "nobody was deactivated or full when a chat was offered")
    judge.note(f"{blasts} blasts in quiet, {withheld} times somebody was left out")


def always_full(lines: Lines, since: float, until: float, most: float) -> set[str]:
    """Ids whose load was at the maximum in every look of that time; none where nobody looked.

    It ends a while after the answer: room that came before it is seen only then.
    """
    looks = [sample["truth"]["loads"] for sample in inside(lines.get("sample", ()), since, until) if sample["truth"]]
    if not looks:
        return set()
    return {id for id in looks[0] if all(look.get(id, 0) >= most for look in looks)}


@check("INV-17", "BE", "Fallback and Valkey tell the same", Kind.INVARIANT, whole_run=True)
def fallback_tells_the_same(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """The dashboard counts who is online, the beacon no more than have room: by Postgres, at some moment near the answer.

    Judged in quiet and in outages that connections notice; in between a store may be believed that is wrong. Status
    codes are INV-18's.
    """
    events = assume_fault(judge, lines)
    if events is None or left(judge, lines) is None:  # the audit tells who came and went between two looks
        return
    quiet = quiet_spans(lines, events, bounds["reconnect_s"]).values()
    times: dict[str, list[tuple[float, float, tuple[str, ...]]]] = {"Valkey": [(*span, ()) for span in quiet]}
    times["the fallback"] = [
        (fault.confirmed + NEAR_S, fault.removed, fault.hit)
        for fault in events.each
        if fault.outage and fault.noticed and not fault.truth and fault.confirmed and fault.removed
    ]
    for path, spans in times.items():
        seen = 0
        for since, until, at in spans:
            for request in inside(lines.get("request", ()), since, until):
                if at and request.get("instance") not in (None, *at):
                    continue  # it still believes a Valkey that the instance cut off cannot write to
                if request["status"] != 200 or request["action"] not in ("dashboard", "beacon"):
                    continue
                seen += compare(judge, path, request, lines, bounds)
        judge.enough(seen >= bounds["reads_min"] or not spans, f"only {seen} answers of {path} could be compared")
        judge.note(f"{seen} answers of {path}")


def compare(judge: Judge, path: str, request: Line, lines: Lines, bounds: Bounds) -> bool:
    """Whether there was something to compare it with."""
    dashboard = request["action"] == "dashboard"
    age_s = bounds["visible_s"] if dashboard else bounds["snapshot_s"] + bounds["visible_s"]
    near = inside(lines.get("sample", ()), request["started"] - age_s, request["ended"] + NEAR_S)
    truths = [sample["truth"] for sample in near if sample["truth"]]
    looked = [sample["t"] for sample in near if sample["truth"]]
    edges = [request["started"] - age_s, *looked, request["ended"]]
    if any(later - sooner > BLIND_S for sooner, later in pairwise(edges)):
        return False  # somebody may have come and gone while nobody looked
    if dashboard:
        counts = [len(truth["online"]) for truth in truths]
        # Between two looks somebody may have left and come back.
        turns = [row["status"] for row in audit_between(lines, edges[0], edges[-1])]
        least, most = min(counts) - turns.count("offline"), max(counts) + turns.count("online")
        told = request["reply"].get("online_mitras")
    else:
        most_chats = max([bounds["max_customers"], *raised(lines)])
        everyone = {id for truth in truths for id in available(truth, most_chats)}
        told, least, most = request["reply"].get("count"), 0, len(everyone)
    said = f"{path}: the {request['action']} said {told}, Postgres {least} to {most} at that time"
    if not judge.require(isinstance(told, int) and least <= told <= most, said):
        judge.show(http_evidence(request))
    return True


def audit_between(lines: Lines, since: float, until: float) -> list[Line]:
    rows = next((line["audit"] for line in lines.get("left", ())), ())
    return [row for row in rows if since <= row["at"] <= until]


def raised(lines: Lines) -> list[float]:
    """Each maximum that an operator set."""
    asked = [line for line in lines.get("request", ()) if line["action"] == "set_config"]
    return [line["body"]["value"] for line in asked if line["url"].endswith("/max_customers_per_mitra")]


@check("INV-22", "BE", "A seed says what it found, and none comes without need", Kind.INVARIANT, whole_run=True)
def seeds_tell_the_truth(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """The counts of a seed line are those of Postgres, in quiet; with the periodic seed away none comes in quiet."""
    events = assume_fault(judge, lines)
    if events is None:
        return
    quiet, compared = quiet_spans(lines, events, bounds["reconnect_s"]), 0
    for log in lines.get("log", ()):
        for at, text in log["lines"]:
            if (found := COUNTS.search(text)) is None:
                continue
            calm = not any(since <= at <= until for since, until in events.spans())
            looked_s = bounds["within_s"] if calm else RESEED_S  # a fault may hold it up after its look at Postgres
            looks = inside(lines.get("sample", ()), at - looked_s, at + NEAR_S)
            truths = [sample["truth"] for sample in looks if sample["truth"]]
            if len(truths) >= 2 and looks[0]["t"] <= at <= looks[-1]["ended"]:
                compared += 1
                ask = judge.require if calm else judge.require_hardened
                require_counts(
                    ask, log, text, [int(number) for number in found.groups()], truths, between(lines, looks)
                )
            uncalled = bounds["reconcile_s"] == 0 and any(
                since + RESEED_S < at < until for since, until in quiet.values()
            )
            judge.require(not uncalled, f"{log['instance']} seeded in quiet, without start, reconnect or need")
        judge.show(evidence.log(log["source"], [text for _, text in log["lines"]], looked_for=SEED_LINE))
    needed = any(fault.seeds and fault.noticed for fault in events.each)
    judge.enough(compared or not needed, "no seed line could be compared with Postgres")
    judge.note(f"{compared} seed lines compared with Postgres")


def between(lines: Lines, looks: Sequence[Line]) -> dict[str, int]:
    """How often, from the first of these looks to the last, somebody came or went, was barred, began or ended a chat."""
    since, until = looks[0]["t"], looks[-1]["ended"]
    acts = Counter(
        line["action"] for line in lines.get("request", ()) if line["started"] <= until and line["ended"] >= since
    )
    return {
        "online": len(audit_between(lines, since, until)),
        "deactivated": acts["deactivate"] + acts["reactivate"],
        "with active sessions": sum(acts[name] for name in ("accept", "end", "reroute")),
    }


def require_counts(
    ask: Callable[..., bool],
    log: Line,
    text: str,
    told: Sequence[int],
    truths: Sequence[Line],
    turns: Mapping[str, int],
) -> None:
    """Each count was seen; or, where changes fell between two looks, may have been true in between."""
    counts = {
        "online": [len(truth["online"]) for truth in truths],
        "deactivated": [len(truth["deactivated"]) for truth in truths],
        "with active sessions": [sum(load > 0 for load in truth["loads"].values()) for truth in truths],
    }
    for (what, seen), number in zip(counts.items(), told, strict=True):
        least, most = min(seen) - turns[what], max(seen) + turns[what]
        said = f"{log['instance']} said {number} {what}, Postgres {min(seen)} to {max(seen)}: {text}"
        ask(least <= number <= most, said)


@check("INV-23", "BE", "Nobody receives what is another's", Kind.INVARIANT, whole_run=True)
def everybody_their_own(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """Answers that name whose they are name the one who asked, while others hang up in the middle."""
    own, gone = 0, 0
    for request in lines.get("request", ()):
        gone += request["action"] == "abandoned" and request["status"] is None
        key = OWNERS.get(request["action"])
        if key is None or request["status"] not in (200, 201) or not isinstance(request["reply"], dict):
            continue
        whose = request["reply"].get(key)
        own += 1
        said = f"{request['action']} by {request['subject']} was answered with {key} {whose}"
        if not judge.require(whose == request["subject"], said) or own == 1:
            judge.show(http_evidence(request))
    judge.enough(own >= bounds["answers_min"], f"only {own} answers name whose they are")
    judge.enough(gone >= bounds["gone_min"], f"only {gone} requests were hung up on")
    judge.note(f"{own} answers to who asked, {gone} requests hung up on")
