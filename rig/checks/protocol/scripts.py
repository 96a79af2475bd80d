"""The rules for a single script: what it has to look at, what it may write, and what it has to write."""

from rig.checks.protocol.calls import EPOCH, MARK, SEED, VERSIONS, Apply, Call, Ping, SecondLook, Strays
from rig.checks.protocol.context import Context
from rig.checks.protocol.state import UNKNOWN
from rig.checks.protocol.transactions import Transaction
from rig.contract import CAPACITY, DEACTIVATED, HEARTBEAT, ONLINE

MARK_LIFE_MIN_MS = 15_000  # a sweep's transaction may last so long
STAMP = 24  # characters of a heartbeat in the mirror's own format


def judge_epoch(context: Context, call: Call, prefix: str, id: str) -> bool:
    """Section 2, rule 2; False if this call wrote without a valid epoch."""
    if not call.writes:
        return True
    if EPOCH not in call.reads:
        context.convict(
            call.at, id, "section 2, rule 2", "a script wrote without a look at the epoch", "the script reads mirror:epoch first"
        )
        return False
    epoch = context.state.epoch
    if epoch == UNKNOWN or (epoch is not None and epoch.startswith(prefix)):
        return True
    shown = "there was no epoch" if epoch is None else "the epoch belonged to another store"
    context.convict(
        call.at, id, "section 2, rule 2", f"a script wrote although {shown}", "the script is refused, and Postgres answers"
    )
    return False


def judge_apply(context: Context, call: Apply) -> None:
    """Section 1, rules 3 and 4; section 3, rule 2; section 4, rule 6."""
    state, at, id = context.state, call.at, call.id
    mitra, version = state.of(id), call.version
    if call.refused or not judge_epoch(context, call, call.prefix, id):
        return
    seed = state.seed_of(at)
    known = [v for v in (mitra.version, mitra.built if seed else None) if isinstance(v, int)]
    newest = max(known, default=0)
    wrote = call.wrote("HSET", VERSIONS, id) or call.wrote("SADD", ONLINE, id) or call.wrote("SREM", ONLINE, id)
    if not wrote:
        context.steps["a change is fenced off" if newest > version else "a change is refused"] += 1
        sure = UNKNOWN not in (mitra.version, mitra.built, seed)
        if sure and newest <= version and EPOCH in call.reads and context.quiet_at(at) and known_epoch(context, call.prefix):
            context.convict(
                at, id, "section 1, rule 3",
                f"apply refused version {version}, although Valkey had version {newest}", "apply writes the row",
            )  # fmt: skip
        return
    context.steps["a change is applied"] += 1
    if VERSIONS not in call.reads:
        context.convict(
            at, id, "section 1, rule 3", f"apply wrote version {version} without a look at the version in Valkey",
            "apply reads mirror:versions, and refuses an older row",
        )  # fmt: skip
    if newest > version:
        context.convict(
            at, id, "section 1, rule 3", f"apply wrote version {version} over version {newest}", "apply is fenced off"
        )
    if SEED not in call.reads:
        context.convict(
            at, id, "section 3, rule 2", "apply wrote without a look for a running seed", "apply reads mirror:seed, and notes its change"
        )
    judge_row(context, call)
    if seed == UNKNOWN:
        return
    noted = call.wrote("HSET", f"mirror:seed:{seed}:changes", id)
    if seed and SEED in call.reads and not noted:
        context.convict(
            at, id, "section 3, rule 2", "apply noted nothing for the running seed", "apply notes its change for the seed"
        )
    if seed:
        context.steps["a change is noted for a seed"] += 1


def known_epoch(context: Context, prefix: str) -> bool:
    """Whether it is certain that the epoch is valid."""
    epoch = context.state.epoch
    return epoch not in (None, UNKNOWN) and str(epoch).startswith(prefix)


