"""Invariants of what the mirror costs: SQL and commands a ping, a cycle, a snapshot, and what an outage stops."""

import math
from collections import Counter
from itertools import pairwise

from rig.checks.chaos.invariants.account_state import auto_offlines, left, statements_watched
from rig.checks.chaos.timeline import (
    Fault,
    Faults,
    Line,
    assume_fault,
    inside,
    phases,
    quiet_spans,
    require_no_wrong_over,
)
from rig.checks.common.sql_statements import STATUS, failed, ids_in, names, uses_unnest, writes
from rig.checks.common.valkey_commands import deletes_key, sets_key
from rig.checks.framework import Bounds, Judge, Kind, Lines, check
from rig.contract import CHANNEL, HEARTBEAT, MIRROR_SKIPPED_LINE, RESEED_S, SNAPSHOT, SWEEP_SKIPPED_LINE
from rig.record import evidence

STAMP_S = 0.001
APART_S = 0.005  # by so much a request of hers has to keep away for a statement to be the ping's
LEFT_BEHIND_S = 0.2  # a request whose sender has left is gone on with by the server
TIMER_S = 0.05  # from the end of a chat to the count of those that are left
NOTICED_S = 2.0
SKIPS = {
    "sweep_every_s": SWEEP_SKIPPED_LINE,
    "mirror_every_s": MIRROR_SKIPPED_LINE,
}
COMMANDS_SHOWN_MAX = 30
CUT_S = 1.0  # MONITOR's connection is known to have lived at its last line only


def watched_until(judge: Judge, lines: Lines) -> float | None:
    """Up to when MONITOR saw all of warm-up and baseline: their end, or just before, where the fault cut MONITOR off as well."""
    watched = next(iter(lines.get("watched", ())), None)
    if not judge.assume(watched is not None, "Valkey's commands were not kept") or watched is None:
        return None
    since, until = phases(lines)["warm-up"][0], phases(lines)["baseline"][1]
    seen = min([until, *(begun for begun, ended in watched["blind"] if ended > since)])
    return (
        seen
        if judge.assume(seen > until - CUT_S, "MONITOR was not connected all through warm-up and baseline")
        else None
    )


def batches(lines: Lines) -> list[Line]:
    """The heartbeat mirror's writing statements."""
    return [line for line in lines.get("statement", ()) if uses_unnest(line) and writes(line, STATUS)]


UNDER_WAY_S = 0.3  # a tick that had read its heartbeats before the fault began writes them yet


