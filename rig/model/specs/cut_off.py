"""An instance without Valkey: it answers pings from Postgres, which no other instance sees, and so blocks sweeps."""

from collections.abc import Iterator

from rig.model.language import Kind, Lane, Rules, Spec, action, mutant
from rig.model.specs.lanes import TO_POSTGRES
from rig.model.specs.stores.faults import instance_is_back, instance_is_cut_off
from rig.model.specs.stores.locks import owing, row_is_held, sweep_is_open
from rig.model.specs.stores.rules import EPOCH, OWN_NONCE
from rig.model.specs.stores.seed import (
    seed_begins,
    seed_clears_strays,
    seed_fails,
    seed_passes_the_lock,
    seed_reads,
    seed_steps,
    seed_swaps,
)
from rig.model.specs.stores.state import (
    IN_VALKEY,
    NOBODY,
    UNCOVERED,
    Beat,
    Block,
    Orphan,
    Owed,
    Ping,
    Stage,
    Turn,
    World,
    at,
    counts,
    first,
    relabel,
)
from rig.model.specs.sweep.changes import CHANGES
from rig.model.specs.sweep.faults import (
    given_up_transaction_ends,
    mark_expires,
    mitra_falls_silent,
    process_is_killed,
    reply_of_sweeps_commit_is_lost,
)
from rig.model.specs.sweep.invariants import INVARIANTS, quiet
from rig.model.specs.sweep.pings import mitra_pings, ping_gives_up
from rig.model.specs.sweep.rules import UNKILLED
from rig.model.specs.sweep.sweeping import (
    rolled_back,
    sweep_commits,
    sweep_locks_row,
    sweep_reads_instances,
    sweep_sees_silence,
    sweep_takes_lock,
    sweep_takes_second_look,
)

_PING = "server/mirror/heartbeat.py:Heartbeat.in_postgres"
_BLOCK = "server/mirror/coordinator.py:InstanceCoordinator.block_sweeps"


def _turn(world: World, instance: int, turn: Turn) -> Ping | tuple[()]:
    ping = world.ping[instance]
    return ping if ping and ping.turn == turn else ()


@action(
    "instance",
    "mitra",
    kind=Kind.CLIENT,
    code=_BLOCK,
    point="fallback blocks",
    lanes=(Lane.MITRA, Lane.INSTANCE, Lane.POSTGRES),
)
def mitra_pings_without_valkey(rules: Rules, world: World, instance: int, mitra: int) -> Iterator[World]:
    """A ping comes to an instance that cannot use Valkey: it commits `blocks_until`, unless W or more is left of it."""
    if world.connected[instance] and world.warm[instance] and world.epoch:
        return
    if world.ping[instance] or sum(map(bool, world.ping)) >= rules.bounds["fallbacks"]:
        return
    block, passed = world.block[instance], world.passed[instance]
    if block == Block.NONE and rules.keeps("the block is written before the answer"):
        block, passed = Block.FULL, False
    elif block == Block.LOW and rules.keeps("the block is written again when less than W is left"):
        block = Block.FULL
    yield at(world, instance, block=block, passed=passed, ping=Ping(mitra, Turn.BLOCKED, covered=block == Block.FULL))


@action("instance", code=_BLOCK, lanes=TO_POSTGRES, point="fallback waits")
def ping_passes_the_lock(rules: Rules, world: World, instance: int) -> Iterator[tuple[str, World]]:
    """The instance takes the lock SWEEP shared and gives it back, or gives it up after 1 s."""
    ping = _turn(world, instance, Turn.BLOCKED)
    if not ping or world.passed[instance]:
        return
    if not sweep_is_open(rules, world):
        yield "taken", at(world, instance, passed=True)
    elif rules.keeps("a ping whose lock did not come locks its mitra's row"):
        yield "given up", at(world, instance, ping=ping._replace(turn=Turn.ROW))
    else:
        yield "given up", at(world, instance, ping=ping._replace(turn=Turn.READ))


