"""Drives two real instances along a walk of a specification, and compares stores, memories and answers after each step.

Each action of the specifications `sweep` and `cut_off` has a method of its name here: it starts an operation, lets one go
on to its next point, or breaks something.
"""

import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from mirror_support import until
from model_compare import Difference, Versions, differences
from model_conductor import Operation, hook
from model_probes import Probes
from model_seats import Seat, Table
from model_walks import Named

from rig.model.language import Rules, Step
from rig.model.stores import Late, Orphan, Turn, World
from rig.model.walk import Walk
from server import mitras
from server.errors import ServiceUnavailable
from server.mirror import keys
from server.mirror.client import MirrorUnavailable
from server.mirror.sweeps import _NotNow
from server.mirror.sync_points import Hooked

Call = Coroutine[Any, Any, Any]
CHANGE = ("change locks", "change commits")
SEED = ("seed announces", "seed begins")
REPLAY = "python -m pytest tests/server/test_model_walks.py -k replay"
BLOCKING = ("fallback blocks", "fallback waits")


class Mismatch(AssertionError):
    """The server and the specification disagree."""


class Driver:
    """One walk after another on the same table."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.driven: dict[str, int] = {}
        self.late: dict[Late, Any] = {}
        self.orphans: dict[Orphan, Any] = {}
        self.owner: dict[str, int] = {}  # nonce of a seed -> instance
        self.answers: list[tuple[str, Any]] = []  # of the operations that ended in the last step
        self.snapshot = b""
        self.waited = 0  # how often somebody was seen to wait for a lock

    async def drive(self, one: Named) -> None:
        """Raises Mismatch at the first step after which something is not as the specification says."""
        initial = one.spec.initial(Rules(one.bounds))
        with Hooked(hook):
            try:
                await self._begin(initial, one.walk)
                self.probes = Probes(one.spec, one.bounds, self.table)
                for place in range(len(one.walk)):
                    await self._take(one, place, one.walk[place - 1][1] if place else initial)
                self.waited += self.probes.count
            finally:
                await self._clear_away()

    async def _begin(self, initial: World, walk: Walk) -> None:
        await self.table.reset(len(initial.warm), len(initial.online))
        self.late, self.orphans, self.owner, self.answers = {}, {}, {}, []
        rows = (await self.table.see()).rows
        self.versions = Versions([row["version"] for row in rows])
        if any("old snapshot" in step.detail for step, _ in walk):
            self.snapshot = self.table.stack.valkey.save()

    async def _take(self, one: Named, place: int, before: World) -> None:
        step, after = one.walk[place]
        self.answers = []
        wrong: list[Difference] = []
        try:
            await getattr(self, step.action.name)(step, before, after)
            await self.table.ends(())
            self._collect()
            wrong = differences(self.table, await self.table.see(), after, self.versions, self.owner)
            wrong += self._wrong_answers(step, before)
            wrong = wrong or await self.probes.try_locks(one.walk, place)
        except (AssertionError, TimeoutError) as error:
            wrong = [("the step", "possible", str(error) or "it took too long")]
        if wrong:
            raise Mismatch(told(one, place, wrong))
        self.driven[step.action.name] = self.driven.get(step.action.name, 0) + 1

    def _collect(self) -> None:
        for seat in self.table.seats:
            for what, operation in list(seat.operations.items()):
                if operation.ended:
                    del seat.operations[what]
                    self.answers.append((what, operation.outcome))

    def _wrong_answers(self, step: Step, before: World) -> list[Difference]:
        wrong: list[Difference] = []
        for what, outcome in self.answers:
            allowed: tuple[Any, ...]
            if what == "ping":
                ping = before.ping[step.parameters[0]]
                loose = ping and ping.turn == Turn.LOOSE  # its COMMIT fails, so it says 503 whatever it did
                is_online = step.detail == "answered online" or step.action.name == "ping_is_answered"
                allowed = (
                    ("503",) if loose else (True,) if is_online else (False,) if "offline" in step.detail else ("503",)
                )
            else:
                allowed = (None, True, False, "503", "not now", "no Valkey")
            if (heard := _named(outcome)) not in allowed:
                wrong.append((f"answer of the {what}", " or ".join(map(str, allowed)), heard))
        return wrong

    async def _clear_away(self) -> None:
        for connection in self.orphans.values():
            await self.table.ends([connection.get_server_pid()])
        self.orphans = {}

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
            if not str(error).startswith("COLD"):
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

    async def _ping_is_given_up(self, seat: Seat) -> None:
        await seat.operations["ping"].give_up()
        if (block := seat.mirror._writes.coordinator._block_task) is not None:
            block.cancel()  # nobody else waits for this attempt to pass the lock

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
        seen = stale.get(id_, "not silent")
        await self._starts(step, "sweep", seat.mirror._sweeps._one_offline(id_, seen))

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
        self.table.stack.valkey.kill()
        self.table.stack.valkey.start(snapshot=self.snapshot if "snapshot" in step.detail else None)
        await self.table.look_at_run_id()
        for seat in self.table.seats:
            await self.table.loses_valkey(seat)

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


def _named(outcome: Any) -> Any:
    if outcome == "given up" or isinstance(outcome, ServiceUnavailable):
        return "503"
    if isinstance(outcome, _NotNow):
        return "not now"
    if isinstance(outcome, MirrorUnavailable):
        return "no Valkey"
    if isinstance(outcome, BaseException):
        return f"{type(outcome).__name__}: {outcome}"
    return True if isinstance(outcome, dict) else outcome


def told(one: Named, place: int, wrong: Sequence[Difference]) -> str:
    """A mismatch in words."""
    lines = [f"The server and the specification {one.spec.name} disagree after step {place + 1}:"]
    for number, (step, _) in enumerate(one.walk[: place + 1], 1):
        lines.append(f"  {number}. {step}: {step.action.text[0].lower()}{step.action.text[1:]}")
    for what, model, real in wrong:
        lines.append(f"{what}: {model!s} by the specification, {real!s} in fact")
    return "\n".join([*lines, f"Replay it with: MODEL_WALK={one.name} {REPLAY}"])
