"""How time passes, and how things break and heal, in walks on real instances."""

import time
from collections.abc import Coroutine, Sequence
from typing import Any

from model_compare import Versions
from model_conductor import Operation
from model_seats import Seat, Table

from rig.model.language import Step
from rig.model.specs.stores.state import Late, Orphan, World
from server.mirror import keys

Call = Coroutine[Any, Any, Any]


class Faults:
    """What a walk has under way beside the operations of the seats; actions of time and of faults."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.versions = Versions([])
        self.late: dict[Late, Any] = {}  # scripts that were given up
        self.orphans: dict[Orphan, Any] = {}  # connections whose transactions nobody waits for
        self.owner: dict[str, int] = {}  # nonce of a seed -> instance
        self.answers: list[tuple[str, Any]] = []  # of the operations that ended in the last step
        self.snapshot = b""  # of Valkey at the beginning

    async def take(self, step: Step, before: World, after: World) -> None:
        """Take a step that leads from `before` to `after`, as the specification says."""
        await getattr(self, step.action.name)(step, before, after)

    # --- how a step is taken ------------------------------------------------------------------------------------

    def _seat(self, step: Step) -> Seat:
        return self.table.seats[step.parameters[0]]

    def _id(self, mitra: int) -> str:
        return self.table.mitras[mitra]

    async def _starts(self, step: Step, what: str, call: Call, *passing: str) -> Operation:
        seat = self._seat(step)
        seat.operations[what] = operation = Operation(f"the {what} of instance {step.parameters[0]}")
        operation.start(call, *passing)
        await operation.has_come()
        return operation

    async def _goes(self, step: Step, what: str, *passing: str, answers: bool = False) -> Operation:
        operation = self._seat(step).operations[what]
        await operation.goes(*passing, answers=answers)
        return operation

    def _beats(self, mitra: int) -> Any:
        return self.table.valkey.set(keys.heartbeat(self._id(mitra)), self.table.old)

    async def _ping_is_given_up(self, seat: Seat) -> None:
        await seat.operations["ping"].give_up()
        if (block := seat.mirror._writes.coordinator._block_task) is not None:
            block.cancel()  # nobody else waits for this attempt to pass the lock

    # --- time, and what breaks and heals ------------------------------------------------------------------------

    async def mark_expires(self, step: Step, before: World, after: World) -> None:
        await self.table.valkey.delete(keys.leaving(self._id(step.parameters[0])))

    async def mitra_falls_silent(self, step: Step, before: World, after: World) -> None:
        (mitra,) = step.parameters
        if before.beat[mitra]:
            await self._beats(mitra)
        for seat in self.table.seats:  # an old heartbeat that is owed counts as none
            if debt := seat.mirror._writes.dirty.get(self._id(mitra)):
                debt.pinged = ""

    async def heartbeat_ages(self, step: Step, before: World, after: World) -> None:
        await self._beats(step.parameters[0])

    async def block_runs_low(self, step: Step, before: World, after: World) -> None:
        await self._block_has(self._seat(step), [self._seat(step).number], 45.0)

    async def block_lapses(self, step: Step, before: World, after: World) -> None:
        seat, i = self._seat(step), step.parameters[0]
        mine = before.block[i] != after.block[i]
        await self._block_has(seat, [seat.number] if mine else seat.killed, -1.0)

    async def _block_has(self, seat: Seat, numbers: Sequence[int], left_s: float) -> None:
        """Time passes, so that so much is left of the blocks of these processes."""
        coordinator = seat.mirror._writes.coordinator
        block = await self.table.admin.fetchval(
            "UPDATE mirror_instances SET blocks_until = clock_timestamp() + make_interval(secs => $2) "
            "WHERE instance = ANY($1::int[]) AND blocks_until IS NOT NULL RETURNING blocks_until", list(numbers), left_s,
        )  # fmt: skip
        if seat.number in numbers:
            coordinator._block, coordinator._blocks_until = block, time.monotonic() + left_s

    async def valkey_is_flushed(self, step: Step, before: World, after: World) -> None:
        await self.table.valkey.flushdb()

    async def valkey_restarts(self, step: Step, before: World, after: World) -> None:
        for seat in self.table.seats:
            if seed := seat.operations.get("seed"):
                await seed.give_up()
        await self.table.restart_valkey(self.snapshot if "snapshot" in step.detail else None)

    async def instance_is_cut_off(self, step: Step, before: World, after: World) -> None:
        seat = self._seat(step)
        self.table.stack.toxiproxy.set_enabled(f"valkey-{seat.name}", False)
        seat.reaches_valkey = False
        await self.table.loses_valkey(seat)

    async def instance_is_back(self, step: Step, before: World, after: World) -> None:
        self.table.stack.toxiproxy.set_enabled(f"valkey-{self._seat(step).name}", True)

    async def process_is_killed(self, step: Step, before: World, after: World) -> None:
        seat = self._seat(step)
        orphans = after.orphans - before.orphans
        if orphans:
            sweep = seat.operations["sweep"]
            if "COMMIT" in step.detail:
                await sweep.goes()  # to where its COMMIT is sent
            wire = sweep.wires[0]
            wire.kept = True
            self.orphans |= dict.fromkeys(orphans, wire.connection)
        await self.table.is_killed(seat)

    async def postgres_connections_are_lost(self, step: Step, before: World, after: World) -> None:
        seat = self._seat(step)
        if "ping" in seat.operations:
            await self._ping_is_given_up(seat)
        if seed := seat.operations.get("seed"):
            await self.table.ends([wire.pid for wire in seed.wires])
        if sweep := seat.operations.get("sweep"):
            (wire,) = sweep.wires
            wire.lost = True
            if orphans := after.orphans - before.orphans:
                wire.kept = True
                self.orphans |= dict.fromkeys(orphans, wire.connection)
            await sweep.goes()
