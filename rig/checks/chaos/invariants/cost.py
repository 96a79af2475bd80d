"""Invariants of cost: SQL and commands per ping, cycle and snapshot, and what must stop in an outage."""

import math
from collections import Counter
from itertools import pairwise
from typing import Literal

from rig.checks.chaos.invariants.account_state import auto_offlines, left, statements_watched
from rig.checks.chaos.timeline import (
    Fault,
    Faults,
    Period,
    assume_fault,
    inside,
    phases,
    quiet_spans,
    require_no_wrong_over,
)
from rig.checks.common.sql_statements import STATUS, failed, ids_in, names, uses_unnest, writes
from rig.checks.common.valkey_commands import deletes_key, sets_key
from rig.checks.framework import Bounds, Judge, Kind, whole_run_check
from rig.contract import CHANNEL, HEARTBEAT, MIRROR_SKIPPED_LINE, RESEED_S, SNAPSHOT, SWEEP_SKIPPED_LINE
from rig.record import Lines, evidence
from rig.record.lines.chaos import CommandTaken, Sample, Statement, Watched
from rig.record.lines.common import Request, ServerLog

STAMP_S = 0.001
APART_S = 0.005  # a statement belongs to a ping only if no other request of that mitra comes nearer than this
LEFT_BEHIND_S = 0.2  # the server goes on with a request after its sender hung up
TIMER_S = 0.05  # from the end of a chat to the count of the remaining ones
NOTICED_S = 2.0
SKIPS: dict[Literal["sweep_every_s", "mirror_every_s"], str] = {
    "sweep_every_s": SWEEP_SKIPPED_LINE,
    "mirror_every_s": MIRROR_SKIPPED_LINE,
}
COMMANDS_SHOWN_MAX = 30
CUT_S = 1.0  # that MONITOR's connection was up is known only from its last line


def watched_until(judge: Judge, lines: Lines) -> float | None:
    """The time up to which MONITOR saw everything from the warm-up on: about the end of the baseline.

    None, and inconclusive, if it was disconnected more than CUT_S before that.
    """
    watched = lines.first(Watched)
    if not judge.assume(watched is not None, "Valkey's commands were not kept") or watched is None:
        return None
    since, until = phases(lines)["warm-up"].since, phases(lines)["baseline"].until
    seen = min([until, *(begun for begun, ended in watched.blind if ended > since)])
    return (
        seen
        if judge.assume(seen > until - CUT_S, "MONITOR was not connected all through warm-up and baseline")
        else None
    )


def batches(lines: Lines) -> list[Statement]:
    """The statements with which the heartbeat mirror writes to Postgres."""
    return [line for line in lines.of(Statement) if uses_unnest(line) and writes(line, STATUS)]


UNDER_WAY_S = 0.3  # a tick that read the heartbeats just before the fault still writes them


