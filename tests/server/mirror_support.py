"""Mirrors inside the test's own event loop, on real stores: white-box tests script their races with sync points."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
import redis.asyncio

from rig.stack import Stack, StackSpec, Supervisor, open_stack
from server.config import Settings
from server.db import Database
from server.mirror import keys
from server.mirror.client import end
from server.mirror.on import MirrorOn
from server.schema import ensure_schema

PATIENCE_S = 5.0  # the contract's bound for what heals after a fault
TRUNCATE = "TRUNCATE mitras, customers, auth_sessions, app_config, mirror_instances CASCADE"
LOAD = "status IN ('active', 'pending_payment')"


_OF_A_MIRROR: ContextVar[bool] = ContextVar("of_a_mirror", default=False)


class CountingDatabase(Database):
    """Counts how often a test takes a connection: nought means that no SQL was sent.

    What a mirror's own tasks take (a subscription that comes back reads the settings, at its own time) is not counted.
    """

    taken = 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        self.taken += not _OF_A_MIRROR.get()
        async with super().acquire() as connection:
            yield connection


@dataclass
class Bench:
    """Both stores, emptied, and any number of mirrors on them; `valkey` and `db` go behind the mirrors' back."""

    stack: Stack
    db: CountingDatabase
    valkey: redis.asyncio.Redis
    capsys: Any
    mirrors: list[MirrorOn] = field(default_factory=list)

    _logged: list[str] = field(default_factory=list)

    def log(self, containing: str = "") -> list[str]:
        """The log lines so far that contain a text."""
        self._logged += self.capsys.readouterr().out.splitlines()
        return [line for line in self._logged if containing in line]

    async def mirror(self, name: str = "a", **cadences: int) -> MirrorOn:
        """A started mirror of instance `name`, behind that instance's proxy; every cadence an hour unless given."""
        seat = self.stack.server(name).seat
        made = MirrorOn(settings(seat.database_url, seat.valkey_url, **cadences), self.db)
        self.mirrors.append(made)
        context = copy_context()
        context.run(_OF_A_MIRROR.set, True)
        await asyncio.create_task(made.start(), context=context)
        return made

    async def until_logged(self, text: str, times: int = 1, within_s: float = PATIENCE_S) -> None:
        async def seen() -> bool:
            return len(self.log(text)) >= times

        await until(seen, f"{times} x {text!r} in the log", within_s)

    async def mitra(self, *, online: bool = False, active: bool = True) -> str:
        """A mitra put in by hand: no mirror hears of it."""
        id_ = str(uuid4())
        await self.db.execute(
            "INSERT INTO mitras (id, phone, display_name, is_active) VALUES ($1, $2, 'Somebody', $3)", id_, id_, active
        )
        await self.db.execute("INSERT INTO mitra_online_status (mitra_id, is_online) VALUES ($1, $2)", id_, online)
        return id_

    async def chat(self, mitra_id: str, status: str = "active") -> None:
        customer = str(uuid4())
        await self.db.execute(
            "INSERT INTO customers (id, phone, display_name) VALUES ($1, $2, 'C')", customer, customer
        )
        await self.db.execute(
            "INSERT INTO chat_sessions (customer_id, mitra_id, status, duration_seconds) VALUES ($1, $2, $3, 600)",
            customer, mitra_id, status,
        )  # fmt: skip

    async def setting(self, key: str, value: int) -> None:
        await self.db.execute("DELETE FROM app_config WHERE key = $1", key)
        await self.db.execute("INSERT INTO app_config VALUES ($1, to_jsonb($2::int))", key, value)

    async def is_online(self, mitra_id: str) -> bool:
        return await self.db.fetchval("SELECT is_online FROM mitra_online_status WHERE mitra_id = $1", mitra_id)

    async def audit(self, mitra_id: str) -> list[str]:
        rows = await self.db.fetch("SELECT status FROM mitra_online_logs WHERE mitra_id = $1 ORDER BY id", mitra_id)
        return [row["status"] for row in rows]

    async def beat(self, mitra_id: str, age_s: float = 0) -> str:
        """Write a heartbeat of that age by hand."""
        text = keys.stamp(int((time.time() - age_s) * 1000))
        await self.valkey.set(f"mitra:heartbeat:{mitra_id}", text)
        return text

    async def differences(self) -> list[str]:
        """How the mirror differs from Postgres; empty when it is the truth."""
        truth = await self.db.fetch(
            f"""SELECT m.id, m.is_active, coalesce(o.is_online, false) AS is_online,
            (SELECT count(*) FROM chat_sessions AS s WHERE s.mitra_id = m.id AND {LOAD}) AS load
            FROM mitras AS m LEFT JOIN mitra_online_status AS o ON o.mitra_id = m.id"""
        )
        online = {row["id"] for row in truth if row["is_online"]}
        wanted = {
            "online": online,
            "deactivated": {row["id"] for row in truth if not row["is_active"]},
            "capacity": {(row["id"], str(row["load"])) for row in truth if row["is_online"]},
            "heartbeats": online,
        }
        capacity = await self.valkey.keys("mitra:capacity:*")
        loads = [(key.rpartition(":")[2], await self.valkey.get(key)) for key in capacity]
        found = {
            "online": await self.valkey.smembers("mitras:online"),
            "deactivated": await self.valkey.smembers("mitras:deactivated"),
            "capacity": set(loads),
            "heartbeats": {key.rpartition(":")[2] for key in await self.valkey.keys("mitra:heartbeat:*")},
        }
        return [f"{what}: {found[what]} instead of {wanted[what]}" for what in wanted if found[what] != wanted[what]]

    async def healed(self, within_s: float = PATIENCE_S) -> None:
        """Wait until the mirror is the truth."""

        async def whole() -> bool:
            try:
                return not await self.differences()
            except redis.exceptions.RedisError:
                return False

        await until(whole, "the mirror is the truth", within_s)


