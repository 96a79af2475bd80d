"""Defects that campaigns show: each breaks what an invariant promises, and no request is needed that the checklist sends."""

from tests.sabotage.entry import replace_in, sabotage
from tests.sabotage.returns import without_grace
from tests.sabotage.rules import unfenced, without_notified_settings


def without_brakes() -> None:
    """What stands between one defect and its harm: the hold of a mass offline. A server without it obeys the contract."""
    from server.mirror.sweeps import Sweeps

    Sweeps._held = lambda self, leaving, online: False  # type: ignore[method-assign]


def without_blocks() -> None:
    """An instance without Valkey writes no block: nobody knows of its pings."""
    from server.mirror.coordinator import InstanceCoordinator

    async def nobody_told(self: InstanceCoordinator) -> bool:
        return True

    InstanceCoordinator.block_sweeps = nobody_told  # type: ignore[method-assign]


@sabotage(
    "no-grace-after-a-hang",
    "A hang ends, and the sweep believes the old heartbeats.",
    "INV-07",
    by=("hang",),
    also=True,
)
def no_grace_after_a_hang() -> None:
    from server.mirror.sweeps import Sweeps
    from server.mirror.writes import Writes

    without_grace()
    without_blocks()
    Writes.owe = lambda self, mitra_id, pinged="": None  # type: ignore[method-assign]
    Sweeps._in_grace = lambda self: False  # type: ignore[method-assign]
    without_brakes()


@sabotage(
    "cut-off-keeps-quiet", "An instance without Valkey tells the others nothing, and they sweep its mitras.",
    "INV-07", "INV-09", by=("one_cut_off",),
)  # fmt: skip
def cut_off_keeps_quiet() -> None:
    without_blocks()
    without_brakes()


@sabotage(
    "refused-writes-ignored", "READONLY is taken for nothing: reads work, so the sweeps go on.",
    "INV-09", by=("refused_writes",), also=True,
)  # fmt: skip
def refused_writes_ignored() -> None:
    from typing import Any

    from server.mirror import keys
    from server.mirror.client import MirrorUnavailable, Valkey

    call = Valkey.call

    async def unconcerned(self: Valkey, *command: Any) -> Any:
        try:
            return await call(self, *command)
        except MirrorUnavailable:
            if command[:2] != ("SET", keys.PROBE):
                raise
            self.refused_since = None

    Valkey.call = unconcerned  # type: ignore[method-assign]


@sabotage(
    "unfenced-writes", "Versions are not compared, and a write may be overtaken on its way.", "INV-03",
    by=("--fault", "scripts forgotten"), also=True,
)  # fmt: skip
def unfenced_writes() -> None:
    import asyncio
    import itertools
    from typing import Any

    from server.mirror.writes import Writes

    unfenced()
    apply, turns = Writes.apply, itertools.count()
    under_way: set[asyncio.Task[None]] = set()

    async def overtaken(self: Writes, row: Any, pinged: str) -> bool:
        applied = await apply(self, row, pinged)
        if next(turns) % 3 == 0:
            task = asyncio.create_task(later(self, row))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        return applied

    async def later(self: Writes, row: Any) -> None:
        await asyncio.sleep(1.5)  # the same write once more, as a connection that had been stuck would deliver it
        await apply(self, row, "")

    Writes.apply = overtaken  # type: ignore[method-assign]


@sabotage(
    "seed-in-two-steps", "The periodic seed empties the set before it fills it.", "INV-01", "INV-04",
    by=("--fault", "member added"), also=True,
)  # fmt: skip
def seed_in_two_steps() -> None:
    import asyncio
    from typing import Any

    from server.mirror import keys
    from server.mirror.seed import Seeder

    swap = Seeder._swap

    async def bare(self: Seeder, nonce: str, rows: list[Any], prefix: str, grace: bool) -> Any:
        if not grace:
            gone = [keys.ONLINE, *(keys.heartbeat(row["id"]) for row in rows if row["is_online"])]
            await self._valkey.call("DEL", *gone)
            await asyncio.sleep(1.4)
        return await swap(self, nonce, rows, prefix, grace)

    Seeder._swap = bare  # type: ignore[method-assign]


