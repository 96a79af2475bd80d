"""Lets operations run against locks that the specification says are held, and sees that they wait."""

from collections.abc import Iterator, Mapping, Sequence

from model_compare import Difference
from model_conductor import Operation
from model_seats import Seat, Table

from rig.model.language import Rules, Spec
from rig.model.specs.stores.state import Turn, World
from server import mitras
from tests.support.specification_walks import Walk

WAITS_S = 0.03  # for so long nothing happens where somebody waits for a lock
SEED = ("seed announces", "seed begins")


class Waiting:
    """An operation before a lock, and the action by which it gets that lock."""

    def __init__(
        self, instance: int, what: str, action: str, passing: Sequence[str] = (), answers: bool = False
    ) -> None:
        self.instance = instance
        self.what = what
        self.action = action
        self.passing = passing
        self.answers = answers


def before_locks(world: World) -> Iterator[Waiting]:
    """The operations whose next step is to take a lock."""
    for i, (sweep, ping, seed) in enumerate(zip(world.sweep, world.ping, world.seed, strict=True)):
        if sweep and not sweep.ended:
            yield Waiting(i, "sweep", "sweep_locks_row")
        if ping and ping.turn == Turn.MET:
            yield Waiting(i, "ping", "ping_locks_row")
        if ping and ping.turn == Turn.ROW:
            yield Waiting(i, "ping", "ping_locks_and_reads", ("ping waits",), True)
        if seed:
            yield Waiting(i, "seed", "seed_passes_the_lock")


class Probes:
    """What is tried in the course of one walk."""

    def __init__(self, spec: Spec, bounds: Mapping[str, int], table: Table) -> None:
        self._actions = {one.name: one for one in spec.actions}
        self._rules = Rules(bounds)
        self._table = table
        self._begun: set[str] = set()  # what was begun in vain: once per walk is enough
        self.count = 0

    def _enabled(self, world: World, action: str, instance: int) -> bool:
        return any(True for _ in self._actions[action].effect(self._rules, world, instance))

    async def try_locks(self, walk: Walk, at: int) -> list[Difference]:
        """After step `at` of the walk. Who is let on has to wait until the walk itself comes to that step."""
        world = walk[at][1]
        wrong: list[Difference] = []
        for one in before_locks(world):
            operation = self._table.seats[one.instance].operations.get(one.what)
            if operation is None or operation.waits or not self._is_blocked(world, one, operation.at):
                continue
            if self._goes_on_at_once(walk, at, one):
                self.count += 1
                operation.waits_for_lock(*one.passing, answers=one.answers)
                if await operation.rests(WAITS_S):
                    wrong.append(
                        (
                            f"the {one.what} of instance {one.instance}",
                            f"waits ({operation.waits})",
                            operation.at or "has ended",
                        )
                    )
        return wrong or await self._begin_in_vain(world)

    def _is_blocked(self, world: World, one: Waiting, point: str) -> bool:
        points = {
            "sweep": "change locks",
            "seed": "seed waits",
            "ping": "fallback reads" if one.answers else "ping waits",
        }
        return (
            one.action in self._actions
            and point == points[one.what]
            and not self._enabled(world, one.action, one.instance)
        )

    def _goes_on_at_once(self, walk: Walk, at: int, one: Waiting) -> bool:
        """Whether the walk's next step after the lock is free is that one: the server would take it at once."""
        for place in range(at + 1, len(walk)):
            step, world = walk[place]
            name, mine = step.action.name, step.parameters[:1] == (one.instance,)
            if mine and (name == one.action or name in ENDS):
                return False  # blocked until then, so it never waits in vain
            if name in ENDS_ALL:
                return False
            if self._enabled(world, one.action, one.instance):
                following = walk[place + 1][0] if place + 1 < len(walk) else None
                return (
                    following is not None
                    and following.action.name == one.action
                    and following.parameters == (one.instance,)
                )
        return True

    async def _begin_in_vain(self, world: World) -> list[Difference]:
        for i, seat in enumerate(self._table.seats):
            alone = any(one and one.locked for one in world.seed)
            if alone and not world.seed[i] and world.connected[i] and "seed" not in self._begun:
                self._begun.add("seed")
                return await self._has_to_wait(seat, i, "seed")
        for m, online in enumerate(world.online):
            held = [one for one in world.sweep if one and one.mitra == m and one.stage and not one.ended]
            if held and "change" not in self._begun:
                self._begun.add("change")
                return await self._has_to_wait(self._table.seats[-1], len(self._table.seats) - 1, "change", m, online)
        return []

    async def _has_to_wait(self, seat: Seat, i: int, what: str, m: int = 0, online: bool = True) -> list[Difference]:
        self.count += 1
        operation = Operation(f"a {what} of instance {i}")
        if what == "seed":
            operation.start(seat.mirror._watchdog.reseed())
        else:
            toggle = mitras.set_offline if online else mitras.set_online
            operation.start(toggle(seat.mirror, seat.db, self._table.mitras[m]), "change locks")
        came = await operation.rests(WAITS_S)
        await operation.give_up()
        await self._table.ends(())
        return [(f"another {what}, of instance {i}", "waits for a lock", operation.at or "has ended")] if came else []


# What ends an operation of this instance, or makes it go on otherwise than by its lock.
ENDS = (
    "ping_gives_up",
    "process_is_killed",
    "postgres_connections_are_lost",
    "seed_is_given_up",
    "seed_fails",
    "postgres_ends_sweep",
)
ENDS_ALL = ("valkey_restarts",)
