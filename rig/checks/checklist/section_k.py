"""Section K: several instances share both stores; none undoes or repeats what another instance did."""

import json
from collections.abc import Sequence
from itertools import pairwise

from rig.checks.checklist.outages import assume_pings
from rig.checks.checklist.section_a import SEED
from rig.checks.common.http_answers import require_clean_exit, require_status
from rig.checks.common.mirror_diff import heartbeat_time, require_mirror_is_truth
from rig.checks.common.sql_statements import STATUS, failed, unknown_roles, uses_unnest, writes
from rig.checks.common.valkey_commands import SETS, deletes_key, verb
from rig.checks.framework import Bounds, Judge, check
from rig.contract import SNAPSHOT
from rig.record.observations.parts import ValkeyCommand, fields_of
from rig.record.observations.section_k import MirrorsSideBySide, Relays, SettingChanges, StartedTogether, ToggleRounds

ROUNDS = 20
GAP_S = 30.0  # the interval of the pings of an app
MS = 0.001
SNAPSHOT_WRITES = SETS | {"APPEND", "SETRANGE", "RENAME", "COPY"}


@check("K-01", "BE", "Two instances that start together each seed once and leave one consistent mirror")
def started_together(judge: Judge, seen: StartedTogether, bounds: Bounds) -> None:
    begun = [instance.started_at for instance in seen.instances.values()]
    first_ready = min(instance.ready_at for instance in seen.instances.values())
    judge.observed(len(begun) >= 2 and max(begun) < first_ready, "one was ready before the other was started")
    for name, instance in seen.instances.items():
        lines = instance.lines
        require_clean_exit(judge, instance.exit_code)
        judge.require(len(lines) == 1, f"{name} logged {len(lines)} seed lines: {lines}")
        judge.require(all(SEED.search(line) for line in lines), f"{name}: not of the promised form: {lines}")
    judge.assume(seen.truth.online and seen.truth.deactivated, "Postgres holds too little to compare")
    require_mirror_is_truth(judge, seen.truth, seen.ready)
    require_mirror_is_truth(judge, seen.truth, seen.stopped)
    judge.note(f"{len(begun)} instances started within {max(begun) - min(begun):.3f} s, one seed line each")


@check("K-02", "BE", "Concurrent toggles of one mitra through two instances end with both stores agreeing")
def agree_after_each_round(judge: Judge, seen: ToggleRounds, bounds: Bounds) -> None:
    rounds = seen.rounds
    if all(each.agreed_at is not None for each in rounds):  # else the scenario ended at the first that did not
        overlapping = sum(1 for each in rounds if each.overlap)
        judge.observed(overlapping >= ROUNDS, f"in only {overlapping} rounds were both backends busy at the same time")
    slowest = 0.0
    for number, each in enumerate(rounds, 1):
        for answer in each.answers:
            judge.require(answer.status == 200, f"round {number}: {answer.action} was answered {answer.status}")
            online = answer.is_online
            judge.require(
                online is (answer.action == "online"),
                f"round {number}: {answer.action} was answered is_online: {online!r}",
            )
        if each.agreed_at is None:
            judge.within(f"round {number} ({each.state}): agreement", None, bounds["within_s"])
            break  # the next round began with a wrong mirror
        took = each.agreed_at - each.answered_at
        slowest = max(took, slowest)
        if took > bounds["within_s"]:
            judge.within(f"round {number}: agreement", took, bounds["within_s"])
            break
    audit = seen.audit
    expected = ["online" if position % 2 == 0 else "offline" for position in range(len(audit))]
    judge.require(audit == expected, f"the audit rows do not alternate: {audit}")
    last = rounds[-1].postgres if rounds else None
    judge.require(
        bool(audit) and (audit[-1] == "online") is last, f"the last audit row is {audit[-1:]}, is_online is {last}"
    )
    judge.note(f"{len(rounds)} rounds, {len(audit)} changes, agreement {slowest:.3f} s after the answers")


@check("K-03", "BE", "A snapshot filled by one instance is served by the other")
def snapshot_is_shared(judge: Judge, seen: Relays, bounds: Bounds) -> None:
    """A mitra toggles between the two polls, so that a recomputed answer would differ."""
    for relay in seen.relays:
        filler, reader = relay.filler, relay.reader
        first, second = relay.first, relay.second
        if relay.toggled is None:
            judge.assume(False, "the toggle between the polls was not answered")
        else:
            judge.owes(relay.toggled == 200, f"the toggle between the polls was answered {relay.toggled}", "B-01")
        judge.observed(second.ended - first.started < bounds["life_s"], "the snapshot may have expired in between")
        if not (require_status(judge, first) and require_status(judge, second)):
            continue
        count = first.fields.get("count")
        message = f"{filler} counts {count}, not {relay.available}"
        judge.require_equal(f"the count of {filler}", count, relay.available, message)
        same = all(first.fields.get(key) == second.fields.get(key) for key in ("available", "count"))
        judge.require(same, f"{reader} answers {second.reply}, not what {filler} had cached: {first.reply}")
        require_one_recompute(judge, relay.commands, filler)
    judge.require(len(seen.relays) == 2, f"{len(seen.relays)} directions were tried, not 2")