def _read(world: World, instance: int, ping: Ping) -> tuple[str, World]:
    if world.online[ping.mitra]:
        return "online", at(world, instance, ping=ping._replace(turn=Turn.READ))
    return "answered offline", at(world, instance, ping=())


@action("instance", code=_PING, lanes=TO_POSTGRES, point="fallback reads")
def ping_reads(rules: Rules, world: World, instance: int) -> Iterator[tuple[str, World]]:
    """The ping reads her row, as no sweep is under way that does not see the block."""
    ping = _turn(world, instance, Turn.BLOCKED)
    if ping and rules.holds("a plain read needs the lock SWEEP to have come once", world.passed[instance]):
        yield _read(world, instance, ping)


@action("instance", code=_PING, lanes=TO_POSTGRES, point="ping waits")
def ping_locks_and_reads(rules: Rules, world: World, instance: int) -> Iterator[tuple[str, World]]:
    """The ping locks her row, so it waits for a sweep of hers, and reads it."""
    ping = _turn(world, instance, Turn.ROW)
    if ping and rules.holds("the row's lock waits for a sweep", not row_is_held(world, ping.mitra, shared=False)):
        yield _read(world, instance, ping)


@action("instance", code=_PING, lanes=(Lane.INSTANCE, Lane.MITRA))
def ping_is_answered(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The heartbeat is owed, and the ping is answered online."""
    ping = _turn(world, instance, Turn.READ)
    if ping:
        world = at(at(world, instance, ping=()), ping.mitra, promise=instance if ping.covered else UNCOVERED)
        owed = Owed.HEARTBEAT if rules.keeps("a ping answered from Postgres is owed to Valkey") else Owed.NOTHING
        yield owing(world, instance, ping.mitra, owed)


@action(
    "instance",
    code="server/mirror/coordinator.py:InstanceCoordinator.release_sweeps",
    lanes=TO_POSTGRES,
    point="block ends",
)
def block_ends(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The instance takes its block back."""
    if not world.block[instance] or not (world.warm[instance] and world.epoch):
        return
    if rules.holds("a block ends when no debt is left", not any(world.debts[instance])) and rules.holds(
        "a block ends when no fallback ping is under way", not world.ping[instance]
    ):
        yield at(world, instance, block=Block.NONE, passed=False)


# --- time and faults -------------------------------------------------------------------------------------------


@action("instance", kind=Kind.TIME, lanes=(Lane.POSTGRES,))
def block_runs_low(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """More than a second passes since a block was written: less than W is left of it."""
    if rules.bounds["ages"] and world.block[instance] == Block.FULL:
        yield at(world, instance, block=Block.LOW)


@action("instance", kind=Kind.TIME, lanes=(Lane.POSTGRES,))
def block_lapses(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """A block is over by itself: W has passed since the last ping began that it covers."""
    ping = world.ping[instance]
    covered = instance in world.promise or bool(ping and ping.covered)
    if world.block[instance] == Block.LOW and not covered:
        yield at(world, instance, block=Block.NONE, passed=False)
    if world.left[instance] and not covered:
        yield at(world, instance, left=False)


@action("mitra", kind=Kind.TIME, lanes=(Lane.VALKEY,))
def heartbeat_ages(rules: Rules, world: World, mitra: int) -> Iterator[World]:
    """W passes since the heartbeat in Valkey, while a later ping was answered from Postgres."""
    if world.promise[mitra] not in (NOBODY, IN_VALKEY) and world.beat[mitra] == Beat.NEW:
        yield at(world, mitra, beat=Beat.OLD)


@action("instance", kind=Kind.FAULT, lanes=(Lane.POSTGRES, Lane.INSTANCE))
def postgres_connections_are_lost(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The instance loses its connections to Postgres: transactions, locks and statements under way on them."""
    sweep, seed = world.sweep[instance], world.seed[instance]
    if not world.faults or not rules.bounds["losses"]:
        return
    after = at(
        world._replace(faults=world.faults - 1), instance, ping=(), sweep=(), seed=seed and seed._replace(locked=False)
    )
    if sweep and sweep.stage >= Stage.ROW and not sweep.ended:
        orphan = Orphan(sweep.mitra, sweep.stage >= Stage.LOCK, False)
        after = rolled_back(rules, after, instance, sweep)
        after = after._replace(orphans=after.orphans | {orphan})
    if not rules.keeps("a block outlives its connection"):
        after = at(after, instance, block=Block.NONE, passed=False)
    yield after


def initial(rules: Rules) -> World:
    """All mitras are online and long silent, everything is mirrored, nothing is under way."""
    return first(rules)


SEED = (seed_begins, seed_passes_the_lock, seed_reads, seed_steps, seed_swaps, seed_clears_strays, seed_fails)
SWEEPS = (
    sweep_sees_silence,
    sweep_locks_row,
    sweep_takes_lock,
    sweep_reads_instances,
    sweep_takes_second_look,
    sweep_commits,
)

SPEC = Spec(
    name="cut_off",
    title="An instance without Valkey, its pings and its debts",
    initial=initial,
    actions=(
        mitra_pings_without_valkey, ping_passes_the_lock, ping_reads, ping_locks_and_reads, ping_is_answered,
        ping_gives_up, block_ends, *CHANGES, mitra_pings, *SWEEPS, *SEED, block_runs_low, block_lapses,
        heartbeat_ages, mitra_falls_silent, mark_expires, instance_is_cut_off, instance_is_back, process_is_killed,
        postgres_connections_are_lost, reply_of_sweeps_commit_is_lost, given_up_transaction_ends,
    ),
    invariants=INVARIANTS,
    quiet=quiet,
    bounds=(
        counts(mitras=2, faults=1, losses=0, fallbacks=1),
        counts(faults=2, fallbacks=1),
        counts(faults=1, fallbacks=1, changes=1),
        counts(faults=1, fallbacks=2, ages=1),
    ),
    small=counts(faults=1, fallbacks=1),
    deep=(
        counts(mitras=2, faults=1, fallbacks=1),
        counts(faults=2, fallbacks=1, ages=1),
        counts(faults=1, fallbacks=2, changes=1, ages=1),
    ),
    relabel=relabel,
    unkilled=UNKILLED | {"a seed without grace ends no outage": "each seed here gives grace: there is no periodic one"},
    shown_by=dict.fromkeys(
        (
            EPOCH, OWN_NONCE, "the seed waits for open sweeps", "the versions of a seed are in use after its swap only",
            "a step leaves alone who has changed since",
            "the second look demands the locked row's version", "the sweep waits for the row",
            "a sweep never deletes a mark itself", "what a seed has carried counts before its swap, too",
        ),
        "sweep",
    )
    | {"a step removes the keys of who was read as offline": "seed"},
    mutants=(
        mutant(
            "a ping does not wait for a sweep", "a ping whose lock did not come locks its mitra's row",
            breaks="INV-07", finding="P-03",
        ),
        mutant(
            "a block is a lock of its connection", "a block outlives its connection", breaks="INV-07", finding="P-08",
            faults=2,
        ),
        mutant(
            "a block is a lock of its process", "a block outlives its process", breaks="INV-07", finding="P-09",
            instances=1, faults=2,
        ),
        mutant(
            "a refused retry pays", "a retry that was fenced off does not pay a heartbeat", breaks="INV-07",
            finding="P-10", changes=1, losses=0,
        ),
        mutant(
            "debts are not counted", "a debt is cleared only if its counter did not move", breaks="INV-07",
            finding="S-05", instances=1, faults=2, losses=0,
        ),
        mutant(
            "a block is not written again", "the block is written again when less than W is left", breaks="INV-07",
            losses=0, ages=1,
        ),
    ),
)  # fmt: skip
