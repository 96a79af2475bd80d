"""The rules for answers to pings: each comes from a script, or from Postgres behind a block of sweeps."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence

from rig.checks.protocol.calls import MARK, Ping
from rig.checks.protocol.context import Context
from rig.checks.protocol.sweeps import Block, blocks_of
from rig.checks.protocol.transactions import Transaction
from rig.contract import HEARTBEAT, PING
from rig.record import Lines
from rig.record.lines.common import Request

SPARE_S = 0.01  # the rig's clock is read a little after what it times
Pings = Mapping[tuple[str | None, str], Sequence[float]]


def pings_by_mitra(pings: Sequence[Ping]) -> Pings:
    """When a script took a ping, by instance and mitra."""
    found: dict[tuple[str | None, str], list[float]] = defaultdict(list)
    for call in pings:
        if call.refused:
            continue
        for id in call.ids:
            if call.wrote("SET", HEARTBEAT + id) or MARK + id in call.reads:
                found[call.instance, id].append(call.at)
    return found


def judge_answers(context: Context, lines: Lines, pings: Sequence[Ping]) -> None:
    """Sections 4 and 5, for each ping that was answered with `is_online: true`."""
    if not context.statements or not context.one_clock:
        return
    taken, blocks = pings_by_mitra(pings), blocks_of(context)
    for request in lines.of(Request):
        online = request.status == 200 and request.fields.get("is_online") is True
        if not online or not request.url.endswith(PING) or request.subject is None or request.instance is None:
            continue
        since, until = request.started - SPARE_S, request.ended + SPARE_S
        if context.blind_in(since, until):
            continue
        id, instance = request.subject, request.instance
        if any(between(taken.get((sender, id), ()), since, until) for sender in (instance, None)):
            context.judged.add(id)
            continue
        reads = reads_of_row(context, instance, id, since, until)
        if not reads:
            if seen_at_all(context, instance, since, until):
                context.convict(
                    request.ended, id, "section 4, the ping", "a ping was answered online, and neither store was asked",
                    "a ping is a script in Valkey, or else a read of her row in Postgres",
                )  # fmt: skip
            continue
        context.judged.add(id)
        judge_fallback(context, id, reads, blocks)


def between(moments: Sequence[float], since: float, until: float) -> bool:
    return bisect_left(moments, since) < bisect_right(moments, until)


def seen_at_all(context: Context, instance: str, since: float, until: float) -> bool:
    """Whether the log shows that instance at all around this time."""
    return bool(context.log.begun_in(instance, since - 10, until + 10))


def reads_of_row(context: Context, instance: str, id: str, since: float, until: float) -> list[Transaction]:
    """The transactions of this time in which the instance read whether she is active and online."""
    found = []
    for one in context.log.about[instance, id]:
        if one.begun > until or one.ended < since:
            continue
        if one.place("is_active", "is_online", "FROM mitras") is not None:
            found.append(one)
    return found


def judge_fallback(context: Context, id: str, reads: Sequence[Transaction], blocks: Sequence[Block]) -> None:
    """Section 5, rules 1 to 3."""
    context.steps["a ping is answered from Postgres"] += 1
    allowed = "the instance commits a block of sweeps before the first answer from Postgres"
    behind = [
        (one, block) for one in reads for block in blocks if block.instance == one.instance and stands(block, one)
    ]
    last = reads[-1]
    if not behind:
        context.convict(
            last.ended, id, "section 5, rule 1", "a ping was answered from Postgres without a block of sweeps", allowed
        )
    elif not any(locks_or_waited(context, one) for one, _ in behind):
        context.convict(
            last.ended, id, "section 5, rules 2 and 3",
            "a ping was answered from Postgres, and nothing waited for sweeps that were already open",
            "the instance takes the lock SWEEP shared once, or the ping locks her row",
        )  # fmt: skip


def stands(block: Block, read: Transaction) -> bool:
    """Whether the block was asked for before this read, and had not run out."""
    return block.asked <= read.ended and read.ended <= block.promised + SPARE_S


def locks_or_waited(context: Context, one: Transaction) -> bool:
    """Whether the read came behind the lock of her row, or the instance had waited for open sweeps before."""
    if any("FOR SHARE" in text for text in one.texts):
        return True
    waits = context.log.waits[one.instance]
    return bool(waits) and waits[0] <= one.ended