@sabotage("emptiness-unnoticed", "A FLUSHDB is noticed by nobody.", "INV-15", by=("emptied",), also=True)
def emptiness_unnoticed() -> None:
    from server.mirror.client import Valkey
    from server.mirror.watchdog import Watchdog

    ask = Watchdog._ask

    async def trusting(self: Watchdog) -> tuple[str, str]:
        run_id, epoch = await ask(self)
        return run_id, epoch or f"{run_id}|{self._seeder.identity}|"

    Watchdog._ask = trusting  # type: ignore[method-assign]
    Valkey.open_circuit = lambda self, why: None  # type: ignore[method-assign]


@sabotage("outage-lets-the-barred-in", "While Valkey is away a ping asks nobody whether she is active.", "INV-12")
def outage_lets_the_barred_in() -> None:
    from server.mirror.heartbeat import Heartbeat

    async def anybody(self: Heartbeat, mitra_id: str, began: float | None = None) -> bool:
        return True

    Heartbeat.in_postgres = anybody  # type: ignore[method-assign]


@sabotage("nobody-ever-leaves", "The sweep finds nobody stale.", "INV-08")
def nobody_ever_leaves() -> None:
    from server.mirror.sweeps import Sweeps

    async def none_stale(self: Sweeps) -> tuple[int, dict[str, str]]:
        return 0, {}

    Sweeps._stale = none_stale  # type: ignore[method-assign]


@sabotage("blast-calls-everybody", "A blast offers a chat to who is online, deactivated or not.", "INV-14")
def blast_calls_everybody() -> None:
    from contextlib import suppress

    from server import blast
    from server.mirror.client import MirrorUnavailable
    from server.mirror.reads import Reads

    replace_in(blast, "_OFFER", " AND m.is_active", "")
    find = Reads.find_available

    async def everybody(self: Reads) -> list[str]:
        found = set(await find(self))
        with suppress(MirrorUnavailable):
            online, barred = await self._valkey.read(("SMEMBERS", "mitras:online"), ("SMEMBERS", "mitras:deactivated"))
            found |= set(online) & set(barred)
        return sorted(found)

    Reads.find_available = everybody  # type: ignore[method-assign]


@sabotage("room-for-one-more", "Accept and reroute take one chat above the maximum.", "INV-13", also=True)
def room_for_one_more() -> None:
    from server import blast, chats
    from server.mirror.reads import Reads

    async def always(connection: object, mitra_id: str) -> None:
        """Room for anybody."""

    blast.ensure_room = chats.ensure_room = always  # type: ignore[assignment]
    find = Reads.find_available

    async def the_same_one(self: Reads) -> list[str]:
        return (await find(self))[:1]

    Reads.find_available = the_same_one  # type: ignore[method-assign]


@sabotage("fallback-counts-the-active", "The dashboard's fallback counts one more than there are.", "INV-17")
def fallback_counts_one_more() -> None:
    from server.mirror.reads import PostgresReads

    count = PostgresReads.online_count

    async def one_more(self: PostgresReads) -> int:
        return await count(self) + 5

    PostgresReads.online_count = one_more  # type: ignore[method-assign]


@sabotage("seed-line-lies", "The seed line counts every mitra as online.", "INV-22")
def seed_line_lies() -> None:
    from server.mirror import seed

    log = seed.log

    def boasting(text: str) -> None:
        log(text.replace(" deactivated,", "7 deactivated,"))

    seed.log = boasting


@sabotage("answers-mixed-up", "A profile that is asked for beside another one is answered with that.", "INV-23")
def answers_mixed_up() -> None:
    import itertools
    from typing import Any

    from server.db import Database

    fetchrow, turns, last = Database.fetchrow, itertools.count(1), list[Any]()

    async def mixed(self: Database, query: str, *arguments: Any) -> Any:
        row = await fetchrow(self, query, *arguments)
        if "display_name" not in query or row is None:
            return row
        last.append(row)
        return last[-2] if next(turns) % 5 == 0 and len(last) > 1 else row

    Database.fetchrow = mixed  # type: ignore[method-assign]


