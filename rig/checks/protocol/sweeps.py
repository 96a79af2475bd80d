"""The rules for transactions: every change locks, draws and notifies; a sweep also looks, marks, and keeps its order."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rig.checks.protocol.calls import SecondLook
from rig.checks.protocol.context import SAME_CLOCK_S, Context
from rig.checks.protocol.transactions import SWEEP, Transaction, change_of, ids_of, is_draw
from rig.record import Lines
from rig.record.lines.common import Request

SWEEP_ORDER = "row lock, lock SWEEP, mirror_instances, version, mark, UPDATE"
STRAGGLES_S = 20.0  # a request without an answer may be carried out so much later


@dataclass(frozen=True)
class Block:
    """A block of sweeps by an instance: when its statement began, by when it was committed, and until when it stands.

    `promised`: until when it stands if its instance does not end it before.
    """

    instance: str | None
    asked: float
    settled: float
    until: float
    promised: float


def judge_changes(context: Context) -> None:
    """Section 1, rules 1 and 2, for each committed transaction that changed a mitra."""
    for one in context.log.all:
        if not one.committed or len(one.statements) < 2:
            continue
        context.steps["a change commits"] += bool(one.drawn)
        for statement, text in zip(one.statements, one.texts, strict=True):
            if change_of(text) is None:
                continue
            for id in ids_of(statement):
                judge_change(context, one, id)


def judge_change(context: Context, one: Transaction, id: str) -> None:
    context.judged.add(id)
    rule = "section 1, rule 1"
    draw = one.place("UPDATE mitras", "nextval('mirror_version')")
    lock = one.locks_row(id, "FOR NO KEY UPDATE")
    if id not in one.drawn or draw is None:
        context.convict(
            one.ended,
            id,
            rule,
            "a change was committed without a version",
            "the transaction draws a version before COMMIT",
        )
        return
    if lock is None:
        context.convict(one.begun, id, rule, "a change did not lock her row", "the transaction locks her row first")
    changes = [n for n, text in enumerate(one.texts) if change_of(text) is not None]
    if lock is not None and changes[0] < lock:
        context.convict(
            one.begun, id, rule, "a change was made before the row was locked", "the transaction locks her row first"
        )
    if changes[-1] > draw:
        context.convict(
            one.ended, id, rule, "a version was drawn before the change", "the version is drawn last, before COMMIT"
        )
    if not any("pg_notify" in text for text in one.texts):
        context.convict(
            one.ended,
            id,
            "section 1, rule 2",
            "a change was committed without a notification",
            "the draw notifies all instances",
        )


def judge_sweeps(context: Context, lines: Lines, looks: Sequence[SecondLook]) -> None:
    """Section 4, rules 1 to 5, for each committed transaction that took somebody offline without being asked."""
    asked = requests_to_go_offline(lines)
    by_id: dict[str, list[SecondLook]] = defaultdict(list)
    for look in looks:
        by_id[look.id].append(look)
    blocks = blocks_of(context)
    for one in context.log.all:
        if not one.committed or one.instance is None:
            continue
        update = one.place("UPDATE mitra_online_status", "is_online = false")
        if update is None:
            continue
        for id in ids_of(one.statements[update]):
            if one.takes("pg_try_advisory_xact_lock", SWEEP) is not None or not is_asked(asked[id], one):
                judge_sweep(context, one, id, update, by_id[id])
                judge_block(context, one, id, blocks)


def requests_to_go_offline(lines: Lines) -> dict[str, list[Request]]:
    found: dict[str, list[Request]] = defaultdict(list)
    for request in lines.of(Request):
        if request.subject and request.url.endswith("/offline"):
            found[request.subject].append(request)
    return found


def is_asked(requests: Sequence[Request], one: Transaction) -> bool:
    """Whether a request to go offline may be the cause of this transaction."""
    for request in requests:
        until = request.ended if request.status is not None else request.ended + STRAGGLES_S
        if request.started - 0.1 <= one.ended and one.begun <= until + 0.1:
            return True
    return False


def judge_sweep(context: Context, one: Transaction, id: str, update: int, looks: Sequence[SecondLook]) -> None:
    """The steps of a sweep, in their order."""
    context.judged.add(id)
    context.steps["a sweep takes a mitra offline"] += 1
    lock = one.locks_row(id, "FOR NO KEY UPDATE")
    alone = one.takes("pg_try_advisory_xact_lock", SWEEP)
    instances = one.place("FROM mirror_instances")
    version = one.place("SELECT mirror_version FROM mitras")
    at = one.statements[update].at
    places = [place for place in (lock, alone, instances, version, update) if place is not None]
    bounded = all(any(word in text for text in one.texts) for word in ("statement_timeout", "idle_in_transaction"))
    for broken, rule, message, allowed in (
        (alone is None, "rule 2", "a sweep took a mitra offline without the lock SWEEP", "a sweep takes the lock SWEEP first"),
        (instances is None, "rule 3", "a sweep did not read whether an instance blocks sweeps", "a sweep reads mirror_instances"),
        (version is None, "rule 3", "a sweep did not read her row's version", "a sweep reads the version of the locked row"),
        (places != sorted(places), "rules 1 to 5", "a sweep took its steps in another order", SWEEP_ORDER),
        (not bounded, "rule 5", "Postgres did not bound the transaction of a sweep", "the sweep sets both timeouts"),
    ):  # fmt: skip
        if broken:
            context.convict(at, id, f"section 4, {rule}", message, allowed)
    judge_mark(context, one, id, version, at, looks)


def judge_mark(
    context: Context, one: Transaction, id: str, version: int | None, at: float, looks: Sequence[SecondLook]
) -> None:
    """Section 4, rule 4: a second look of this instance has marked her between the read of her version and `at`, the UPDATE."""
    if context.one_clock and not context.blind_in(one.begun - 1, one.ended + 1):
        since = one.statements[version if version is not None else 0].at - SAME_CLOCK_S
        own = [
            look
            for look in looks
            if look.marked and look.instance in (one.instance, None) and since <= look.at <= at + SAME_CLOCK_S
        ]
        if not own:
            context.convict(
                at,
                id,
                "section 4, rule 4",
                "a sweep took a mitra offline without a mark",
                "a second look marks her before the UPDATE",
            )


def blocks_of(context: Context) -> list[Block]:
    """All blocks that the log shows as committed, each until its end or its own instance's next *unblock*."""
    found: list[Block] = []
    for instance, some in context.log.by_instance.items():
        ends = [one.begun for one in some if one.place("UPDATE mirror_instances", "blocks_until = NULL") is not None]
        for one in some:
            parameters = one.statements[0].parameters
            is_block = one.place("INSERT INTO mirror_instances", "(instance, store, blocks_until)") is not None
            if one.committed is False or not is_block or len(parameters) < 3:
                continue
            promised = one.begun + float(parameters[2] or 0)
            until = min([promised, *(end for end in ends if end >= one.begun)])
            found.append(Block(instance, one.begun, one.settled, until, promised))
    return found


def judge_block(context: Context, one: Transaction, id: str, blocks: Sequence[Block]) -> None:
    """Section 4, rule 3: no sweep while another instance blocks them."""
    read = one.place("FROM mirror_instances")
    if read is None:
        return
    at = one.statements[read].at
    standing = [
        block
        for block in blocks
        if block.settled + SAME_CLOCK_S < at < block.until - 0.05 and block.instance != one.instance
    ]
    if standing and at < context.rewound:
        context.convict(
            at, id, "section 5, rule 1", f"instance {one.instance} swept while instance {standing[0].instance} blocked sweeps",
            "a sweep that reads a block stops",
        )  # fmt: skip


def has_draws(context: Context) -> bool:
    """Whether the server draws versions at all: otherwise it follows another protocol."""
    return any(is_draw(text) for one in context.log.all for text in one.texts)