@check("INV-09", "BE", "In an outage sweep and mirror leave Postgres alone, and say so", Kind.INVARIANT, whole_run=True)
def idle_in_outage(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    events = assume_fault(judge, lines)
    rows = left(judge, lines)
    if events is None or rows is None or not statements_watched(judge, lines):
        return
    outages = [fault for fault in events.each if fault.outage and fault.confirmed]
    judge.enough(outages, "no fault of this run keeps a whole instance from Valkey")
    swept = list(auto_offlines(rows["audit"], lines))
    for fault in outages:
        assert fault.confirmed is not None
        assert fault.removed is not None
        # A slow Postgres may still be at what was begun before.
        begun = fault.confirmed
        if any(other.truth and near(other, fault) for other in events.each):
            begun += RESEED_S
        everyone = {log["instance"] for log in lines.get("log", ())}
        if not fault.noticed and fault.hit and set(fault.hit) < everyone:
            begun += NOTICED_S  # the others learn of it from who is hit, who has to notice first
        lost = [row for row, at in swept if begun <= at <= fault.removed]
        ask = judge.require if fault.noticed and len(lines.get("log", ())) == 1 else judge.require_hardened
        ask(not lost, f"{len(lost)} mitras were taken offline in the outage")
        mirrored = [
            line
            for line in inside(batches(lines), begun + UNDER_WAY_S, fault.removed)
            if not fault.hit or line["instance"] in fault.hit
        ]
        ask = judge.require if fault.noticed else judge.require_hardened
        ask(not mirrored, f"{len(mirrored)} heartbeat updates in the outage")
        # Where another fault lies in between, what it makes of the ticks is not known.
        if not any(other is not fault and near(other, fault) for other in events.each):
            require_skips(judge, lines, fault, bounds)
    judge.assume(lines.get("log"), "no server log was kept")


def near(one: Fault, other: Fault) -> bool:
    """Whether they are in force at the same time, or within what a recovery may take."""
    return (one.requested or 0.0) <= (other.removed or 0.0) + RESEED_S and (one.removed or 0.0) + RESEED_S >= (
        other.requested or 0.0
    )


def require_skips(judge: Judge, lines: Lines, fault: Fault, bounds: Bounds) -> None:
    """A line for each tick of each instance that is hit, in the outage of this fault."""
    assert fault.requested is not None
    assert fault.confirmed is not None
    assert fault.removed is not None
    lasted, longest = fault.removed - fault.confirmed, fault.removed - fault.requested
    ask = judge.require if fault.noticed else judge.require_hardened
    for log in lines.get("log", ()):
        for name, text in SKIPS.items():
            if name in bounds and (not fault.hit or log["instance"] in fault.hit):
                least, most = math.floor(lasted / bounds[name]) - 1, math.ceil(longest / bounds[name]) + 1
                count = sum(
                    text in line and fault.requested <= at <= fault.removed + bounds["flush_s"]
                    for at, line in log["lines"]
                )
                told = f"{log['instance']} said {count} times {text!r} in {lasted:.1f} s, not {max(least, 0)} to {most}"
                ask(least <= count <= most + 1, told)
                judge.show(
                    evidence.log(log["source"], [line for _, line in log["lines"] if text in line], looked_for=text)
                )
                judge.note(f"{log['instance']}: {count} skipped ticks, one every {bounds[name]:g} s")


@check("INV-10", "BE", "A ping in quiet is one SET and no SQL", Kind.INVARIANT, whole_run=True)
def ping_is_one_set(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """Of pings that were answered as online while nothing else was asked by or about that mitra, before the first fault.

    What a transaction asks that writes a chat is that chat's, which a timer ends though nobody has asked for it.
    """
    if assume_fault(judge, lines) is None or not statements_watched(judge, lines):
        return
    until = watched_until(judge, lines)
    if until is None:
        return
    chats = [line for line in lines.get("statement", ()) if writes(line, "chat_sessions")]
    alone = [
        ping
        for ping in inside(lines.get("request", ()), first_of(phases(lines), "calm", "warm-up"), until)
        if ping["action"] == "ping"
        and ping["ended"] < until
        and (ping["reply"] or {}).get("is_online") is True
        and is_alone(ping, lines)
    ]
    shown: list[Line] = []
    for ping in alone:
        span = ping["started"] - STAMP_S, ping["ended"] + STAMP_S
        written = [c for c in inside(lines.get("command", ()), *span) if sets_key(c, HEARTBEAT + ping["subject"])]
        shown += written if len(shown) < COMMANDS_SHOWN_MAX else []
        judge.require(len(written) == 1, f"a ping of {ping['subject']} wrote her heartbeat {len(written)} times")
        asked = [
            line for line in inside(lines.get("statement", ()), *span)
            if line["class"] == "work" and not uses_unnest(line) and ids_in(line) == {ping["subject"]}
            and not any(same_work(line, chat) for chat in chats)
        ]  # fmt: skip
        if not judge.require(not asked, f"a ping of {ping['subject']} cost {len(asked)} statements"):
            judge.show(evidence.statements("with a ping", {"statements": len(asked)}, [line["text"] for line in asked]))
    judge.show(evidence.commands("heartbeats that pings wrote", [" ".join(c["args"]) for c in shown]))
    few = f"only {len(alone)} pings before the fault had their mitra for themselves"
    judge.enough(len(alone) >= bounds["pings_min"], few)
    judge.note(f"{len(alone)} pings")


def first_of(known: dict[str, tuple[float, float]], *names: str) -> float:
    """When the first of these phases began that the run has: older runs have no calm."""
    return next(known[name][0] for name in names if name in known)


def same_work(one: Line, chat: Line) -> bool:
    """Whether a statement is of the transaction that wrote a chat, or counts chats just beside one that had none.

    By the connection alone it can't be told: a pool hands out the same one again and again.
    """
    if one.get("session") != chat.get("session"):
        return False
    counts = names(one, "chat_sessions") and abs(one["t"] - chat["t"]) < TIMER_S
    return one["committed_at"] == chat["committed_at"] or counts


def is_alone(ping: Line, lines: Lines) -> bool:
    """No other request of or about her, nor a chat's (which may be hers), at the same time."""
    touching = ("accept", "end", "pay", "cancel", "extend", "pay_extension", "reroute")
    return not any(
        line is not ping
        and (line["subject"] == ping["subject"] or line["action"] in touching or line["url"].endswith(ping["subject"]))
        and line["started"] < ping["ended"] + APART_S
        and line["ended"] + (LEFT_BEHIND_S if line["action"] == "abandoned" else APART_S) > ping["started"]
        for line in lines.get("request", ())
    )


@check("INV-11", "BE", "Heartbeats go to Postgres by one statement a cycle", Kind.INVARIANT, whole_run=True)
def one_batch_a_cycle(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    if assume_fault(judge, lines) is None or not statements_watched(judge, lines):
        return
    since, until = phases(lines)["warm-up"][0], phases(lines)["drain"][1]
    most = math.ceil((until - since) / bounds["mirror_every_s"]) + 1
    own = inside(batches(lines), since, until)
    for instance, count in Counter(line["instance"] for line in own).items():
        judge.require(count <= most, f"{instance} mirrored {count} times in {until - since:.1f} s, more than {most}")
    lost = [line for line in own if failed(line)]
    judge.require(not lost, f"{len(lost)} batches failed, as in a deadlock: {lost[0]['text'][:120] if lost else ''}")
    counts = Counter(f"by {line['instance']}" for line in own)
    judge.show(evidence.statements("heartbeats to Postgres", dict(counts), [line["text"] for line in own[:1]]))
    judge.enough(own, "no heartbeat was ever mirrored")
    judge.note(f"{len(own)} batches, at most {most} an instance")


@check(
    "INV-16",
    "BE",
    "One recompute in ten seconds, no snapshot older, and all hear of settings",
    Kind.INVARIANT,
    whole_run=True,
)
def one_recompute(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """Between two deletions of the snapshot, over all instances, by Valkey's clock; an empty Valkey has none either.

    A recompute shows by its write: an SDIFF alone may be a blast's. An instance without a subscription in quiet would
    learn of a setting from nobody.
    """
    events = assume_fault(judge, lines)
    until = watched_until(judge, lines) if events else None
    if events is None or until is None:
        return
    since = phases(lines)["warm-up"][0]
    for first, last in ((since, until), (events.removed, phases(lines)["drain"][1])):
        seen = inside(lines.get("command", ()), first, last)
        moments = [
            ("deleted" if deletes_key(line, SNAPSHOT) else "computed", line["at"])
            for line in seen
            if deletes_key(line, SNAPSHOT) or sets_key(line, SNAPSHOT)
        ]
        judge.show(evidence.commands("the snapshot", [f"{at:.3f} {what}" for what, at in moments[:COMMANDS_SHOWN_MAX]]))
        for (one, begun), (other, again) in pairwise(moments):
            near = one == other == "computed" and again - begun < bounds["between_s"]
            judge.require(not near, f"two recomputes only {again - begun:.3f} s apart, at {again:.3f}")
    old = [
        look["snapshot_ttl_ms"]
        for sample in lines.get("sample", ())
        for look in (sample["keys_before"], sample["keys_after"])
        if look is not None and look["snapshot"] is not None
    ]
    judge.require(
        all(0 <= ttl <= bounds["snapshot_s"] * 1000 for ttl in old), f"a snapshot had {max(old, default=0)} ms to live"
    )
    judge.enough(old, "there never was a snapshot")
    judge.note(f"{len(old)} looks at a snapshot")
    if "visible_s" in bounds:  # a run from before they were counted has no bound for them
        require_subscriptions(judge, lines, events, bounds)


def require_subscriptions(judge: Judge, lines: Lines, events: Faults, bounds: Bounds) -> None:
    """In quiet, as many subscriptions to `config:invalidate` as instances, but for a moment."""
    instances = len({log["instance"] for log in lines.get("log", ())})

    def deaf(sample: Line) -> dict[str, str] | None:
        looks = [look.get("subscriptions") for look in (sample["keys_before"], sample["keys_after"]) if look]
        known = [count for count in looks if count is not None]
        short = len(known) == 2 and max(known) < instances
        return ({CHANNEL: f"with fewer subscriptions than {instances}"} if short else {}) if known else None

    for name, (since, until) in quiet_spans(lines, events, bounds["reconnect_s"]).items():
        samples = inside(lines.get("sample", ()), since, until)
        promised = events.noticed or name == "baseline"
        require_no_wrong_over(judge, name, samples, bounds["visible_s"], deaf, "the channels", promised)
    looked = any((sample["keys_before"] or {}).get("subscriptions") is not None for sample in lines.get("sample", ()))
    judge.enough(looked, "nobody counted the subscriptions")
