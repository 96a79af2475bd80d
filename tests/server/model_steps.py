"""How each action of the specifications `sweep` and `cut_off` is taken on real instances.

Each has a method of its name: it starts an operation, lets one go on to its next point, or breaks something.
"""

from collections.abc import Callable

from mirror_support import until
from model_conductor import Operation
from model_faults import Call, Faults
from model_seats import Seat

from rig.model.language import Step
from rig.model.specs.stores.state import Beat, Late, World
from server import mitras
from server.mirror import keys

CHANGE = ("change locks", "change commits")
SEED = ("seed announces", "seed begins")
BLOCKING = ("fallback blocks", "fallback waits")


class Steps(Faults):
    """The actions of the server and of its clients."""

    # --- a change and its way into Valkey -----------------------------------------------------------------------

    def _change(self, seat: Seat, id_: str, kind: str) -> Call:
        async def gets_a_chat() -> None:
            async with seat.mirror.changing("recompute", id_):
                pass

        if kind == "gets a chat":
            return gets_a_chat()
        toggle: Callable[..., Call] = mitras.set_online if kind == "goes online" else mitras.set_offline
        return toggle(seat.mirror, seat.db, id_)

    async def change_commits(self, step: Step, before: World, after: World) -> None:
        seat, id_ = self._seat(step), self._id(step.parameters[1])
        await self._starts(step, "write", self._change(seat, id_, step.detail), *CHANGE)

    async def change_is_applied(self, step: Step, before: World, after: World) -> None:
        await self._goes(step, "write", *BLOCKING)

    change_is_owed = change_is_applied

    async def debt_is_read(self, step: Step, before: World, after: World) -> None:
        writes, id_ = self._seat(step).mirror._writes, self._id(step.parameters[1])
        others = {other: writes.dirty.pop(other) for other in list(writes.dirty) if other != id_}
        await self._starts(step, "write", writes.retry_dirty(), "debt reads")
        writes.dirty.update(others)

    async def notification_is_looked_up(self, step: Step, before: World, after: World) -> None:
        seat, id_ = self._seat(step), self._id(step.parameters[1])
        writes = seat.mirror._writes
        version = self.versions.real(step.parameters[1], before.version[step.parameters[1]])

        async def heard() -> bool:
            return seat.heard.get(id_, 0) >= version

        if not seat.killed:
            await until(heard, "the notification is heard")
        if id_ not in writes._heard:  # told to a process that was killed: the seed of the new one has to find it
            writes.hear(id_, version, "")
        others = {other: writes._heard.pop(other) for other in list(writes._heard) if other != id_}
        await writes.compare_heard()
        writes._heard.update(others)

    async def reply_of_change_is_lost(self, step: Step, before: World, after: World) -> None:
        seat = self._seat(step)
        operation = seat.operations["write"]
        operation.loses_reply = True
        await operation.goes(*BLOCKING)
        seat.mirror._valkey._failing_since = None  # no time passes until somebody else is answered
        self.late[Late(before.write[step.parameters[0]])] = operation.script

    async def late_script_lands(self, step: Step, before: World, after: World) -> None:
        (late,) = before.late - after.late
        script, touched, arguments = self.late.pop(late)
        try:
            await self.table.valkey.eval(script, len(touched), *touched, *arguments)
        except Exception as error:
            if not str(error).startswith("NOEPOCH"):
                raise

    async def reply_of_changes_commit_is_lost(self, step: Step, before: World, after: World) -> None:
        seat, mitra = self._seat(step), step.parameters[1]
        kind = "goes offline" if before.online[mitra] else "goes online"
        operation = Operation(f"the change of instance {step.parameters[0]}")
        operation.loses_commit = True
        await self._is_orphaned(operation, self._change(seat, self._id(mitra), kind), before, after)

    async def _is_orphaned(self, operation: Operation, call: Call | None, before: World, after: World) -> None:
        """Its transaction stays open in Postgres, with nobody who waits for it."""
        if call is not None:
            operation.start(call, "change locks")
            await operation.has_come()
        wire = operation.wires[0]
        await operation.goes(*CHANGE, *BLOCKING)
        self.answers.append(("change", operation.outcome))
        for orphan in after.orphans - before.orphans:
            self.orphans[orphan] = wire.connection

    async def given_up_transaction_ends(self, step: Step, before: World, after: World) -> None:
        (orphan,) = before.orphans - after.orphans
        connection = self.orphans.pop(orphan)
        if "COMMIT" in step.detail:
            await connection.execute("COMMIT")
        await connection.close()

    # --- the ping -----------------------------------------------------------------------------------------------

    async def mitra_pings(self, step: Step, before: World, after: World) -> None:
        await self._starts(step, "ping", self._seat(step).mirror.ping(self._id(step.parameters[1])), "ping")

    async def ping_locks_row(self, step: Step, before: World, after: World) -> None:
        await self._goes(step, "ping")

    ping_deletes_mark = ping_locks_row

    async def ping_gives_up(self, step: Step, before: World, after: World) -> None:
        await self._ping_is_given_up(self._seat(step))

    async def postgres_ends_ping(self, step: Step, before: World, after: World) -> None:
        await self.table.ends([self._seat(step).operations["ping"].wires[0].pid])

    async def mitra_pings_without_valkey(self, step: Step, before: World, after: World) -> None:
        seat = self._seat(step)
        await self._starts(step, "ping", seat.mirror.ping(self._id(step.parameters[1])), "ping", "fallback blocks")

    async def ping_passes_the_lock(self, step: Step, before: World, after: World) -> None:
        await self._goes(step, "ping")

    async def ping_reads(self, step: Step, before: World, after: World) -> None:
        operation = await self._goes(step, "ping", "ping waits", answers=True)
        if step.detail == "answered offline" and not operation.ended:
            await operation.goes()

    ping_locks_and_reads = ping_reads

    async def ping_is_answered(self, step: Step, before: World, after: World) -> None:
        await self._goes(step, "ping")

    async def block_ends(self, step: Step, before: World, after: World) -> None:
        writes = self._seat(step).mirror._writes
        await writes.coordinator.release_sweeps(lambda: bool(writes.dirty))

    # --- the sweep ----------------------------------------------------------------------------------------------

    async def sweep_sees_silence(self, step: Step, before: World, after: World) -> None:
        seat, id_ = self._seat(step), self._id(step.parameters[1])
        _, stale = await seat.mirror._sweeps._stale()
        debts = before.debts[step.parameters[0]]
        silent = {
            self._id(m) for m, beat in enumerate(before.beat) if before.shown[m] and beat != Beat.NEW and not debts[m]
        }
        assert stale.keys() == silent, f"it sees {len(stale)} silent mitras instead of {len(silent)}"
        await self._starts(step, "sweep", seat.mirror._sweeps._one_offline(id_, stale[id_]))

    async def sweep_locks_row(self, step: Step, before: World, after: World) -> None:
        await self._goes(step, "sweep")

    sweep_takes_lock = sweep_reads_instances = sweep_takes_second_look = sweep_learns_of_rollback = sweep_locks_row

    async def sweep_commits(self, step: Step, before: World, after: World) -> None:
        await self._goes(step, "sweep", *CHANGE)
        operations = self._seat(step).operations
        operations["write"] = operations.pop("sweep")

    async def postgres_ends_sweep(self, step: Step, before: World, after: World) -> None:
        operation = self._seat(step).operations["sweep"]
        await self.table.ends([operation.wires[0].pid])
        if not after.sweep[step.parameters[0]]:
            await operation.goes()

    async def reply_of_second_look_is_lost(self, step: Step, before: World, after: World) -> None:
        seat = self._seat(step)
        operation = seat.operations["sweep"]
        operation.loses_reply = True
        await operation.goes()
        seat.mirror._valkey._failing_since = None
        for late in after.late - before.late:
            self.late[late] = operation.script

    async def reply_of_sweeps_commit_is_lost(self, step: Step, before: World, after: World) -> None:
        operation = self._seat(step).operations["sweep"]
        operation.loses_commit = True
        await self._is_orphaned(operation, None, before, after)

    # --- the seed -----------------------------------------------------------------------------------------------

    async def seed_begins(self, step: Step, before: World, after: World) -> None:
        await self._starts(step, "seed", self._seat(step).mirror._watchdog._look(), *SEED)
        await self._owns_seed(step)

    async def reconcile_begins(self, step: Step, before: World, after: World) -> None:
        await self._starts(step, "seed", self._seat(step).mirror._watchdog.reseed(), *SEED)
        await self._owns_seed(step)

    async def _owns_seed(self, step: Step) -> None:
        if nonce := await self.table.valkey.get(keys.SEED):
            self.owner.setdefault(nonce, step.parameters[0])

    async def seed_passes_the_lock(self, step: Step, before: World, after: World) -> None:
        await self._goes(step, "seed")

    seed_reads = seed_steps = seed_swaps = seed_passes_the_lock

    async def seed_clears_strays(self, step: Step, before: World, after: World) -> None:
        await self._goes(step, "seed", "seed clears", "seed ends")

    async def seed_fails(self, step: Step, before: World, after: World) -> None:
        await self._goes(step, "seed", "seed waits", "seed reads", "seed steps")

    async def seed_is_given_up(self, step: Step, before: World, after: World) -> None:
        await self._seat(step).operations["seed"].give_up()