def require_one_recompute(judge: Judge, commands: Sequence[ValkeyCommand], filler: str) -> None:
    """The cluster runs one SDIFF and one write of the snapshot, both by the instance that was polled first."""
    diffs = [c.instance for c in commands if verb(c) in ("SDIFF", "SDIFFSTORE")]
    written = [c.instance for c in commands if verb(c) in SNAPSHOT_WRITES and SNAPSHOT in c.args[1:]]
    judge.require(diffs == [filler], f"SDIFF was run by {diffs}, not once by {filler}")
    judge.require(written == [filler], f"the snapshot was written by {written}, not once by {filler}")
    judge.note(f"missed by {filler}: one SDIFF, one write")


@check("K-04", "CC", "A setting changed on one instance makes the other delete the snapshot too")
def invalidated_everywhere(judge: Judge, seen: SettingChanges, bounds: Bounds) -> None:
    for change in seen.changes:
        via, other = change.via, change.other
        judge.assume(change.before is not None, "there was no snapshot to delete")
        if not require_status(judge, change.exchange):
            continue
        keys = [published_key(c) for c in change.published if c.args[1] == "config:invalidate"]
        message = f'no message {{"key": "{change.key}"}} on config:invalidate, but of {keys}'
        judge.require(change.key in keys, message)
        deleted = [c.at for c in change.commands if c.instance == other and deletes_key(c, SNAPSHOT)]
        if change.released_at is not None:  # a poll could undo a deletion before the COMMIT, so one has to follow it
            deleted = [at for at in deleted if at > change.released_at]
        at = min(deleted, default=None)
        took = None if at is None else max(0.0, at - change.exchange.ended)
        judge.within(f"{other}'s deletion of the snapshot, changed on {via},", took, bounds["within_s"])
        for name, poll in change.polls.items():
            if require_status(judge, poll):
                count = poll.fields.get("count")
                message = f"{name} then counts {count}, not {change.available}"
                judge.require_equal(f"the count of {name}", count, change.available, message)
    judge.require(len(seen.changes) == 3, f"{len(seen.changes)} changes were tried, not 3")
    counts = [change.available for change in seen.changes]
    differ = all(before != after for before, after in pairwise(counts))
    judge.assume(differ, f"the settings make no difference to the counts: {counts}")


def published_key(command: ValkeyCommand) -> object:
    """The `key` of the JSON that was published; None for a message of another form."""
    try:
        return fields_of(json.loads(command.args[2])).get("key")
    except ValueError:
        return None


@check("K-05", "BE", "Heartbeat mirrors of several instances are idempotent: no errors, never backwards")
def mirrors_side_by_side(judge: Judge, seen: MirrorsSideBySide, bounds: Bounds) -> None:
    judge.assume(not unknown_roles(seen.statements), f"unknown roles wrote: {unknown_roles(seen.statements)}")
    errors = [s for s in seen.statements if failed(s)]
    judge.require(not errors, f"{len(errors)} statements failed: {[s.text[:120] for s in errors[:3]]}")
    assume_pings(judge, seen.pings, seen.pinging, seen.since, seen.last_ping_at, GAP_S)
    for name in seen.instances:
        mirrored = [s for s in seen.statements if s.instance == name and writes(s, STATUS) and uses_unnest(s)]
        lasted = seen.until - seen.since
        judge.require(len(mirrored) >= 3, f"{name} wrote {len(mirrored)} times by UNNEST in {lasted:.1f} s")
        judge.note(f"{name} mirrored {len(mirrored)} times")
    for name, mitra in seen.mitras.items():
        series = [(sample.at, sample.columns.get(mitra)) for sample in seen.samples]
        judge.observed(len(series) >= 3, f"{len(series)} samples of last_heartbeat_at are too few")
        for (_, before), (at, after) in pairwise(series):
            back = before is not None and (after is None or after < before)
            judge.require(not back, f"{name}: last_heartbeat_at went back from {before} to {after} at {at:.3f}")
        column, heartbeat = series[-1][1], heartbeat_time(seen.heartbeats.get(mitra))
        judge.owes(heartbeat is not None, f"{name}, who pinged, has no heartbeat in Valkey", "C-03")
        equal = column is not None and heartbeat is not None and abs(column - heartbeat) <= MS
        judge.require(equal, f"{name}: last_heartbeat_at ends as {column}, the newest heartbeat is {heartbeat}")
    took = seen.read_at - seen.last_ping_at
    judge.within("the newest heartbeats in Postgres", took, bounds["within_s"])