async def until(condition: Callable[[], Awaitable[Any]], what: str, within_s: float = PATIENCE_S) -> Any:
    """The first true value of `condition`."""
    deadline = time.monotonic() + within_s
    while not (seen := await condition()):
        assert time.monotonic() < deadline, f"{what}: not within {within_s} s"
        await asyncio.sleep(0.01)
    return seen


def settings(database_url: str, valkey_url: str, **cadences: int) -> Settings:
    given = {"auto_offline": 3600, "heartbeat_mirror": 3600, "reconcile": 3600, **cadences}
    return Settings.from_env(
        {
            "APP_ENV": "test",
            "DATABASE_URL": database_url,
            "VALKEY_URL": valkey_url,
            "MITRA_AUTO_OFFLINE_SWEEP_SECONDS": str(given["auto_offline"]),
            "HEARTBEAT_MIRROR_INTERVAL_SECONDS": str(given["heartbeat_mirror"]),
            "VALKEY_ONLINE_MIRROR_SWEEP_SECONDS": str(given["reconcile"]),
        }
    )


@pytest.fixture(scope="module")
def mirror_stack(supervisor: Supervisor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that no running server shares; test modules import this fixture."""
    with open_stack(StackSpec(logs=tmp_path_factory.mktemp("mirror-logs")), supervisor, name="mirror-tests") as stack:
        yield stack


def benched(test: Callable[[Bench], Awaitable[None]]) -> Callable[..., None]:
    """Makes a pytest test of an async one, which gets empty stores; `body_of` gives the async one back.

    It runs in the loop of the standard library: the one of uvloop may wait for ever when it is closed while connections
    are being made, and no time limit of a test ends that.
    """

    def run(mirror_stack: Stack, capsys: Any) -> None:
        asyncio.run(on_bench(mirror_stack, capsys, test))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    vars(run)["body"] = test
    return run


def body_of(test: Callable[..., None]) -> Callable[[Bench], Awaitable[None]]:
    """What `benched` has made a pytest test of."""
    return vars(test)["body"]


async def on_bench(stack: Stack, capsys: Any, test: Callable[[Bench], Awaitable[None]]) -> None:
    """Run a test on emptied stores; whatever it started is stopped at its end."""
    stack.valkey.start()
    stack.valkey.resume()
    stack.toxiproxy.reset()
    db = CountingDatabase(stack.postgres.url)
    valkey = redis.asyncio.Redis.from_url(stack.valkey.url, protocol=2, decode_responses=True)
    bench = Bench(stack, db, valkey, capsys)
    try:
        await db.start()
        await ensure_schema(db)
        await db.execute(TRUNCATE)
        await valkey.flushall()
        await test(bench)
    finally:
        stack.valkey.resume()
        stack.toxiproxy.reset()
        for mirror in bench.mirrors:
            await mirror.stop()
        await end_other_tasks()
        await db.stop()
        await valkey.aclose()
        await end_other_tasks()


async def end_other_tasks() -> None:
    """What a test that failed has left under way would keep its loop from being closed."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await end(*others)
