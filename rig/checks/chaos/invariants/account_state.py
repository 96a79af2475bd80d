"""Invariants of accounts and chats: nobody wrongly taken offline, let in or overloaded, and a complete audit."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from rig.checks.chaos.timeline import Period, assume_fault, http_evidence, quiet_spans
from rig.checks.common.sql_statements import writes
from rig.checks.framework import Bounds, Judge, Kind, whole_run_check
from rig.contract import RESEED_S, WRITE_THROUGH_S
from rig.record import Lines, evidence
from rig.record.evidence import Evidence
from rig.record.lines.chaos import AuditRow, Left, Sample, Statement, Watched
from rig.record.lines.common import Request

AUDIT = "mitra_online_logs"
CONTRACT_TOLERANCE_S = 1.0
STAMP_S = 0.001  # the statement log's times are cut to the millisecond
SHOWN_MAX = 5
ROWS_SHOWN_MAX = 30


def left(judge: Judge, lines: Lines) -> Left | None:
    """The rows in Postgres at the end of the run; None, and inconclusive, if they were not read."""
    found = lines.first(Left)
    judge.assume(found, "the run ended before the rows that it left were read")
    return found


def last_look(lines: Lines) -> Sample | None:
    """The last sample in which Postgres was read; None if it never was."""
    return next((sample for sample in reversed(lines.of(Sample)) if sample.truth), None)


@whole_run_check("INV-07", "BE", "Nobody who pings is taken offline", Kind.INVARIANT)
def no_wrongful_offline(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """No auto-offline commits less than W after the begin of a ping that was answered 200 and online.

    The contract tolerates 1 s, and covers only pings that Valkey received; those of an outage count at level hardened.
    """
    rows, events = left(judge, lines), assume_fault(judge, lines)
    if rows is None or events is None or not statements_watched(judge, lines):
        return
    outages = events.spans(RESEED_S)
    pings: dict[str | None, list[Request]] = defaultdict(list)
    for line in lines.of(Request):
        if line.action == "ping" and line.status == 200 and line.fields.get("is_online") is True:
            pings[line.subject].append(line)
    swept = list(auto_offlines(rows.audit, lines))
    for row, committed_at in swept:
        before = [ping for ping in pings[row.mitra_id] if ping.started < committed_at]
        if before:
            last = max(before, key=lambda ping: ping.started)
            silent_s = committed_at - last.started
            told = f"{row.mitra_id} was taken offline {silent_s:.2f} s after a ping that was answered as online"
            in_outage = any(since <= last.started <= until for since, until in outages)
            promised = silent_s < bounds["stale_s"] - CONTRACT_TOLERANCE_S and not in_outage
            ask = judge.require if promised else judge.require_hardened
            if not ask(silent_s >= bounds["stale_s"] - bounds["tolerance_s"], told):
                judge.show(evidence.note(f"committed at {committed_at:.3f}"), http_evidence(last))
    sent = sum(map(len, pings.values()))
    judge.enough(sent >= bounds["pings_min"], f"only {sent} pings were answered as online")
    judge.show(rows_evidence("mitra_online_logs WHERE status = 'offline', less the toggles", [row for row, _ in swept]))
    judge.note(f"{sent} pings, {len(swept)} taken offline by the sweep")


def auto_offlines(audit: Sequence[AuditRow], lines: Lines) -> Iterator[tuple[AuditRow, float]]:
    """The audit rows `offline` that no toggle explains, each with the time of its COMMIT (its own if not logged)."""
    commits = sorted(line.committed_at for line in lines.of(Statement) if line.committed_at and writes(line, AUDIT))
    toggles: dict[str | None, list[Request]] = defaultdict(list)
    for request in lines.of(Request):
        if request.action == "offline":
            toggles[request.subject].append(request)
    for row in audit:
        toggled = any(
            request.started - STAMP_S <= row.at <= request.ended + STAMP_S for request in toggles[row.mitra_id]
        )
        if row.status == "offline" and not toggled:
            place = bisect_left(commits, row.at - STAMP_S)
            yield row, commits[place] if place < len(commits) else row.at


def statements_watched(judge: Judge, lines: Lines) -> bool:
    """Whether Postgres' statement log could be read; inconclusive if not."""
    watched = lines.first(Watched)
    return judge.assume(watched and watched.statements, "no statement log: what Postgres was asked is not known")


