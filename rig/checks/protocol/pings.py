"""The rules for a ping: whom it may write a heartbeat for, and when it deletes a mark."""

from rig.checks.protocol.calls import MARK, Ping
from rig.checks.protocol.context import SAME_CLOCK_S, Context
from rig.checks.protocol.scripts import judge_epoch, known_epoch
from rig.checks.protocol.state import UNKNOWN
from rig.checks.protocol.transactions import Transaction
from rig.contract import DEACTIVATED, HEARTBEAT, ONLINE

STAMP = 24  # characters of a heartbeat in the mirror's own format


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
    for key, what in (
        (MARK + id, "the mark of a sweep"),
        (ONLINE, "who is online"),
        (DEACTIVATED, "who is deactivated"),
    ):
        if key not in call.reads:
            rule = "section 4, the ping"
            context.convict(
                at,
                id,
                rule,
                f"a ping wrote a heartbeat without a look at {what}",
                "the ping looks at the mark and at both sets first",
            )
    if mitra.online is False or mitra.deactivated is True:
        how = "offline" if mitra.online is False else "deactivated"
        context.convict(
            at,
            id,
            "section 4, the ping",
            f"a ping wrote a heartbeat of a mitra who is {how} in Valkey",
            f"the ping answers {how}",
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
            at,
            id,
            "section 12, rule 4",
            f"a ping set the heartbeat back from {before} to {call.now}",
            "the newer heartbeat stays",
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
            at,
            id,
            "section 4, the ping",
            "a ping of an online mitra wrote no heartbeat",
            "the ping writes the heartbeat",
        )


def judge_clearing(context: Context, call: Ping, id: str) -> None:
    """A ping deletes only the mark that it met, under the lock of the row."""
    at, mark = call.at, context.state.mark_of(id, call.at)
    context.steps["a ping deletes the mark that it met"] += 1
    if not call.dead_mark or mark not in (None, UNKNOWN, call.dead_mark):
        context.convict(at, id, "section 4, the ping", "a ping deleted a mark that it had not met", "the mark stays")
    elif (
        context.statements
        and context.one_clock
        and call.instance is not None
        and not row_locked(context, call.instance, id, at)
    ):
        context.convict(
            at, id, "section 4, the ping", "a ping deleted a mark without the lock of her row",
            "the ping locks her row (FOR SHARE), reads it, and deletes the mark under that lock",
        )  # fmt: skip


def row_locked(context: Context, instance: str, id: str, at: float) -> bool:
    """Whether the instance held the lock of a ping on her row."""

    def holds(one: Transaction) -> bool:
        place = one.locks_row(id, "FOR SHARE")
        return (
            place is not None
            and one.statements[place].at <= at + SAME_CLOCK_S
            and at - SAME_CLOCK_S <= one.ended_at_latest
        )

    return any(holds(one) for one in context.log.about[instance, id])