@whole_run_check("INV-09", "BE", "In an outage sweep and mirror leave Postgres alone, and say so", Kind.INVARIANT)
def idle_in_outage(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    events = assume_fault(judge, lines)
    rows = left(judge, lines)
    if events is None or rows is None or not statements_watched(judge, lines):
        return
    outages = [fault for fault in events.each if fault.outage and fault.confirmed]
    judge.enough(outages, "no fault of this run keeps a whole instance from Valkey")
    swept = list(auto_offlines(rows.audit, lines))
    for fault in outages:
        assert fault.confirmed is not None
        assert fault.removed is not None
        # With a slow Postgres, work from before the fault may still be running.
        begun = fault.confirmed
        if any(other.truth and near(other, fault) for other in events.each):
            begun += RESEED_S
        everyone = {log.instance for log in lines.of(ServerLog)}
        if not fault.noticed and fault.hit and set(fault.hit) < everyone:
            begun += NOTICED_S  # the instances that are hit must notice first and then tell the others
        lost = [row for row, at in swept if begun <= at <= fault.removed]
        ask = judge.require if fault.noticed and len(lines.of(ServerLog)) == 1 else judge.require_hardened
        ask(not lost, f"{len(lost)} mitras were taken offline in the outage")
        mirrored = [
            line
            for line in inside(batches(lines), begun + UNDER_WAY_S, fault.removed)
            if not fault.hit or line.instance in fault.hit
        ]
        ask = judge.require if fault.noticed else judge.require_hardened
        ask(not mirrored, f"{len(mirrored)} heartbeat updates in the outage")
        # If another fault is near, the number of skipped ticks is not known.
        if not any(other is not fault and near(other, fault) for other in events.each):
            require_skips(judge, lines, fault, bounds)
    judge.assume(lines.of(ServerLog), "no server log was kept")


def near(one: Fault, other: Fault) -> bool:
    """Whether they are in force at the same time or less than RESEED_S apart."""
    return (one.requested or 0.0) <= (other.removed or 0.0) + RESEED_S and (one.removed or 0.0) + RESEED_S >= (
        other.requested or 0.0
    )


def require_skips(judge: Judge, lines: Lines, fault: Fault, bounds: Bounds) -> None:
    """Each instance that the fault hits logs a line for each tick that it skips."""
    assert fault.requested is not None
    assert fault.confirmed is not None
    assert fault.removed is not None
    lasted, longest = fault.removed - fault.confirmed, fault.removed - fault.requested
    ask = judge.require if fault.noticed else judge.require_hardened
    for log in lines.of(ServerLog):
        for name, text in SKIPS.items():
            if name in bounds and (not fault.hit or log.instance in fault.hit):
                least, most = math.floor(lasted / bounds[name]) - 1, math.ceil(longest / bounds[name]) + 1
                count = sum(
                    text in line and fault.requested <= at <= fault.removed + bounds["flush_s"]
                    for at, line in log.lines
                )
                told = f"{log.instance} said {count} times {text!r} in {lasted:.1f} s, not {max(least, 0)} to {most}"
                ask(least <= count <= most + 1, told)
                judge.show(evidence.log(log.source, [line for _, line in log.lines if text in line], looked_for=text))
                judge.note(f"{log.instance}: {count} skipped ticks, one every {bounds[name]:g} s")


@whole_run_check("INV-10", "BE", "A ping in quiet is one SET and no SQL", Kind.INVARIANT)
def ping_is_one_set(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """A ping that is answered as online writes one key and runs no SQL.

    Judged are pings before the first fault during which there was no other request by or about that mitra. The
    statements of a transaction that writes a chat belong to that chat, which a timer may end without a request.
    """
    if assume_fault(judge, lines) is None or not statements_watched(judge, lines):
        return
    until = watched_until(judge, lines)
    if until is None:
        return
    chats = [line for line in lines.of(Statement) if writes(line, "chat_sessions")]
    alone = [
        ping
        for ping in inside(lines.of(Request), first_of(phases(lines), "calm", "warm-up"), until)
        if ping.action == "ping"
        and ping.ended < until
        and ping.fields.get("is_online") is True
        and is_alone(ping, lines)
    ]
    shown: list[CommandTaken] = []
    for ping in alone:
        span = ping.started - STAMP_S, ping.ended + STAMP_S
        written = [c for c in inside(lines.of(CommandTaken), *span) if sets_key(c, HEARTBEAT + (ping.subject or ""))]
        shown += written if len(shown) < COMMANDS_SHOWN_MAX else []
        judge.require(len(written) == 1, f"a ping of {ping.subject} wrote her heartbeat {len(written)} times")
        asked = [
            line for line in inside(lines.of(Statement), *span)
            if line.class_ == "work" and not uses_unnest(line) and ids_in(line) == {ping.subject}
            and not any(same_work(line, chat) for chat in chats)
        ]  # fmt: skip
        if not judge.require(not asked, f"a ping of {ping.subject} cost {len(asked)} statements"):
            judge.show(evidence.statements("with a ping", {"statements": len(asked)}, [line.text for line in asked]))
    judge.show(evidence.commands("heartbeats that pings wrote", [" ".join(c.args) for c in shown]))
    few = f"only {len(alone)} pings before the fault had their mitra for themselves"
    judge.enough(len(alone) >= bounds["pings_min"], few)
    judge.note(f"{len(alone)} pings")


def first_of(known: dict[str, Period], *names: str) -> float:
    """The begin of the first of these phases that the run has; older runs have no calm."""
    return next(known[name].since for name in names if name in known)


def same_work(statement: Statement, chat: Statement) -> bool:
    """Whether a statement belongs to the transaction that wrote a chat, or counts chats on its connection just then.

    The connection alone does not tell: a pool uses the same one for different requests.
    """
    if statement.session != chat.session:
        return False
    counts = names(statement, "chat_sessions") and abs(statement.t - chat.t) < TIMER_S
    return statement.committed_at == chat.committed_at or counts


def is_alone(ping: Request, lines: Lines) -> bool:
    """Whether there was no other request by or about that mitra, and none about a chat, at the same time."""
    touching = ("accept", "end", "pay", "cancel", "extend", "pay_extension", "reroute")
    return not any(
        line is not ping
        and (line.subject == ping.subject or line.action in touching or line.url.endswith(ping.subject or ""))
        and line.started < ping.ended + APART_S
        and line.ended + (LEFT_BEHIND_S if line.action == "abandoned" else APART_S) > ping.started
        for line in lines.of(Request)
    )


@whole_run_check("INV-11", "BE", "Heartbeats go to Postgres by one statement a cycle", Kind.INVARIANT)
def one_batch_a_cycle(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    if assume_fault(judge, lines) is None or not statements_watched(judge, lines):
        return
    since, until = phases(lines)["warm-up"].since, phases(lines)["drain"].until
    most = math.ceil((until - since) / bounds["mirror_every_s"]) + 1
    own = inside(batches(lines), since, until)
    for instance, count in Counter(line.instance for line in own).items():
        judge.require(count <= most, f"{instance} mirrored {count} times in {until - since:.1f} s, more than {most}")
    lost = [line for line in own if failed(line)]
    judge.require(not lost, f"{len(lost)} batches failed, as in a deadlock: {lost[0].text[:120] if lost else ''}")
    counts = Counter(f"by {line.instance}" for line in own)
    judge.show(evidence.statements("heartbeats to Postgres", dict(counts), [line.text for line in own[:1]]))
    judge.enough(own, "no heartbeat was ever mirrored")
    judge.note(f"{len(own)} batches, at most {most} an instance")


@whole_run_check(
    "INV-16", "BE", "One recompute in ten seconds, no snapshot older, and all hear of settings", Kind.INVARIANT
)
def one_recompute(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """Two recomputes of the snapshot, of all instances, are `between_s` apart unless it was deleted in between.

    A recompute is seen by its write, because a blast runs the same SDIFF. Every instance must have a subscription
    outside of faults, or it would not hear of changed settings.
    """
    events = assume_fault(judge, lines)
    until = watched_until(judge, lines) if events else None
    if events is None or until is None:
        return
    since = phases(lines)["warm-up"].since
    for first, last in ((since, until), (events.removed, phases(lines)["drain"].until)):
        seen = inside(lines.of(CommandTaken), first, last)
        moments = [
            ("deleted" if deletes_key(line, SNAPSHOT) else "computed", line.at)
            for line in seen
            if deletes_key(line, SNAPSHOT) or sets_key(line, SNAPSHOT)
        ]
        judge.show(evidence.commands("the snapshot", [f"{at:.3f} {what}" for what, at in moments[:COMMANDS_SHOWN_MAX]]))
        for (one, begun), (other, again) in pairwise(moments):
            near = one == other == "computed" and again - begun < bounds["between_s"]
            judge.require(not near, f"two recomputes only {again - begun:.3f} s apart, at {again:.3f}")
    old = [
        look.snapshot_ttl_ms
        for sample in lines.of(Sample)
        for look in (sample.keys_before, sample.keys_after)
        if look is not None and look.snapshot is not None
    ]
    judge.require(
        all(0 <= ttl <= bounds["snapshot_s"] * 1000 for ttl in old), f"a snapshot had {max(old, default=0)} ms to live"
    )
    judge.enough(old, "there never was a snapshot")
    judge.note(f"{len(old)} looks at a snapshot")
    if "visible_s" in bounds:  # a run from before they were counted has no bound for them
        require_subscriptions(judge, lines, events, bounds)


def require_subscriptions(judge: Judge, lines: Lines, events: Faults, bounds: Bounds) -> None:
    """Outside of faults there are as many subscriptions to `config:invalidate` as instances, except for moments."""
    instances = len({log.instance for log in lines.of(ServerLog)})

    def unsubscribed(sample: Sample) -> dict[str, str] | None:
        looks = [look.subscriptions for look in (sample.keys_before, sample.keys_after) if look]
        known = [count for count in looks if count is not None]
        short = len(known) == 2 and max(known) < instances
        return ({CHANNEL: f"with fewer subscriptions than {instances}"} if short else {}) if known else None

    for name, (since, until) in quiet_spans(lines, events, bounds["reconnect_s"]).items():
        samples = inside(lines.of(Sample), since, until)
        promised = events.noticed or name == "baseline"
        require_no_wrong_over(judge, name, samples, bounds["visible_s"], unsubscribed, "the channels", promised)
    looked = any(sample.keys_before and sample.keys_before.subscriptions is not None for sample in lines.of(Sample))
    judge.enough(looked, "nobody counted the subscriptions")
