"""Invariants of what the server did to people: nobody wrongly offline, nobody let in, nobody overloaded, all of it on record."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from rig.checks.chaos.timeline import Line, assume_fault, http_evidence, quiet_spans
from rig.checks.common.sql_statements import writes
from rig.checks.framework import Bounds, Judge, Kind, Lines, check
from rig.contract import COUNTED, RESEED_S, WRITE_THROUGH_S
from rig.record import evidence

AUDIT = "mitra_online_logs"
CONTRACT_TOLERANCE_S = 1.0
STAMP_S = 0.001  # the statement log's times are cut to the millisecond
SHOWN_MAX = 5
ROWS_SHOWN_MAX = 30


def left(judge: Judge, lines: Lines) -> Line | None:
    """The rows that stood in Postgres at the end."""
    found = next(iter(lines.get("left", ())), None)
    judge.assume(found, "the run ended before the rows that it left were read")
    return found


@check("INV-07", "BE", "Nobody who pings is taken offline", Kind.INVARIANT, whole_run=True)
def no_wrongful_offline(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """By the time of its COMMIT, no auto-offline comes less than W after the begin of a ping answered 200 and online.

    The contract allows 1 s less, and speaks only of pings that Valkey took: those of the outage are a hardened server's.
    """
    rows, events = left(judge, lines), assume_fault(judge, lines)
    if rows is None or events is None or not statements_watched(judge, lines):
        return
    outages = events.spans(RESEED_S)
    pings: dict[str, list[Line]] = defaultdict(list)
    for line in lines.get("request", ()):
        if line["action"] == "ping" and line["status"] == 200 and (line["reply"] or {}).get("is_online") is True:
            pings[line["subject"]].append(line)
    swept = list(auto_offlines(rows["audit"], lines))
    for row, committed_at in swept:
        before = [ping for ping in pings[row["mitra_id"]] if ping["started"] < committed_at]
        if before:
            last = max(before, key=lambda ping: ping["started"])
            silent_s = committed_at - last["started"]
            told = f"{row['mitra_id']} was taken offline {silent_s:.2f} s after a ping that was answered as online"
            in_outage = any(since <= last["started"] <= until for since, until in outages)
            promised = silent_s < bounds["stale_s"] - CONTRACT_TOLERANCE_S and not in_outage
            ask = judge.require if promised else judge.require_hardened
            if not ask(silent_s >= bounds["stale_s"] - bounds["tolerance_s"], told):
                judge.show(evidence.note(f"committed at {committed_at:.3f}"), http_evidence(last))
    sent = sum(map(len, pings.values()))
    judge.enough(sent >= bounds["pings_min"], f"only {sent} pings were answered as online")
    judge.show(rows_evidence("mitra_online_logs WHERE status = 'offline', less the toggles", [row for row, _ in swept]))
    judge.note(f"{sent} pings, {len(swept)} taken offline by the sweep")


def auto_offlines(audit: Sequence[Line], lines: Lines) -> Iterator[tuple[Line, float]]:
    """Audit rows `offline` that no toggle of hers explains, each with the time of its COMMIT (its own if not logged)."""
    commits = sorted(
        line["committed_at"] for line in lines.get("statement", ()) if line["committed_at"] and writes(line, AUDIT)
    )
    toggles: dict[str, list[Line]] = defaultdict(list)
    for request in lines.get("request", ()):
        if request["action"] == "offline":
            toggles[request["subject"]].append(request)
    for row in audit:
        toggled = any(
            request["started"] - STAMP_S <= row["at"] <= request["ended"] + STAMP_S
            for request in toggles[row["mitra_id"]]
        )
        if row["status"] == "offline" and not toggled:
            place = bisect_left(commits, row["at"] - STAMP_S)
            yield row, commits[place] if place < len(commits) else row["at"]


def statements_watched(judge: Judge, lines: Lines) -> bool:
    """Whether Postgres' statement log was there to be read."""
    watched = next(iter(lines.get("watched", ())), {"statements": False})
    return judge.assume(watched["statements"], "no statement log: what Postgres was asked is not known")


