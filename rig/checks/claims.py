"""The claims: numbers with a limit that a server's mirror is to keep under load, counted at the source."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rig.checks.base import LAG_VOID_S, Bounds, Judge, Kind, Lines, check
from rig.checks.courses import Line
from rig.checks.statements import is_availability_query, names, reads, unknown_roles, uses_unnest, writes
from rig.record import evidence

PING_FALLBACK = "[heartbeat] valkey check failed, falling back to DB"
PING_TABLES = ("mitras", "mitra_online_status", "auth_sessions")
SEED_LINE = "[valkey-mirror] seed:"
SHOWN_MAX = 5


def window(judge: Judge, lines: Lines) -> Line | None:
    """The measured window; None, with the reason, when the run did not get so far."""
    found = next(iter(lines.get("window", ())), None)
    judge.assume(found, "the run ended before its measured window did")
    return found


def sent(lines: Lines, action: str | None = None) -> list[Line]:
    """Requests of the plan, of one action or all. (A request has no other reason to hold a planned time.)"""
    return [line for line in lines.get("request", ()) if "planned" in line and action in (None, line["action"])]


def assume_load(judge: Judge, lines: Lines, bounds: Bounds, *actions: str) -> None:
    """The plan was sent, nearly all and in time: zero requests prove nothing."""
    planned = next(iter(lines.get("load", ())), {"planned": {}})["planned"]
    for action in actions:
        requests, wanted = sent(lines, action), planned.get(action, 0)
        text = f"{len(requests)} of {wanted} planned requests ({action}) were sent"
        judge.assume(len(requests) >= max(1, wanted * bounds["sent_share"]), text)
        late = quantile([line["started"] - line["planned"] for line in requests], 0.99)
        judge.assume(
            late is None or late <= bounds["late_s"],
            f"the load generator itself was late: {late or 0:.2f} s at p99 ({action})",
        )


def work(judge: Judge, lines: Lines) -> list[Line]:
    """Statements of the server in the window. A role that belongs to no instance leaves the count in doubt."""
    statements = lines.get("statement", ())
    strangers = unknown_roles(statements)
    judge.assume(not strangers, f"statements of unknown roles: {', '.join(strangers)}")
    return [line for line in statements if line["class"] == "work"]


def of_a_seed(statement: Line, lines: Lines) -> bool:
    """A periodic seed's own look at the truth: a read in the second before its line."""
    seeds = [at for log in lines.get("log", ()) for at, text in log["lines"] if SEED_LINE in text]
    reads_only = not any(writes(statement, table) for table in PING_TABLES)
    return reads_only and any(at - 1.0 <= statement["at"] <= at for at in seeds)


def by_fallback(statements: Sequence[Line], lines: Lines) -> tuple[list[Line], list[Line]]:
    """Those that a logged fallback of a ping accounts for, one a log line and within a second of it; and the others.

    A single failed command may fall back for its request alone: on a machine that stalls, that happens.
    """
    logged = [
        (log["instance"], at) for log in lines.get("log", ()) for at, text in log["lines"] if PING_FALLBACK in text
    ]
    excused, others = [], []
    for line in statements:
        near = [one for one in logged if one[0] == line["instance"] and abs(one[1] - line["at"]) <= 1.0]
        if near and not any(writes(line, table) for table in PING_TABLES):
            logged.remove(near[0])
            excused.append(line)
        else:
            others.append(line)
    return excused, others


def stood_still(judge: Judge, lines: Lines, text: str) -> bool:
    """Whether the rig itself stalled in the window, so that the server may have too: then this is a doubt."""
    lag_s = max((line["lag_s"] for line in lines.get("valkey_commands", ())), default=0.0)
    return lag_s > LAG_VOID_S and not judge.assume(False, f"{text}; but the machine stood still for {lag_s:.2f} s")