@sabotage(
    "each-its-own-snapshot", "Two instances recompute the snapshot each for itself.", "INV-16", by=("one_cut_off",)
)
def each_its_own_snapshot() -> None:
    from server.mirror import scripts

    replace_in(scripts, "SNAPSHOT", "if cached then", "if false then")
    from server.mirror.client import Valkey

    call = Valkey.call

    async def forgetful(self: Valkey, *command: object) -> object:
        if command == ("GET", "availability:snapshot"):
            return None
        return await call(self, *command)

    Valkey.call = forgetful  # type: ignore[method-assign]


@sabotage("audited-twice", "A sweep's offline is audited twice.", "INV-19")
def audited_twice() -> None:
    from server.mirror import sweeps

    sweeps.AUDIT = "INSERT INTO mitra_online_logs (mitra_id, status) SELECT $1, $2 FROM generate_series(1, 2)"


@sabotage("sign-ins-outlive-her", "A deactivation revokes no sign-in.", "INV-20")
def sign_ins_outlive_her() -> None:
    from server import mitras

    replace_in(mitras, "_REVOKE", "user_id = $1", "user_id = $1 AND false")


@sabotage("chats-never-end", "A timer that is due ends no chat.", "INV-21")
def chats_never_end() -> None:
    from server.timers import Timers

    async def nothing(self: Timers, session_id: str) -> None:
        """As if its time never came."""

    Timers._end = nothing  # type: ignore[method-assign]


@sabotage("heartbeats-go-back", "A late ping overwrites a later one.", "INV-05", also=True)
def heartbeats_go_back() -> None:
    import itertools

    from server.mirror import scripts
    from server.mirror.client import Valkey

    replace_in(scripts, "PING", "or before <= ARGV[2] ", "or true ")
    now_ms, turns = Valkey.now_ms, itertools.count(1)
    Valkey.now_ms = lambda self: now_ms(self) - (2500 if next(turns) % 9 == 0 else 0)  # type: ignore[method-assign]


@sabotage("heartbeats-stay-behind", "The heartbeat mirror leaves out every mitra but the first.", "INV-06")
def heartbeats_stay_behind() -> None:
    from typing import Any

    from server.db import Database
    from server.mirror import sweeps

    execute = Database.execute

    async def first_alone(self: Database, query: str, *arguments: Any, **options: Any) -> Any:
        if query == sweeps._MIRROR:
            arguments = tuple(argument.split(",")[0] for argument in arguments)
        return await execute(self, query, *arguments, **options)

    Database.execute = first_alone  # type: ignore[method-assign]


@sabotage("load-counted-once", "The capacity is written when a chat begins and not when it ends.", "INV-03", also=True)
def load_counted_once() -> None:
    from typing import Any

    from server.mirror.writes import Writes

    apply, highest = Writes.apply, dict[str, int]()

    async def never_less(self: Writes, row: Any, pinged: str) -> bool:
        highest[row["id"]] = max(highest.get(row["id"], 0), row["load"])
        return await apply(self, {**dict(row), "load": highest[row["id"]]}, pinged)

    Writes.apply = never_less  # type: ignore[method-assign]


@sabotage("the-barred-come-back-late", "A re-activation is not carried to Valkey.", "INV-02", also=True)
def the_barred_come_back_late() -> None:
    from server.mirror import scripts

    replace_in(scripts, "APPLY", "redis.call('SREM', KEYS[4], id)", "redis.call('EXISTS', KEYS[4])")


@sabotage("a-batch-a-mitra", "Each heartbeat is mirrored by a statement of its own.", "INV-11")
def one_statement_each() -> None:
    from typing import Any

    from server.db import Database
    from server.mirror import sweeps

    execute = Database.execute

    async def one_by_one(self: Database, query: str, *arguments: Any, **options: Any) -> Any:
        if query != sweeps._MIRROR:
            return await execute(self, query, *arguments, **options)
        for one in zip(*(argument.split(",") for argument in arguments), strict=True):
            await execute(self, query, *one)

    Database.execute = one_by_one  # type: ignore[method-assign]