def judge_row(context: Context, call: Apply) -> None:
    """What apply wrote is the row that it carries; and the mark of an older row goes with it."""
    at, id = call.at, call.id
    online, active = call.row
    right = call.wrote("SADD" if online else "SREM", ONLINE, id) and call.wrote("SREM" if active else "SADD", DEACTIVATED, id)
    if right and online:
        right = call.wrote("SET", f"{CAPACITY}{id}", call.load)
    if not right and context.quiet_at(at):
        context.convict(
            at, id, "section 1, rule 3", "apply wrote another state than that of the row", "apply writes the row as it was committed"
        )
    mark = context.state.mark_of(id, at)
    deleted = call.deleted(MARK + id)
    if mark == UNKNOWN:
        return
    older = mark is not None and version_of(mark) < call.version
    if older and not deleted and context.quiet_at(at):
        context.convict(
            at, id, "section 4, rule 6", "apply left the mark of an older row", "apply deletes a mark whose version is lower"
        )
    if deleted and not older and mark is not None:
        context.convict(
            at, id, "section 4, rule 6", f"apply of version {call.version} deleted the mark {mark}",
            "apply leaves a mark whose version is not lower",
        )  # fmt: skip
    if deleted:
        context.steps["a mark is deleted by a newer version"] += 1


def version_of(mark: str) -> int:
    """The version of the locked row, which a mark begins with."""
    number = mark.partition(":")[0]
    return int(number) if number.isdecimal() else 0


def judge_ping(context: Context, call: Ping) -> None:
    """Section 4: a ping writes only for somebody who is online, active and without a mark."""
    if call.refused or not judge_epoch(context, call, call.prefix, call.ids[0]):
        return
    for id in dict.fromkeys(call.ids):
        if call.wrote("SET", HEARTBEAT + id):
            judge_written_ping(context, call, id)
        else:
            judge_ping_without_write(context, call, id)
        if call.deleted(MARK + id):
            judge_clearing(context, call, id)


def judge_written_ping(context: Context, call: Ping, id: str) -> None:
    mitra, at = context.state.of(id), call.at
    context.steps["a ping is taken"] += 1
    for key, what in ((MARK + id, "the mark of a sweep"), (ONLINE, "who is online"), (DEACTIVATED, "who is deactivated")):
        if key not in call.reads:
            rule = "section 4, the ping"
            context.convict(at, id, rule, f"a ping wrote a heartbeat without a look at {what}", f"the ping reads {key} first")
    if mitra.online is False or mitra.deactivated is True:
        how = "offline" if mitra.online is False else "deactivated"
        context.convict(
            at, id, "section 4, the ping", f"a ping wrote a heartbeat of a mitra who is {how} in Valkey", f"the ping answers {how}"
        )
    mark = context.state.mark_of(id, at)
    if mark not in (None, UNKNOWN, call.dead_mark):
        context.convict(
            at, id, "section 4, the ping", f"a ping wrote a heartbeat beside the mark {mark}",
            "the ping writes nothing, and waits for the row in Postgres",
        )  # fmt: skip
    before = mitra.heartbeat
    if before not in (None, UNKNOWN) and len(str(before)) == STAMP and call.now < str(before) <= call.latest:
        context.convict(
            at, id, "section 12, rule 4", f"a ping set the heartbeat back from {before} to {call.now}", "the newer heartbeat stays"
        )


def judge_ping_without_write(context: Context, call: Ping, id: str) -> None:
    mitra, at = context.state.of(id), call.at
    mark = context.state.mark_of(id, at)
    if mitra.deactivated is True:
        context.steps["a ping finds a deactivated mitra"] += 1
    elif mitra.online is False:
        context.steps["a ping finds an offline mitra"] += 1
    elif mark not in (None, UNKNOWN, call.dead_mark):
        context.steps["a ping meets a mark"] += 1
    sure = mitra.online is True and mitra.deactivated is False and mark is None and known_epoch(context, call.prefix)
    due = mitra.heartbeat is None or (len(str(mitra.heartbeat)) == STAMP and str(mitra.heartbeat) < call.now)
    if sure and due and context.quiet_at(at):
        context.convict(
            at, id, "section 4, the ping", "a ping of an online mitra wrote no heartbeat", "the ping writes the heartbeat"
        )


