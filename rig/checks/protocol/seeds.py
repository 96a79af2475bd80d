"""The rules of a seed: its lock, its wait for sweeps, its read, its steps, and what it may write."""

from dataclasses import dataclass

from rig.checks.protocol.calls import SEED, VERSIONS, SeedBegin, SeedStep, SeedSwap
from rig.checks.protocol.context import SAME_CLOCK_S, Context
from rig.checks.protocol.state import UNKNOWN
from rig.checks.protocol.transactions import SEED as SEED_LOCK
from rig.checks.protocol.transactions import Transaction
from rig.contract import HEARTBEAT

LOCKED_BEFORE_S = 60.0  # a seed takes its lock, and begins, within this time


@dataclass
class Seed:
    """A seed whose *begin* was seen."""

    begin: SeedBegin
    outage: bool  # no epoch was valid at its begin
    read_at: float | None = None
    looked_up: bool = False  # whether its statements were judged


def judge_begin(context: Context, call: SeedBegin) -> Seed | None:
    """Section 3, rules 1 and 2; None if Valkey refused it."""
    if call.refused:
        return None
    epoch = context.state.epoch
    context.steps["a seed begins"] += 1
    outage = epoch is None or (epoch != UNKNOWN and not epoch.startswith(call.prefix))
    return Seed(call, outage)


def versions_gone(call: SeedBegin) -> bool:
    """Whether *begin* threw the versions away, as they belong to another history."""
    return call.deleted(VERSIONS)


def judge_statements(context: Context, seed: Seed, until: float) -> None:
    """Section 3, rules 1 to 4: lock, begin, wait for sweeps, read. Judged once, at the first step."""
    call, instance = seed.begin, seed.begin.instance
    seed.looked_up = True
    if not context.statements or not context.one_clock or instance is None:
        return
    own = transaction_of(context, instance, call.at)
    if own is None:
        context.convict(
            call.at,
            "",
            "section 3, rule 1",
            "a seed began without the lock SEED",
            "a seed takes the advisory lock SEED first",
        )
        return
    reads = [
        statement.at
        for statement, text in zip(own.statements, own.texts, strict=True)
        if "FROM mitras" in text and not statement.parameters and statement.at <= until + SAME_CLOCK_S
    ]
    if not reads:
        return
    seed.read_at = reads[-1]
    if reads[-1] + SAME_CLOCK_S < call.at:
        context.convict(
            call.at, "", "section 3, rule 2", f"a seed read Postgres {call.at - reads[-1]:.3f} s before its begin in Valkey",
            "begin comes before the reading",
        )  # fmt: skip
    since = min(call.at, reads[-1]) - SAME_CLOCK_S
    until = reads[-1] + SAME_CLOCK_S
    waits = any(since - SAME_CLOCK_S <= at <= until for at in context.log.waits[instance])
    if not waits:
        context.convict(
            reads[-1], "", "section 3, rule 3", "a seed read Postgres without waiting for open sweeps",
            "after begin and before the reading, the seed takes the lock SWEEP shared",
        )  # fmt: skip
    else:
        context.steps["a seed waits for sweeps and reads"] += 1


def transaction_of(context: Context, instance: str, at: float) -> Transaction | None:
    """The transaction in which the instance held the lock SEED at this time."""
    near = context.log.begun_in(instance, at - LOCKED_BEFORE_S, at + SAME_CLOCK_S)
    for one in reversed(near):
        if one.takes("pg_advisory_xact_lock", SEED_LOCK) is not None and at <= one.ended_at_latest + SAME_CLOCK_S:
            return one
    return None


def judge_step(context: Context, call: SeedStep, seed: Seed | None) -> None:
    """Section 3, rules 1 and 4, and the grace of rule 6."""
    if not call.writes or call.taken.cut:
        return
    state, at = context.state, call.at
    context.steps["a seed takes a step"] += 1
    if SEED not in call.reads:
        context.convict(
            at,
            "",
            "section 3, rule 1",
            "a step of a seed did not look whether it is still the running one",
            "each step reads mirror:seed",
        )
    running = state.seed_of(at)
    if running not in (UNKNOWN, call.nonce):
        context.convict(
            at,
            "",
            "section 3, rule 1",
            "a step of an older seed wrote, though a newer one had begun",
            "the older seed fails",
        )
    if seed is not None:
        judge_grace(context, seed, call.grace, at)
        if not seed.looked_up:
            judge_statements(context, seed, at)
    touched = call.touched
    for id, online, active, version in call.rows:
        mitra = state.of(id)
        if isinstance(mitra.noted, int) and mitra.noted > version and running == call.nonce:
            context.steps["a seed leaves a newer change alone"] += 1
            if f"{HEARTBEAT}{id}" in touched:
                context.convict(
                    at, id, "section 3, rule 4", f"a seed wrote keys of version {version} over the noted version {mitra.noted}",
                    "a mitra with a newer noted change is left alone",
                )  # fmt: skip
        course = context.courses.get(id)
        read_at = seed.read_at if seed is not None and seed.read_at is not None else at
        if course is not None and version and at < context.rewound:
            context.judged.add(id)
            if not course.explain(version, (online, active), read_at):
                context.convict(
                    at, id, "section 3, rule 4",
                    f"a seed read version {version} as {told(online, active)}, and no commit that was made by then left this",
                    "the seed reads one snapshot of the committed rows",
                )  # fmt: skip


def judge_grace(context: Context, seed: Seed, grace: bool, at: float) -> None:
    if seed.outage and not grace:
        context.convict(
            at, "", "section 3, rule 6", "a seed that ended an outage gave no fresh heartbeats",
            "a seed that finds no valid epoch writes now as the heartbeat of every online mitra",
        )  # fmt: skip


def judge_swap(context: Context, call: SeedSwap, seed: Seed | None) -> None:
    """Section 3, rule 5."""
    if not call.writes:
        return
    state, at = context.state, call.at
    context.steps["a seed swaps"] += 1
    running = state.seed_of(at)
    if SEED not in call.reads or running not in (UNKNOWN, call.nonce):
        context.convict(
            at,
            "",
            "section 3, rule 1",
            "swap of a seed that was not the running one, or that did not look",
            "the older seed fails",
        )
    if isinstance(state.steps, int) and running == call.nonce and state.steps != call.steps:
        context.convict(
            at, "", "section 3, rule 5", f"swap after {state.steps} of {call.steps} steps", "swap comes after all steps"
        )
    if seed is not None:
        judge_grace(context, seed, call.grace, at)
    if running != call.nonce:
        return
    for id, mitra in state.mitras.items():
        newer = isinstance(mitra.noted, int) and mitra.noted > (mitra.built if isinstance(mitra.built, int) else 0)
        if newer and not call.wrote("HSET", f"mirror:seed:{call.nonce}:versions", id):
            context.convict(
                at, id, "section 3, rule 5", f"swap dropped version {mitra.noted}, which was noted during the seed",
                "swap keeps what noted changes say",
            )  # fmt: skip


def told(online: bool, active: bool) -> str:
    """A row in words."""
    return f"{'online' if online else 'offline'} and {'active' if active else 'deactivated'}"
