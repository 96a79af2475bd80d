"""Compares what real stores and instances say with the state of a specification after the same steps."""

from collections.abc import Iterator
from typing import Any

from model_conductor import ANSWERS
from model_seats import Seat, Seen, Table

from rig.model.specs.stores.state import NOBODY, Beat, Block, Owed, Pass, Stage, Turn, World

STANDS = {  # where an operation stands, by how far the specification says that it has come
    Stage.CHOSEN: "change locks", Stage.ROW: "sweep takes the lock", Stage.LOCK: "sweep reads instances",
    Stage.CHECKED: "sweep marks", Stage.MARKED: "sweep updates",
}  # fmt: skip
SEED_STANDS = {
    Pass.BEGUN: "seed waits", Pass.WAITED: "seed reads", Pass.READ: "seed steps", Pass.STEPPED: "seed swaps",
    Pass.SWAPPED: "seed clears",
}  # fmt: skip
PING_STANDS = {
    Turn.MET: "ping waits", Turn.HELD: "ping clears", Turn.LOOSE: "ping clears", Turn.ROW: "fallback reads",
    Turn.READ: ANSWERS,
}  # fmt: skip


class Versions:
    """Which real version each small version of the specification is, per mitra. Both have to grow."""

    def __init__(self, first: list[int]) -> None:
        self._real = [{0: 0, 1: version} for version in first]

    def learn(self, mitra: int, version: int, real: int) -> str:
        """What is wrong with `real`, '' if it can be that version."""
        known = self._real[mitra]
        if version in known:
            return "" if known[version] == real else f"{self.told(mitra, real)} instead of version {version}"
        if real <= max(known.values()):
            return f"{real} is not newer than {max(known.values())}"
        known[version] = real
        return ""

    def real(self, mitra: int, version: int) -> int:
        return self._real[mitra].get(version, -1)

    def told(self, mitra: int, real: int) -> str:
        """The specification's number of a real version, where it has one."""
        found = [str(version) for version, value in self._real[mitra].items() if value == real]
        return f"version {found[0]}" if found else f"the unknown version {real}"


Difference = tuple[str, Any, Any]  # what, as the model says, as it is


def differences(table: Table, seen: Seen, world: World, versions: Versions, owner: dict[str, int]) -> list[Difference]:
    """Everything that is not as the specification says."""
    found = [*_of_mitras(table, seen, world, versions), *_of_all(table, seen, world, versions, owner)]
    for place, seat in enumerate(table.seats):
        found += _of_instance(table, seen, world, place, seat)
    return [one for one in found if one[1] != one[2]]


def _of_mitras(table: Table, seen: Seen, world: World, versions: Versions) -> Iterator[Difference]:
    for m, id_ in enumerate(table.mitras):
        row, beat, mark = seen.rows[m], seen.beats[m], seen.marks[m]
        yield f"mitra {m} is online in Postgres", world.online[m], row["is_online"]
        if wrong := versions.learn(m, world.version[m], row["version"]):
            yield f"version of mitra {m} in Postgres", f"version {world.version[m]}", wrong
        yield f"mitra {m} is in mitras:online", world.shown[m], id_ in seen.online
        known = seen.versions.get(id_, 0)
        if known != versions.real(m, world.known[m]):
            yield f"version of mitra {m} in Valkey", f"version {world.known[m]}", versions.told(m, known)
        real = Beat.NONE if not beat else Beat.NEW if table.is_new(beat) else Beat.OLD
        yield f"heartbeat of mitra {m}", world.beat[m].name, real.name
        marked = int((mark or "0").partition(":")[0])
        if marked != versions.real(m, world.mark[m]):
            yield f"mark of mitra {m}", f"version {world.mark[m]}", versions.told(m, marked)


def _of_all(table: Table, seen: Seen, world: World, versions: Versions, owner: dict[str, int]) -> Iterator[Difference]:
    yield "a valid epoch", world.epoch, table.epoch_is_valid(seen.epoch)
    yield "the seed in mirror:seed is that of instance", world.seeding, owner.get(seen.seed, NOBODY)
    noted: dict[int, int] = {}
    for m, version in world.notes:
        noted[m] = max(version, noted.get(m, 0))
    wanted = {m: versions.real(m, version) for m, version in noted.items()}
    yield "changes noted for the seed", wanted, {table.mitras.index(id_): v for id_, v in seen.noted.items()}


def _of_instance(table: Table, seen: Seen, world: World, i: int, seat: Seat) -> Iterator[Difference]:
    dirty, coordinator = seat.mirror._writes.dirty, seat.mirror._writes.coordinator
    for m, id_ in enumerate(table.mitras):
        debt = dirty.get(id_)
        real = Owed.NOTHING if debt is None else Owed.HEARTBEAT if debt.pinged else Owed.ROW
        yield f"debt of instance {i} for mitra {m}", world.debts[i][m].name, real.name
    yield f"instance {i} is warm", world.warm[i], seat.mirror._valkey.circuit_closed
    block = Block.NONE if seat.number not in seen.blocking else Block.FULL if seat.block_has() else Block.LOW
    yield f"block of instance {i}", world.block[i].name, block.name
    if block != Block.NONE:
        yield f"instance {i} has passed the lock", world.passed[i], coordinator._sweeps_ended
    yield f"a killed process of instance {i} blocks", world.left[i], any(n in seen.blocking for n in seat.killed)
    wanted = stands(world, i)
    for what in ("write", "sweep", "ping", "seed"):
        operation = seat.operations.get(what)
        yield (
            f"where the {what} of instance {i} stands",
            wanted.get(what, "none"),
            operation.stands if operation else "none",
        )


def stands(world: World, i: int) -> dict[str, str]:
    """At which point each operation of an instance stands."""
    found: dict[str, str] = {}
    if write := world.write[i]:
        found["write"] = "debt applies" if write.retry else "change applies"
    if sweep := world.sweep[i]:
        found["sweep"] = STANDS[sweep.stage]
    if ping := world.ping[i]:
        waiting = "fallback reads" if world.passed[i] else "fallback waits"
        found["ping"] = PING_STANDS.get(ping.turn, waiting)
    if seed := world.seed[i]:
        found["seed"] = SEED_STANDS[seed.at]
    return found
