"""Which walks of the specifications can be driven on real instances, and which ones are."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from rig.model import cut_off, sweep
from rig.model.language import Spec, Step
from rig.model.stores import Pass, Stage, World
from rig.model.walk import Pair, Walk, breadth_first_walks, pairs, random_walk

STEPS = 12
NODES_MAX = 4000
POOL = 100  # breadth-first walks within each of the bounds, of which the best are taken
ACTION_COUNTS = 20  # pairs
Bounds = Mapping[str, int]


def bounds(**given: int) -> Bounds:
    """Two instances, one mitra, one change, as much at once as may be, and nothing that breaks, unless told otherwise."""
    usual = {"instances": 2, "mitras": 1, "faults": 0, "losses": 1, "sweeps": 2, "waiting": 2, "fallbacks": 2}
    return {**usual, "changes": 1, "reconciles": 0, "timeouts": 0, "ages": 0, **given}


# Random walks, by turns: some waste no step on a fault, some break this or that.
RANDOM: Mapping[str, list[Bounds]] = {
    "sweep": [
        bounds(ages=1, timeouts=1, changes=2),
        bounds(mitras=2, faults=1),
        bounds(faults=1, changes=3),
        bounds(faults=2, ages=1, reconciles=1),
        bounds(mitras=2, faults=2, ages=1, reconciles=1, timeouts=1),
    ],
    "cut_off": [bounds(waiting=0, faults=1, ages=1), bounds(waiting=0, mitras=2, faults=2, ages=1)],
}
# Within narrow bounds the breadth-first ones come far.
BREADTH_FIRST: Mapping[str, list[Bounds]] = {
    "sweep": [
        bounds(changes=0, timeouts=2),
        bounds(changes=3, sweeps=1),
        bounds(faults=1, changes=0),
        bounds(instances=1, faults=1, timeouts=1, reconciles=1),
        bounds(instances=1, ages=1, reconciles=1),
    ],
    "cut_off": [
        bounds(waiting=0, faults=1, changes=0, ages=1),
        bounds(waiting=0, instances=1, faults=1),
        bounds(waiting=0, instances=1, faults=2, changes=0, ages=1),
    ],
}
SPECS: Mapping[str, Spec] = {"sweep": sweep.SPEC, "cut_off": cut_off.SPEC}


class Undrivable(NamedTuple):
    """Steps of an action that are not driven, and why."""

    action: str
    reason: str
    steps: Callable[[Walk, World, Step, World], bool]  # of the walk so far, the state, the step, and where it leads


def stores_differ(walk: Walk, before: World, step: Step, after: World) -> bool:
    """Whether a process has announced an earlier run of Valkey and no later one, and so stops sweeps of others."""
    run, stores = 0, {i: {0} for i in range(len(before.online))}
    stores = {i: [0] for i in range(len(before.warm))}
    for one, _ in walk:
        if one.action.name == "valkey_restarts":
            run += 1
        elif one.action.name in ("seed_begins", "reconcile_begins"):
            stores[one.parameters[0]][-1] = run
        elif one.action.name == "process_is_killed":
            stores[one.parameters[0]].append(stores[one.parameters[0]][-1])
    sweeping = stores[step.parameters[0]][-1]
    return any(store != sweeping for mine in stores.values() for store in mine)


UNDRIVABLE = (
    Undrivable(
        "sweep_reads_instances",
        "an instance that has not seeded since Valkey restarted stands on another Valkey: `split` specifies this",
        stores_differ,
    ),
    Undrivable(
        "sweep_learns_of_rollback",
        "a sweep learns it by its next statement, and the second look comes before that",
        lambda walk, before, step, after: before.sweep[step.parameters[0]].stage == Stage.CHECKED,
    ),
    Undrivable(
        "postgres_connections_are_lost",
        "a sweep learns it by its next statement, and the second look comes before that",
        lambda walk, before, step, after: bool(
            (sweeping := before.sweep[step.parameters[0]]) and sweeping.stage == Stage.CHECKED
        ),
    ),
    Undrivable(
        "mitra_falls_silent",
        "the heartbeat of a script that is about to be sent cannot be made older by hand",
        lambda walk, before, step, after: any(
            one and one.beat and one.mitra == step.parameters[0] for one in before.write
        ),
    ),
    Undrivable(
        "change_is_owed",
        "a toggle that brings a heartbeat blocks sweeps when it is owed: no specification has that block",
        lambda walk, before, step, after: brings_heartbeat(before, step),
    ),
    Undrivable(
        "reply_of_change_is_lost",
        "a toggle that brings a heartbeat blocks sweeps when it is owed: no specification has that block",
        lambda walk, before, step, after: brings_heartbeat(before, step),
    ),
    Undrivable(
        "seed_fails",
        "a seed that waits for a sweep learns of its loss only when that has ended",
        lambda walk, before, step, after: before.seed[step.parameters[0]].at == Pass.BEGUN and sweeping(before),
    ),
)


def sweeping(world: World) -> bool:
    """Whether a transaction may hold the lock SWEEP."""
    return any(one and one.stage >= Stage.LOCK for one in world.sweep) or any(one.sweep for one in world.orphans)


def brings_heartbeat(before: World, step: Step) -> bool:
    """Whether the change that this instance carries to Valkey is a toggle to online."""
    write = before.write[step.parameters[0]]
    return write.beat and not write.retry


def drivable(walk: Walk, before: World, step: Step, after: World) -> bool:
    """Whether a step can be driven after the walk so far."""
    return not any(one.action == step.action.name and one.steps(walk, before, step, after) for one in UNDRIVABLE)


class Named(NamedTuple):
    """A walk, and the name by which it is made again."""

    name: str
    spec: Spec
    bounds: Mapping[str, int]
    walk: Walk


def random_walks(spec: str, first: int, count: int) -> Iterator[Named]:
    """Random walks, by turns within each of the bounds."""
    for seed in range(first, first + count):
        within = RANDOM[spec][seed % len(RANDOM[spec])]
        yield Named(
            f"{spec}:random:{seed}", SPECS[spec], within, random_walk(SPECS[spec], within, seed, STEPS, drivable)
        )


def breadth_first(spec: str, count: int) -> Iterator[Named]:
    """Those walks, out of many, that cover the most actions, and then the most pairs of actions."""
    found = [
        (within, walk)
        for within in BREADTH_FIRST[spec]
        for walk in breadth_first_walks(SPECS[spec], within, POOL, STEPS, drivable, NODES_MAX)
    ]
    covered: set[str | Pair] = set()
    news: list[set[str | Pair]] = [{*pairs(walk), *(step.action.name for step, _ in walk)} for _, walk in found]
    for number in range(min(count, len(found))):
        worth = [sum(ACTION_COUNTS if isinstance(one, str) else 1 for one in new - covered) for new in news]
        best = worth.index(max(worth))
        covered |= news[best]
        yield Named(f"{spec}:breadth-first:{number}", SPECS[spec], *found[best])


def named(name: str) -> Named:
    """The walk of that name."""
    spec, kind, number = name.split(":")
    if kind == "random":
        return next(random_walks(spec, int(number), 1))
    return list(breadth_first(spec, int(number) + 1))[-1]
