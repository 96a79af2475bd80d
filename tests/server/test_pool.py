"""Connections to Postgres: a limit on them makes requests wait, and is no outage."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import psycopg
import pytest
from asyncpg import TooManyConnectionsError

from server import pool as pool_module
from server.pool import Pool

LIMIT = 4


class Fake:
    """A connection that goes nowhere."""

    closed = False

    def is_closed(self) -> bool:
        return self.closed

    def terminate(self) -> None:
        self.closed = True

    async def close(self) -> None:
        self.closed = True


class Postgres:
    """Gives `limit` connections at a time."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.made: list[Fake] = []
        self.refused = 0

    async def connect(self) -> Fake:
        await asyncio.sleep(0.001)
        if sum(not one.closed for one in self.made) >= self.limit:
            self.refused += 1
            raise TooManyConnectionsError("too many connections for role")
        self.made.append(Fake())
        return self.made[-1]


async def use(pool: Pool, turns: int = 1) -> None:
    for _ in range(turns):
        connection = await pool.take()
        await asyncio.sleep(0.0005)
        pool.give_back(connection)


def test_who_asks_for_one_too_many_gets_the_next_that_is_given_back() -> None:
    """A limit of Postgres is met by waiting, and it is not asked again and again."""

    async def run() -> None:
        postgres = Postgres(3)
        pool = Pool(postgres.connect, 16)
        await asyncio.wait_for(asyncio.gather(*(use(pool, 5) for _ in range(100))), 5)
        assert len(postgres.made) == 3
        assert postgres.refused <= 16 + 3

    asyncio.run(run())


def test_a_limit_that_is_raised_is_found(monkeypatch) -> None:
    monkeypatch.setattr(pool_module, "LEARNED_FOR_S", 0.05)

    async def run() -> None:
        postgres = Postgres(2)
        pool = Pool(postgres.connect, 16)
        await asyncio.gather(*(use(pool) for _ in range(20)))
        postgres.limit = 8
        await asyncio.sleep(0.06)
        await asyncio.gather(*(use(pool) for _ in range(100)))
        assert len(postgres.made) == 8

    asyncio.run(run())


def test_nothing_is_lost_by_who_gives_up_waiting() -> None:
    """Neither a connection nor a turn goes to somebody who does not wait any more."""

    async def run() -> None:
        postgres = Postgres(2)
        pool = Pool(postgres.connect, 16)
        for _ in range(200):
            tasks = [asyncio.create_task(use(pool)) for _ in range(8)]
            await asyncio.sleep(0.0005)
            for task in tasks[::2]:
                task.cancel()
            await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
            for connection in postgres.made:
                if connection in pool.open and connection not in pool._idle:
                    connection.terminate()  # its user was cancelled: the server cuts it
                    pool.give_back(connection)
        await asyncio.wait_for(asyncio.gather(*(use(pool) for _ in range(20))), 5)

    asyncio.run(run())


def test_lost_and_outdated_connections_are_replaced() -> None:
    async def run() -> None:
        postgres = Postgres(2)
        pool = Pool(postgres.connect, 2)
        first, second = await pool.take(), await pool.take()
        pool.give_back(first)
        pool.give_back(second)
        second.terminate()
        pool.renew()
        assert (await pool.take()) not in (first, second)
        assert first.is_closed()

    asyncio.run(run())


def test_with_no_connection_at_all_the_refusal_is_told() -> None:
    async def run() -> None:
        with pytest.raises(TooManyConnectionsError):
            await Pool(Postgres(0).connect, 16).take()

    asyncio.run(run())


@pytest.fixture
def four(stack, house):
    """A server whose login may have four connections."""
    server = stack.server("b")
    with psycopg.connect(stack.postgres.observer_url, autocommit=True) as admin:
        admin.execute(f"ALTER ROLE {server.role} CONNECTION LIMIT {LIMIT}")
        try:
            server.start()
            yield server
        finally:
            server.stop()
            admin.execute(f"ALTER ROLE {server.role} CONNECTION LIMIT -1")


def test_a_login_of_four_connections_serves_a_crowd(stack, house, house_of, four, eventually) -> None:
    """120 reads at once wait for the connections there are; the mirror is warm, and both links to Postgres stand."""
    other, mitra = house_of(four), house.mitra(online=True)
    for _ in range(3):
        began = time.monotonic()
        assert set(crowd(four, mitra, 120)) == {200}
        assert time.monotonic() - began < 5
    assert house.value("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", four.role) <= LIMIT
    ready = other.operator("GET", "/readyz").json()
    assert ready["mirror"]["warm"] == 1
    assert four.log.read_text().count("[postgres] gives the pool") == 1

    # Its links are cut while a crowd would take every connection: one is left for each of them.
    with psycopg.connect(stack.postgres.observer_url) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (four.role,))
    crowd(four, mitra, 240)
    eventually(lambda: _linked(house, four.role) == 1, "hears of changes again")
    eventually(lambda: other.operator("GET", "/readyz").json()["mirror"]["warm"] == 1, "warm again")
    assert other.call("GET", "/api/mitra/profile", mitra).status_code == 200


def crowd(server, mitra, size) -> list[int]:
    """What so many reads of the database are answered, 60 of them at a time."""
    headers = {"authorization": f"Bearer {mitra.token}"}

    def read(_: int) -> int:
        connection = HTTPConnection("127.0.0.1", server.seat.public_port, timeout=8)
        try:
            connection.request("GET", "/api/mitra/profile", headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()

    with ThreadPoolExecutor(60) as people:
        return list(people.map(read, range(size)))


def _linked(house, role) -> int:
    """How many of its connections hold the lock that tells that an instance lives."""
    return house.value(
        """SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
        WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.mode = 'ShareLock' AND a.usename = %s""",
        role,
    )
