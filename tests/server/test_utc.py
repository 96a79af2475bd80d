"""Times are UTC in answers, keys and sessions, whatever the process, the login or the database has set."""

import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import redis
import uvloop

from server.db import Database

UTC_TEXT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


@pytest.fixture
def jakarta(stack, house):
    """A server in Jakarta, whose login is there, too."""
    server = stack.server("b", env={"TZ": "Asia/Jakarta", "PGTZ": "Asia/Jakarta"})
    with psycopg.connect(stack.postgres.observer_url, autocommit=True) as admin:
        admin.execute(f"ALTER ROLE {server.role} SET timezone TO 'Asia/Jakarta'")
        try:
            server.start()
            yield server
        finally:
            server.stop()
            admin.execute(f"ALTER ROLE {server.role} RESET timezone")


def test_a_server_in_jakarta_tells_utc(stack, house, house_of, jakarta) -> None:
    """Answers and the heartbeat key are the moment itself, written in UTC."""
    there = house_of(jakarta)
    mitra, customer = there.mitra(online=True), there.customer()
    session = there.active(customer, mitra, seconds=600)
    ends_at = there.ok("GET", f"/api/client/chat-sessions/{session}", customer)["ends_at"]
    beat = there.ok("GET", "/api/mitra/status", mitra)["last_heartbeat_at"]
    key = redis.Redis.from_url(stack.valkey.url, protocol=2, decode_responses=True).get(f"mitra:heartbeat:{mitra.id}")
    for text, moment in ((ends_at, timedelta(seconds=600)), (key, timedelta()), (beat or key, timedelta())):
        assert UTC_TEXT.fullmatch(text), text
        assert abs(datetime.fromisoformat(text) - datetime.now(UTC) - moment) < timedelta(seconds=30)


def test_a_session_of_postgres_is_in_utc(stack, jakarta) -> None:
    """What SQL makes of a time, in a cast or a date, is UTC as well."""

    async def run() -> list[str]:
        db = Database(jakarta.seat.database_url)
        await db.start()
        link = await db.connect()
        try:
            return [await db.fetchval("SHOW TimeZone"), await link.fetchval("SHOW TimeZone")]
        finally:
            link.terminate()
            await db.stop()

    assert uvloop.run(run()) == ["UTC", "UTC"]