@sabotage("a-ping-in-eight-asks", "One ping in eight looks its mitra up in Postgres.", "INV-10")
def a_ping_in_eight_asks() -> None:
    import itertools

    from server.mirror.heartbeat import Heartbeat

    in_valkey, pings = Heartbeat._in_valkey, itertools.count(1)

    async def curious(self: Heartbeat, mitra_id: str) -> str:
        if next(pings) % 8 == 0:
            await self._db.fetchval("SELECT display_name FROM mitras WHERE id = $1", mitra_id)
        return await in_valkey(self, mitra_id)

    Heartbeat._in_valkey = curious  # type: ignore[method-assign]


@sabotage(
    "deaf-after-a-loss",
    "A subscription that was lost is never made again.",
    "INV-16",
    by=("--fault", "subscribers killed"),
)
def deaf_after_a_loss() -> None:
    import asyncio

    from server.mirror.settings import Subscriber

    without_notified_settings()
    listen, ended = Subscriber._listen, asyncio.Event()

    async def once(self: Subscriber) -> None:
        if ended.is_set():
            await asyncio.Event().wait()
        try:
            await listen(self)
        finally:
            ended.set()

    Subscriber._listen = once  # type: ignore[method-assign]


@sabotage(
    "eviction-unsaid", "A policy that may evict the mirror is told at readiness, and leaves no line in the log.", "INV-24",
    by=("--fault", "eviction allowed"),
)  # fmt: skip
def eviction_unsaid() -> None:
    from server.mirror.watchdog import Watchdog

    def note(self: Watchdog, policy: str) -> None:
        self._valkey.eviction_policy = policy

    Watchdog._check_policy = note  # type: ignore[method-assign]


@sabotage(
    "ready-for-eviction", "A policy that may evict the mirror leaves its line, and readiness knows nothing of it.", "INV-24",
    by=("--fault", "eviction allowed"),
)  # fmt: skip
def ready_for_eviction() -> None:
    from server.mirror.on import MirrorOn

    MirrorOn.alerts = lambda self: []  # type: ignore[method-assign]


@sabotage(
    "untaken-packets-kept", "What a connection that was given up has not delivered, the kernel goes on sending.", "INV-05",
    by=("half_open",), also=True,
)  # fmt: skip
def untaken_packets_kept() -> None:
    from server.mirror import client

    client.TCP_USER_TIMEOUT_MS.clear()


@sabotage(
    "waits-for-its-reader", "A line of the log is written where it arises: while nobody reads, the server stands still.", "INV-18",
    by=("unread",), also=True,
)  # fmt: skip
def waits_for_its_reader() -> None:
    import sys

    from server import streams

    def careless() -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]

    streams.install = careless


@sabotage(
    "deaf-timers", "What refuses a session while a database is replaced ends what hears of the others' timers.", "INV-21",
    by=("restored",), also=True,
)  # fmt: skip
def deaf_timers() -> None:
    import asyncio

    from server import db
    from server.errors import ServiceUnavailable
    from server.timers import RETRY_S, Timers

    async def until_unforeseen(self: Timers) -> object:
        while True:
            try:
                return await self._follow()
            except ServiceUnavailable:
                await asyncio.sleep(RETRY_S)

    db._UNAVAILABLE_CODES = tuple(code for code in db._UNAVAILABLE_CODES if code != "55000")
    Timers._follow_again = until_unforeseen  # type: ignore[method-assign]


@sabotage(
    "leaves-at-once", "SIGTERM ends the process on the spot, whatever is in flight, with exit code 0.", "INV-18",
    by=("rolling_restart",), also=True,
)  # fmt: skip
def leaves_at_once() -> None:
    import os

    from server.app import App

    async def leave(self: App) -> None:
        os._exit(0)

    App.stop = leave  # type: ignore[method-assign]