@check("CLAIM-01", "BE", "Pings cause no SQL of their own", Kind.CLAIM, whole_run=True)
def pings_cost_no_sql(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """In T seconds an instance writes heartbeats ≤ ⌈T/M⌉ + 1 times, by UNNEST; nothing else names a ping's tables.

    Queries over all mitras are CLAIM-02's, whoever caused them.
    """
    span = window(judge, lines)
    if span is None:
        return
    assume_load(judge, lines, bounds, "ping")
    touching = [line for line in work(judge, lines) if any(names(line, table) for table in PING_TABLES)]
    batches = [line for line in touching if uses_unnest(line) and writes(line, "mitra_online_status")]
    own = [line for line in touching if line not in batches and not of_a_seed(line, lines)]
    own = [line for line in own if not is_availability_query(line)]  # those are the next claim's
    excused, others = by_fallback(own, lines)
    most = math.ceil((span["to"] - span["from"]) / bounds["mirror_every_s"]) + 1
    for instance, count in Counter(line["instance"] for line in batches).items():
        judge.require(count <= most, f"instance {instance} wrote heartbeats {count} times, more than {most}")
    pings = len(sent(lines, "ping"))
    judge.require(not others, f"{len(others)} statements of other kinds during {pings} pings: {texts(others)}")
    allowed = max(1, math.floor(pings * bounds["fallback_share"]))
    text = f"{len(excused)} of {pings} pings fell back to Postgres, and said so, though nothing was done to Valkey"
    if len(excused) > allowed and not stood_still(judge, lines, text):
        judge.require(False, f"{text}: more than {allowed}")
    counts = {
        "pings": pings,
        "batched writes": len(batches),
        "allowed": most,
        "of logged fallbacks": len(excused),
        "other statements": len(others),
    }
    judge.show(statement_evidence("Statements that name a ping's tables", counts, touching))
    judge.remark(f"{pings} pings, {len(batches)} batched writes (at most {most} an instance), no other statement")
    if excused:
        judge.remark(text)


@check("CLAIM-02", "BE", "Beacon polls cause no availability query", Kind.CLAIM, whole_run=True)
def beacons_cost_nothing(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """In T seconds the cluster recomputes ≤ T / 10 + 2 times (SDIFF in Valkey), and never by Postgres."""
    span = window(judge, lines)
    if span is None:
        return
    assume_load(judge, lines, bounds, "beacon")
    seen = next(iter(lines.get("valkey_commands", ())), None)
    if not judge.assume(seen is not None and not seen["blind"], "Valkey's commands were not watched all the time"):
        return
    polls, most = len(sent(lines, "beacon")), (span["to"] - span["from"]) / bounds["snapshot_s"] + bounds["slack"]
    recomputes = seen["recomputes"]
    judge.require(len(recomputes) <= most, f"{len(recomputes)} recomputes for {polls} polls, more than {most:g}")
    joins = [
        line
        for line in work(judge, lines)
        if (is_availability_query(line) or reads(line, "chat_sessions"))
        and not uses_unnest(line)
        and not of_a_seed(line, lines)
    ]
    spare = math.floor(polls * bounds["query_share"])  # a single failed command may fall back for its request alone
    text = f"{len(joins)} availability queries during {polls} polls: {texts(joins)}"
    if len(joins) > spare and not stood_still(judge, lines, text):
        judge.require(False, text)
    judge.show(
        evidence.commands(f"Recomputes (SDIFF) in the window: {len(recomputes)}", [line["text"] for line in recomputes])
    )
    judge.show(statement_evidence("Statements that ask who is available", {"queries": len(joins)}, joins))
    judge.remark(
        f"{polls} polls, {len(recomputes)} recomputes (at most {most:g}), {len(joins)} queries (at most {spare})"
    )


@check("CLAIM-03", "BE", "Under load every request is answered, and none fails", Kind.CLAIM, whole_run=True)
def all_answered(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    for line in lines.get("exited", ()):
        judge.require(False, line["text"])
    if judge.broken_promises or window(judge, lines) is None:
        return
    requests = sent(lines)
    bad = [line for line in requests if failed(line, bounds["answer_s"])]
    kinds = Counter(f"{line['action']}: {line['error'] or line['status']}" for line in bad)
    shown = ", ".join(f"{kind} × {count}" for kind, count in kinds.most_common(SHOWN_MAX))
    judge.require(not bad, f"{len(bad)} of {len(requests)} requests failed: {shown}")
    judge.show(*[evidence.note(request_text(line)) for line in bad[:SHOWN_MAX]])
    if bad:
        return  # a broken promise needs no sample size
    planned = next(iter(lines.get("load", ())), {"planned": {}})["planned"]
    judge.assume(requests, "not one request was sent")
    assume_load(judge, lines, bounds, *planned)
    if requests:
        slowest = max(line["ended"] - line["planned"] for line in requests)
        judge.show(evidence.timing("slowest answer, from its planned sending", round(slowest, 3), bounds["answer_s"]))
        judge.remark(f"{len(requests)} requests answered, the slowest {slowest:.3f} s after its planned sending")


def failed(request: Line, answer_s: float) -> bool:
    return request["status"] != 200 or bool(request["error"]) or request["ended"] - request["started"] > answer_s


def request_text(request: Line) -> str:
    took = request["ended"] - request["started"]
    return f"{request['method']} {request['url']} → {request['status'] or request['error']} after {took:.3f} s"


def quantile(values: Iterable[float], share: float) -> float | None:
    """The smallest value that at least this share of all does not exceed; None for no values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def texts(statements: Sequence[Line]) -> str:
    shown = Counter(" ".join(line["text"].split())[:120] for line in statements).most_common(SHOWN_MAX)
    return "; ".join(f"{text} (× {count})" for text, count in shown)


def statement_evidence(title: str, counts: dict[str, int], statements: Sequence[Line]) -> dict[str, Any]:
    shown = [f"{line['at']:.3f} {line['role']} {' '.join(line['text'].split())[:200]}" for line in statements[:50]]
    return evidence.statements(title, counts, shown)
