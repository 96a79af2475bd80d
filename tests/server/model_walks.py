"""Which walks of the specifications can be driven on real instances, and which ones are."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from rig.model.language import Rules, Spec, Step
from rig.model.specs import cut_off, sweep
from rig.model.specs.stores.state import Pass, Stage, World, counts
from tests.support.specification_walks import Walk, breadth_first_walks, pairs, random_walk

STEPS = 12
NODES_MAX = 4000
POOL = 100  # walks of each sort within each of the narrow bounds, of which the best are chosen
Bounds = Mapping[str, int]


def bounds(**given: int) -> Bounds:
    """As much at once as may be, one change, and nothing that breaks, unless told otherwise."""
    return counts(**{"sweeps": 2, "waiting": 2, "fallbacks": 2, "changes": 1, **given})


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
# Within these, breadth-first walks come far.
NARROW: Mapping[str, list[Bounds]] = {
    "sweep": [
        bounds(changes=0, timeouts=2),
        bounds(changes=3, sweeps=1),
        bounds(instances=1),
        bounds(faults=1, changes=0),
        bounds(instances=1, faults=1, timeouts=1, reconciles=1),
        bounds(instances=1, ages=1, reconciles=1),
    ],
    "cut_off": [
        bounds(waiting=0, faults=1, changes=0, ages=1),
        bounds(waiting=0, instances=1, faults=1),
        bounds(waiting=0, instances=1, faults=1, changes=0, sweeps=0, fallbacks=1),
        bounds(waiting=0, instances=1, faults=2, changes=0, ages=1),
    ],
}
SPECS: Mapping[str, Spec] = {"sweep": sweep.SPEC, "cut_off": cut_off.SPEC}


class Undrivable(NamedTuple):
    """Steps of an action that are not driven, and why."""

    action: str
    reason: str
    steps: Callable[[Walk, World, Step, World], bool]  # of the walk so far, the state, the step, and where it leads


UNDRIVABLE = (
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
        "a toggle that brings a heartbeat blocks sweeps when it is owed, which these specifications leave out",
        lambda walk, before, step, after: brings_heartbeat(before, step),
    ),
    Undrivable(
        "change_is_applied",
        "a toggle that brings a heartbeat and is fenced off is owed, and blocks sweeps: `change` specifies this debt",
        lambda walk, before, step, after: brings_heartbeat(before, step) and fenced_off(before, step, after),
    ),
    Undrivable(
        "reply_of_change_is_lost",
        "a toggle that brings a heartbeat blocks sweeps when it is owed, which these specifications leave out",
        lambda walk, before, step, after: brings_heartbeat(before, step),
    ),
    Undrivable(
        "notification_is_looked_up",
        "the notification of a toggle brings its heartbeat: `change` specifies this",
        lambda walk, before, step, after: went_online_last(walk, step.parameters[1]),
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


def went_online_last(walk: Walk, mitra: int) -> bool:
    """Whether her last change was a toggle to online."""
    for (_, before), (_, after) in reversed(list(pairwise(walk))):
        if before.version[mitra] < after.version[mitra]:
            return after.online[mitra] and not before.online[mitra]
    return False


def fenced_off(before: World, step: Step, after: World) -> bool:
    """Whether the script of this instance finds a newer version in Valkey."""
    write = before.write[step.parameters[0]]
    return after.known[write.mitra] != write.version


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


def shown_by(spec: Spec, within: Bounds, walk: Walk) -> dict[Any, int]:
    """What a walk shows, and what that counts: actions, outcomes of actions, and pairs of actions."""
    shown: dict[Any, int] = dict.fromkeys(pairs(walk), 1)
    before = spec.initial(Rules(within))
    for step, after in walk:
        behind = any(known < version for known, version in zip(before.known, before.version, strict=True))
        changed = tuple(was != now for was, now in zip(before, after, strict=True))
        shown[step.action.name] = 20
        shown[step.action.name, re.sub(r"\d", "", step.detail), changed, behind] = 5
        before = after
    return shown


def chosen(spec: str, count: int) -> Iterator[Named]:
    """Those walks, out of many breadth-first and random ones within narrow bounds, that together cover the most."""
    found: list[tuple[Bounds, Walk]] = []
    for within in NARROW[spec]:
        first = breadth_first_walks(SPECS[spec], within, POOL, STEPS, drivable, NODES_MAX)
        drawn = (random_walk(SPECS[spec], within, seed, STEPS, drivable) for seed in range(POOL))
        found += [(within, walk) for walk in (*first, *drawn)]
    covered: set[Any] = set()
    every = [shown_by(SPECS[spec], within, walk) for within, walk in found]
    for number in range(min(count, len(found))):
        worth = [sum(counted for one, counted in shown.items() if one not in covered) for shown in every]
        best = worth.index(max(worth))
        covered |= every[best].keys()
        yield Named(f"{spec}:chosen:{number}", SPECS[spec], *found[best])


def named(name: str) -> Named:
    """The walk of that name."""
    spec, kind, number = name.split(":")
    if kind == "random":
        return next(random_walks(spec, int(number), 1))
    return list(chosen(spec, int(number) + 1))[-1]