def judge_clearing(context: Context, call: Ping, id: str) -> None:
    """A ping deletes only the mark that it met, under the lock of the row."""
    at, mark = call.at, context.state.mark_of(id, call.at)
    context.steps["a ping deletes the mark that it met"] += 1
    if not call.dead_mark or mark not in (None, UNKNOWN, call.dead_mark):
        context.convict(at, id, "section 4, the ping", "a ping deleted a mark that it had not met", "the mark stays")
    elif context.statements and context.one_clock and call.instance is not None and not row_locked(context, call.instance, id, at):
        context.convict(
            at, id, "section 4, the ping", "a ping deleted a mark without the lock of her row",
            "the ping locks her row (FOR SHARE), reads it, and deletes the mark under that lock",
        )  # fmt: skip


def row_locked(context: Context, instance: str, id: str, at: float) -> bool:
    """Whether the instance held the lock of a ping on her row."""

    def holds(one: Transaction) -> bool:
        place = one.locks_row(id, "FOR SHARE")
        return place is not None and one.statements[place].at <= at + SPARE_S and at - SPARE_S <= one.ended_at_latest

    return any(holds(one) for one in context.log.about[instance, id])


SPARE_S = 0.002


def judge_second_look(context: Context, call: SecondLook) -> None:
    """Section 4, rule 4."""
    state, at, id = context.state, call.at, call.id
    if call.refused or not judge_epoch(context, call, call.prefix, id):
        return
    mitra, rule = state.of(id), "section 4, rule 4"
    if not call.marked:
        context.steps["a second look finds a ping or a change"] += 1
        return
    context.steps["a sweep marks"] += 1
    for key, what in ((HEARTBEAT + id, "heartbeat"), (VERSIONS, "version")):
        if key not in call.reads:
            context.convict(at, id, rule, f"a sweep marked her without a look at her {what}", f"the second look compares her {what}")
    if mitra.heartbeat != UNKNOWN and (mitra.heartbeat or "") != call.seen:
        context.convict(
            at, id, rule, f"a sweep marked her although her heartbeat was {mitra.heartbeat}, not {call.seen}", "the sweep leaves her online"
        )
    if mitra.version != UNKNOWN and (mitra.version or 0) != call.version:
        context.convict(
            at, id, rule, f"a sweep marked her although Valkey had version {mitra.version}, and her row {call.version}",
            "the sweep leaves her online: a change is on its way",
        )  # fmt: skip
    if version_of(call.mark) != call.version or ":" not in call.mark:
        context.convict(
            at, id, rule, f"the mark {call.mark} is not of the locked row's version {call.version}",
            "the mark holds the version of the locked row and a nonce",
        )  # fmt: skip
    if call.life_ms < MARK_LIFE_MIN_MS:
        context.convict(
            at, id, rule, f"the mark lives for {call.life_ms} ms, less than a sweep's transaction may last", "the mark lives for 60 s"
        )


def judge_strays(context: Context, call: Strays) -> None:
    """Section 3, rule 5: only keys of mitras who are not online are strays."""
    if call.refused or not judge_epoch(context, call, call.prefix, ""):
        return
    for write in call.writes:
        key = write[1] if write[0] == "DEL" else ""
        id = key.removeprefix(HEARTBEAT).removeprefix(CAPACITY)
        if id != key and context.state.of(id).online is True:
            context.convict(call.at, id, "section 3, rule 5", f"strays deleted {key} of an online mitra", "her keys stay")


def judge_plain_command(context: Context, args: list[str], at: float) -> None:
    """Section 4, rule 7: only *apply* and a ping under the row's lock delete a mark."""
    for key in args[1:] if args[0].upper() in ("DEL", "UNLINK", "GETDEL") else []:
        if key.startswith(MARK):
            context.convict(
                at, key.removeprefix(MARK), "section 4, rule 7", "an instance deleted a mark by itself",
                "a newer version deletes the mark, or a ping that holds the row's lock, or its end of life",
            )  # fmt: skip