@whole_run_check("INV-12", "BE", "Who is deactivated gets no ping through", Kind.INVARIANT)
def no_ping_when_deactivated(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """No ping is answered 200 if it began more than `within_s` after the deactivation was answered.

    The contract promises this outside of faults and while Valkey refuses connections (then Postgres is asked). In other
    faults a hardened server needs at most `partition_s`. A ping during which a re-activation began may see either state.
    """
    events = assume_fault(judge, lines)
    if events is None:
        return
    quiet = list(quiet_spans(lines, events, bounds["reconnect_s"]).values())
    quiet += [
        Period(f.confirmed or 0.0, f.removed or 0.0) for f in events.each if f.outage and f.noticed and f.confirmed
    ]
    refused = 0
    pings = [line for line in lines.of(Request) if line.action == "ping"]
    for id, since, until in barred_spans(lines):
        for ping in pings:
            after = ping.started - since
            if ping.subject != id or after <= bounds["within_s"] or ping.ended >= until:
                continue
            told = f"{id}: a ping {after:.2f} s after her deactivation was answered 200"
            promised = any(first <= ping.started <= last for first, last in quiet)
            ask = judge.require if promised else judge.require_hardened
            if (promised or after > bounds["partition_s"]) and not ask(ping.status != 200, told):
                judge.show(http_evidence(ping))
            elif ping.code == "ACCOUNT_INACTIVE":
                refused += 1
                if refused == 1:
                    judge.show(http_evidence(ping))
    judge.enough(refused, "no deactivated mitra pinged")
    judge.note(f"{refused} pings of deactivated mitras refused")


def barred_spans(lines: Lines) -> Iterator[tuple[str, float, float]]:
    """The id, from the answer of a deactivation to the begin of the re-activation (infinity if there was none)."""
    acts: dict[str, list[Request]] = defaultdict(list)
    for line in lines.of(Request):
        if line.action in ("deactivate", "reactivate"):
            acts[line.target].append(line)
    for id, changes in acts.items():
        changes.sort(key=lambda line: line.started)
        for act, following in zip(changes, [*changes[1:], None], strict=True):
            if act.action == "deactivate" and act.status == 200:
                yield id, act.ended, following.started if following else float("inf")


def barred_then(request: Request, lines: Lines, troubled: Sequence[Period] = ()) -> bool:
    """Whether it was refused as inactive, and its mitra may have been inactive during it in one of the stores.

    A re-activation has effect WRITE_THROUGH_S after its answer; one in a `troubled` period at the end of that period.
    """
    if request.code != "ACCOUNT_INACTIVE":
        return False
    active = True
    for act in sorted(acts_on(lines, request.subject or ""), key=lambda line: line.started):
        if act.action == "deactivate" and act.started < request.ended:
            active = False
        elif act.action == "reactivate" and act.status == 200:
            late = [period.until for period in troubled if period.holds(act.ended)]
            active = active or max([act.ended + WRITE_THROUGH_S, *late]) < request.started
    return not active


def acts_on(lines: Lines, id: str) -> list[Request]:
    """The deactivations and re-activations of one mitra."""
    acts = ("deactivate", "reactivate")
    return [line for line in lines.of(Request) if line.action in acts and line.url.endswith(f"/{id}")]


@whole_run_check("INV-19", "BE", "The audit alternates, a row for each change", Kind.INVARIANT)
def audit_alternates(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """Every mitra starts offline, so her rows are online, offline, and so on. The last row equals `is_online`."""
    rows = left(judge, lines)
    if rows is None:
        return
    by_mitra: dict[str, list[str]] = defaultdict(list)
    for row in rows.audit:
        by_mitra[row.mitra_id].append(row.status)
    for id, turns in by_mitra.items():
        wanted = [("online", "offline")[turn % 2] for turn in range(len(turns))]
        judge.require(
            turns == wanted, f"{id}: the audit says {', '.join(turns[:8])}, which does not alternate from online"
        )
    last = last_look(lines)
    if judge.assume(last is not None, "Postgres was never read") and last is not None and last.truth is not None:
        online = {id for id, turns in by_mitra.items() if turns[-1] == "online"}
        just_now = {row.mitra_id for row in rows.audit if row.at >= last.t - STAMP_S}
        differ = (online ^ set(last.truth.online)) - just_now
        judge.require(
            not differ, f"the last audit row and is_online differ for {', '.join(sorted(differ)[:SHOWN_MAX])}"
        )
    judge.show(rows_evidence("mitra_online_logs ORDER BY id", rows.audit))
    judge.enough(len(rows.audit) >= bounds["rows_min"], f"only {len(rows.audit)} audit rows")
    judge.note(f"{len(rows.audit)} audit rows of {len(by_mitra)} mitras")


@whole_run_check("INV-20", "BE", "No sign-in of a deactivated mitra stays valid", Kind.INVARIANT)
def no_live_sign_in(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """At the end of the run. A deactivation revokes all sign-ins in its transaction; a re-activation restores none."""
    rows, sample = left(judge, lines), last_look(lines)
    last = sample.truth if sample else None
    if rows is None or not judge.assume(last is not None, "Postgres was never read") or last is None:
        return
    inactive = set(last.deactivated)
    live = sorted({row.user_id for row in rows.sign_ins if row.live} & inactive)
    judge.require(not live, f"deactivated, with a live sign-in: {', '.join(live[:SHOWN_MAX])}")
    outlived = sorted({row.user_id for row in rows.sign_ins if row.live} & shut_out_since_sign_in(lines))
    judge.require(not outlived, f"signed in before a deactivation and still valid: {', '.join(outlived[:SHOWN_MAX])}")
    theirs = [row for row in rows.sign_ins if row.user_id in barred(lines)]
    judge.show(rows_evidence("auth_sessions", theirs))
    judge.enough(theirs, "nobody who was deactivated had signed in")
    judge.note(f"{len(theirs)} sign-ins of mitras who were deactivated, {len(inactive)} inactive at the end")


def shut_out_since_sign_in(lines: Lines) -> set[str]:
    """The ids whose last sign-in was answered before a successful deactivation of theirs began."""
    signed_in: dict[str, float] = {}
    for line in lines.of(Request):
        if line.action in ("verify_code", "refresh") and line.subject is not None:
            signed_in[line.subject] = max(line.ended, signed_in.get(line.subject, 0.0))
    acts = [line for line in lines.of(Request) if line.action == "deactivate" and line.status == 200]
    return {line.target for line in acts if line.started > signed_in.get(line.target, float("inf"))}


def barred(lines: Lines) -> set[str]:
    """Ids that were deactivated at some time."""
    return {id for id, _, _ in barred_spans(lines)}


def rows_evidence(table: str, rows: Sequence[msgspec.Struct]) -> Evidence:
    """The first of these rows, as they were read at the end of the run."""
    columns = list(rows[0].__struct_fields__) if rows else []
    return evidence.sql(
        f"SELECT * FROM {table}", columns, [msgspec.structs.astuple(row) for row in rows[:ROWS_SHOWN_MAX]]
    )