@check("INV-12", "BE", "Who is deactivated gets no ping through", Kind.INVARIANT, whole_run=True)
def no_ping_when_deactivated(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """None begun over `within_s` after the answer is 200, in quiet and while Valkey is refused (then Postgres says so).

    A hardened server holds `partition_s` in any other fault, too. A ping that was still under way as a re-activation
    began may see either.
    """
    events = assume_fault(judge, lines)
    if events is None:
        return
    quiet = list(quiet_spans(lines, events, bounds["reconnect_s"]).values())
    quiet += [(f.confirmed or 0.0, f.removed or 0.0) for f in events.each if f.outage and f.noticed and f.confirmed]
    refused = 0
    pings = [line for line in lines.get("request", ()) if line["action"] == "ping"]
    for id, since, until in barred_spans(lines):
        for ping in pings:
            after = ping["started"] - since
            if ping["subject"] != id or after <= bounds["within_s"] or ping["ended"] >= until:
                continue
            told = f"{id}: a ping {after:.2f} s after her deactivation was answered 200"
            promised = any(first <= ping["started"] <= last for first, last in quiet)
            ask = judge.require if promised else judge.require_hardened
            if (promised or after > bounds["partition_s"]) and not ask(ping["status"] != 200, told):
                judge.show(http_evidence(ping))
            elif ping["code"] == "ACCOUNT_INACTIVE":
                refused += 1
                if refused == 1:
                    judge.show(http_evidence(ping))
    judge.enough(refused, "no deactivated mitra pinged")
    judge.note(f"{refused} pings of deactivated mitras refused")


def barred_spans(lines: Lines) -> Iterator[tuple[str, float, float]]:
    """From a deactivation's answer to the begin of the re-activation: id and both times (the end may be never)."""
    acts: dict[str, list[Line]] = defaultdict(list)
    for line in lines.get("request", ()):
        if line["action"] in ("deactivate", "reactivate"):
            acts[line["url"].rsplit("/", 1)[1]].append(line)
    for id, own in acts.items():
        own.sort(key=lambda line: line["started"])
        for act, following in zip(own, [*own[1:], None], strict=True):
            if act["action"] == "deactivate" and act["status"] == 200:
                yield id, act["ended"], following["started"] if following else float("inf")


def barred_then(request: Line, lines: Lines, troubled: Sequence[tuple[float, float]] = ()) -> bool:
    """Whether it was refused as inactive and its mitra may have been so at some moment of it, by either store.

    A re-activation is seen WRITE_THROUGH_S after its answer; one in `troubled` times once those are over.
    """
    if request["code"] != "ACCOUNT_INACTIVE":
        return False
    active = True
    for act in sorted(acts_on(lines, request["subject"]), key=lambda line: line["started"]):
        if act["action"] == "deactivate" and act["started"] < request["ended"]:
            active = False
        elif act["action"] == "reactivate" and act["status"] == 200:
            late = [until for since, until in troubled if since <= act["ended"] <= until]
            active = active or max([act["ended"] + WRITE_THROUGH_S, *late]) < request["started"]
    return not active


def acts_on(lines: Lines, id: str) -> list[Line]:
    """The operator's (de)activations of one mitra."""
    acts = ("deactivate", "reactivate")
    return [line for line in lines.get("request", ()) if line["action"] in acts and line["url"].endswith(f"/{id}")]


@check("INV-13", "BE", "Nobody has more chats than the maximum", Kind.INVARIANT, whole_run=True)
def no_overload(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """Every look at Postgres is at a committed state; nobody's load rises above what was in force since the look before.

    A maximum that is lowered takes no chat away.
    """
    highest, looks, before, since = 0, 0, dict[str, int](), 0.0
    changes = maxima(lines)
    for sample in lines.get("sample", ()):
        if sample["truth"] is None:
            continue
        most = in_force(changes, since, sample["ended"], bounds["max_customers"])
        for id, load in sample["truth"]["loads"].items():
            highest, looks = max(highest, load), looks + 1
            told = f"{id} had {load} chats at {sample['t']:.3f}, the maximum is {most:g}"
            judge.require(load <= max(most, before.get(id, 0)), told)
        before, since = sample["truth"]["loads"], sample["t"]
    last: Line = next(
        (sample["truth"] for sample in reversed(lines.get("sample", ())) if sample["truth"]), {"loads": {}}
    )
    judge.show(evidence.sql("SELECT mitra_id, count(*) ...", ["mitra_id", "load at the end"], last["loads"].items()))
    judge.enough(highest, f"nobody had a chat in {looks} looks")
    judge.note(f"{looks} loads read, the highest {highest}")


def maxima(lines: Lines) -> list[tuple[float, float, float]]:
    """Each setting of the maximum through the API: begin and end of the request, and the value.

    One that was not acknowledged may count for ever or never: its end is never.
    """
    asked = [line for line in lines.get("request", ()) if line["action"] == "set_config"]
    own = [line for line in asked if line["url"].endswith("/max_customers_per_mitra")]
    return sorted(
        (line["started"], line["ended"] if line["status"] == 200 else float("inf"), line["body"]["value"])
        for line in own
    )


def in_force(changes: Sequence[tuple[float, float, float]], since: float, until: float, first: float) -> float:
    """The highest maximum that may have been in force at some moment; another one counts WRITE_THROUGH_S after its answer."""
    found = [first]
    for begun, ended, value in changes:
        if ended + WRITE_THROUGH_S < since:
            found = [value]
        elif begun <= until:
            found.append(value)
    return max(found)


@check("INV-19", "BE", "The audit alternates, a row for each change", Kind.INVARIANT, whole_run=True)
def audit_alternates(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """From offline, in which every mitra was planted: online, offline, and so on; the last row is the truth."""
    rows = left(judge, lines)
    if rows is None:
        return
    by_mitra: dict[str, list[str]] = defaultdict(list)
    for row in rows["audit"]:
        by_mitra[row["mitra_id"]].append(row["status"])
    for id, turns in by_mitra.items():
        wanted = [("online", "offline")[turn % 2] for turn in range(len(turns))]
        judge.require(
            turns == wanted, f"{id}: the audit says {', '.join(turns[:8])}, which does not alternate from online"
        )
    last = next((sample for sample in reversed(lines.get("sample", ())) if sample["truth"]), None)
    if judge.assume(last is not None, "Postgres was never read") and last is not None:
        online = {id for id, turns in by_mitra.items() if turns[-1] == "online"}
        just_now = {row["mitra_id"] for row in rows["audit"] if row["at"] >= last["t"] - STAMP_S}
        differ = (online ^ set(last["truth"]["online"])) - just_now
        judge.require(
            not differ, f"the last audit row and is_online differ for {', '.join(sorted(differ)[:SHOWN_MAX])}"
        )
    judge.show(rows_evidence("mitra_online_logs ORDER BY id", rows["audit"]))
    judge.enough(len(rows["audit"]) >= bounds["rows_min"], f"only {len(rows['audit'])} audit rows")
    judge.note(f"{len(rows['audit'])} audit rows of {len(by_mitra)} mitras")


@check("INV-20", "BE", "No sign-in of a deactivated mitra stays valid", Kind.INVARIANT, whole_run=True)
def no_live_sign_in(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """At the end; a deactivation and its revocations are one transaction, which a re-activation does not undo."""
    rows = left(judge, lines)
    last = next((sample["truth"] for sample in reversed(lines.get("sample", ())) if sample["truth"]), None)
    if rows is None or not judge.assume(last is not None, "Postgres was never read") or last is None:
        return
    inactive = set(last["deactivated"])
    live = sorted({row["user_id"] for row in rows["sign_ins"] if row["live"]} & inactive)
    judge.require(not live, f"deactivated, with a live sign-in: {', '.join(live[:SHOWN_MAX])}")
    outlived = sorted({row["user_id"] for row in rows["sign_ins"] if row["live"]} & shut_out_since_sign_in(lines))
    judge.require(not outlived, f"signed in before a deactivation and still valid: {', '.join(outlived[:SHOWN_MAX])}")
    theirs = [row for row in rows["sign_ins"] if row["user_id"] in barred(lines)]
    judge.show(rows_evidence("auth_sessions", theirs))
    judge.enough(theirs, "nobody who was deactivated had signed in")
    judge.note(f"{len(theirs)} sign-ins of mitras who were deactivated, {len(inactive)} inactive at the end")


def shut_out_since_sign_in(lines: Lines) -> set[str]:
    """Ids whose last sign-in had been answered when a deactivation of theirs began that was answered 200."""
    signed_in: dict[str, float] = {}
    for line in lines.get("request", ()):
        if line["action"] in ("verify_code", "refresh"):
            signed_in[line["subject"]] = max(line["ended"], signed_in.get(line["subject"], 0.0))
    acts = [line for line in lines.get("request", ()) if line["action"] == "deactivate" and line["status"] == 200]
    return {id for line in acts if line["started"] > signed_in.get(id := line["url"].rsplit("/", 1)[1], float("inf"))}


def barred(lines: Lines) -> set[str]:
    """Ids that were deactivated at some time."""
    return {id for id, _, _ in barred_spans(lines)}


@check("INV-21", "BE", "No chat is counted long past its end", Kind.INVARIANT, whole_run=True)
def no_chat_past_its_end(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    rows = left(judge, lines)
    if rows is None:
        return
    now, counted = rows["now"][0]["at"], COUNTED
    most_s = bounds["goodbye_s"] + bounds["within_s"]
    over = [
        f"{row['id']} by {now - row['ends_at']:.1f} s"
        for row in rows["chats"]
        if row["status"] in counted and row["ends_at"] is not None and now - row["ends_at"] > most_s
    ]
    judge.require(not over, f"still counted though past their end: {', '.join(over[:SHOWN_MAX])}")
    judge.show(rows_evidence("chat_sessions", rows["chats"]))
    judge.enough(rows["chats"], "there was no chat")
    judge.note(f"{len(rows['chats'])} chats")


def rows_evidence(table: str, rows: Sequence[Line]) -> dict[str, Any]:
    """The first of these rows, as they were read at the end."""
    columns = list(rows[0]) if rows else []
    return evidence.sql(
        f"SELECT * FROM {table}", columns, [[row[name] for name in columns] for row in rows[:ROWS_SHOWN_MAX]]
    )
