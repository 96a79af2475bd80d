"""House-keeping: what nobody can use any more goes, in small steps, and nothing else, whoever is busy meanwhile."""

import asyncio
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch
from uuid import uuid4

import asyncpg
import httpx
import pytest
from mirror_support import Bench, benched, mirror_stack, settings, until

from server import housekeeping, tokens
from server.auth import Auth
from server.blast import Blast
from server.chats import Chats
from server.errors import ApiError
from server.housekeeping import STEP, Housekeeping
from server.timers import Timers

__all__ = ["mirror_stack"]  # the fixture of these tests

NONE = {"codes": 0, "refresh_tokens": 0, "offers": 0, "chats": 0}


@pytest.fixture(autouse=True)
def quick() -> object:
    """Steps without a pause between them."""
    with patch.object(housekeeping, "PAUSE_S", 0.0) as patched:
        yield patched


async def chat(
    bench: Bench, status: str, days: float, mitra_id: str | None = None, ended_days: float | None = None
) -> str:
    """A chat that was created and, if so, has its `ends_at` so many days ago."""
    customer, id_ = str(uuid4()), str(uuid4())
    await bench.db.execute("INSERT INTO customers (id, phone) VALUES ($1, $2)", customer, customer)
    await bench.db.execute(
        """INSERT INTO chat_sessions (id, customer_id, mitra_id, status, duration_seconds, created_at, ends_at)
        VALUES ($1, $2, $3, $4, 600, now() - make_interval(secs => $5), now() - make_interval(secs => $6))""",
        id_, customer, mitra_id, status, days * 86_400, None if ended_days is None else ended_days * 86_400,
    )  # fmt: skip
    return id_


async def offer(bench: Bench, chat_id: str, *mitra_ids: str, days: float) -> None:
    for mitra_id in mitra_ids:
        await bench.db.execute(
            "INSERT INTO chat_request_notifications VALUES ($1, $2, NULL, now() - make_interval(secs => $3))",
            chat_id, mitra_id, days * 86_400,
        )  # fmt: skip


async def there(bench: Bench, chat_id: str) -> tuple[bool, int]:
    """Whether the chat is there, and how many offers of it are."""
    offers = "SELECT count(*) FROM chat_request_notifications WHERE chat_session_id = $1"
    found = await bench.db.fetchval("SELECT true FROM chat_sessions WHERE id = $1", chat_id)
    return bool(found), await bench.db.fetchval(offers, chat_id)


@benched
async def test_codes_go_a_day_after_they_expired(bench: Bench) -> None:
    """More of them than a step takes; one that expired less than a day ago stays."""
    await bench.db.execute("TRUNCATE otp_requests")
    await bench.db.execute(
        f"""INSERT INTO otp_requests (role, phone, code_hash, expires_at) SELECT 'mitra', '+62' || i, 'x',
        now() - CASE WHEN i = 0 THEN interval '23 hours' ELSE interval '25 hours' END FROM generate_series(0, {2 * STEP}) AS i"""
    )
    house = Housekeeping(bench.db)
    await house.round()
    assert house.deleted == NONE | {"codes": 2 * STEP}
    assert await bench.db.fetchval("SELECT array_agg(phone) FROM otp_requests") == ["+620"]


@benched
async def test_refresh_tokens_go_a_day_after_they_expired(bench: Bench) -> None:
    """Whether revoked or not; one that lives, and one that expired less than a day ago, stay. A refresh with one is 401."""
    await bench.db.execute("TRUNCATE otp_requests")
    gone, stays, lives = [tokens.new_refresh_token() for _ in range(3)]
    user = await bench.mitra()
    for token, hours in ((gone, -25), (stays, -23), (lives, 1)):
        await bench.db.execute(
            """INSERT INTO auth_sessions (user_id, role, refresh_token_hash, expires_at)
            VALUES ($1, 'mitra', $2, now() + make_interval(hours => $3))""",
            user, tokens.refresh_hash(token), hours,
        )  # fmt: skip
    await bench.db.execute(
        f"""INSERT INTO auth_sessions (user_id, expires_at, revoked_at) SELECT gen_random_uuid(), now() - interval '2 days',
        now() - interval '9 days' FROM generate_series(1, {2 * STEP})"""
    )
    house = Housekeeping(bench.db)
    await house.round()
    assert house.deleted == NONE | {"refresh_tokens": 2 * STEP + 1}
    auth = Auth(settings("postgresql://127.0.0.1/none", "redis://127.0.0.1"), bench.db)
    for token in (gone, stays):
        with pytest.raises(ApiError) as refused:
            await auth.refresh("mitra", token)
        assert (refused.value.status, refused.value.code) == (401, "REFRESH_INVALID")
    assert (await auth.refresh("mitra", lives)).user.id == user


@benched
async def test_offers_go_a_week_after_the_end_of_their_chat(bench: Bench) -> None:
    """Those of a chat that runs stay, however old they are; so do those of one that ended less than a week ago."""
    mitras = [await bench.mitra() for _ in range(3)]
    old = await chat(bench, "ended", 8, mitras[0], 7.1)
    young = await chat(bench, "ended", 8, mitras[0], 6.9)
    running = [await chat(bench, status, 30, mitras[1], 8) for status in ("active", "pending_payment")]
    for chat_id in (old, young, *running):
        await offer(bench, chat_id, *mitras, days=30)
    house = Housekeeping(bench.db)
    await house.round()
    assert house.deleted == NONE | {"offers": 3}
    assert await there(bench, old) == (True, 0)
    assert [await there(bench, chat_id) for chat_id in (young, *running)] == [(True, 3)] * 3


@benched
async def test_a_chat_that_was_never_paid_goes_a_week_after_its_creation(bench: Bench) -> None:
    """Searching or cancelled; later questions for it are 404. One that somebody had, and a younger one, stay."""
    mitra = await bench.mitra()
    gone = [await chat(bench, status, 7.1) for status in ("searching", "cancelled")]
    stay = [await chat(bench, status, 6.9) for status in ("searching", "cancelled")]
    stay += [await chat(bench, "ended", 30, mitra, 30), await chat(bench, "active", 30, mitra, 0)]
    house = Housekeeping(bench.db)
    await house.round()
    assert house.deleted == NONE | {"chats": 2}
    assert [(await there(bench, chat_id))[0] for chat_id in (*gone, *stay)] == [False] * 2 + [True] * 4
    chats = Chats(bench.db, None, None, 60)  # type: ignore[arg-type]
    with pytest.raises(ApiError) as refused:
        await chats.get(str(uuid4()), gone[0])
    assert (refused.value.status, refused.value.code) == (404, "NOT_FOUND")


@benched
async def test_a_paid_chat_that_nobody_took_stays_paid(bench: Bench) -> None:
    """Its offers go but for one, which tells that it was paid: the chat is never deleted as an unpaid one."""
    mitras = [await bench.mitra() for _ in range(3)]
    paid = [await chat(bench, status, 8) for status in ("searching", "cancelled")]
    again = await chat(bench, "searching", 8)
    for chat_id in paid:
        await offer(bench, chat_id, *mitras, days=8)
    await offer(bench, again, *mitras, days=1)  # paid again yesterday: these are open
    house = Housekeeping(bench.db)
    for _ in range(2):
        await house.round()
    assert house.deleted == NONE | {"offers": 4}
    assert [await there(bench, chat_id) for chat_id in (*paid, again)] == [(True, 1), (True, 1), (True, 3)]
    accepted = sorted(mitras)[-1]
    blast = Blast(bench.db, await bench.mirror(), Timers(bench.db, 60), None)  # type: ignore[arg-type]
    with pytest.raises(ApiError) as refused:
        await blast.accept(accepted, paid[0])
    assert (refused.value.status, refused.value.code) == (404, "NOT_FOUND")


@benched
async def test_a_chat_that_is_being_paid_is_passed_over(bench: Bench) -> None:
    """Whoever pays holds the chat: it is not waited for, and once it was offered it is none of ours."""
    id_, mitra = await chat(bench, "searching", 8), await bench.mitra()
    house = Housekeeping(bench.db)
    async with bench.db.transaction() as connection:
        await connection.execute("SELECT id FROM chat_sessions WHERE id = $1 FOR NO KEY UPDATE", id_)
        await asyncio.wait_for(house.round(), 1.0)
        await connection.execute("INSERT INTO chat_request_notifications VALUES ($1, $2)", id_, mitra)
    await house.round()
    assert house.deleted == NONE
    assert await there(bench, id_) == (True, 1)


@benched
async def test_the_mirror_is_not_touched(bench: Bench) -> None:
    """What goes counts for no load: the mirror is the truth before and after, and no version is drawn."""
    mitra = await bench.mitra(online=True)
    await bench.chat(mitra)
    await bench.mirror()
    old = await chat(bench, "ended", 9, mitra, 8)
    await offer(bench, old, mitra, days=9)
    await chat(bench, "cancelled", 9)
    versions = "SELECT array_agg(mirror_version ORDER BY id) FROM mitras"
    before = await bench.db.fetchval(versions)
    house = Housekeeping(bench.db)
    await house.round()
    assert house.deleted == NONE | {"offers": 1, "chats": 1}
    assert await bench.db.fetchval(versions) == before
    assert await bench.differences() == []


@benched
async def test_several_instances_at_once_share_the_work(bench: Bench) -> None:
    """Each row goes once, nobody waits for another, and no round fails."""
    await bench.db.execute("TRUNCATE otp_requests")
    await bench.db.execute(
        f"""INSERT INTO otp_requests (role, phone, code_hash, expires_at) SELECT 'mitra', '+62' || i, 'x',
        now() - interval '2 days' FROM generate_series(1, {4 * STEP}) AS i"""
    )
    houses = [Housekeeping(bench.db) for _ in range(4)]
    await asyncio.gather(*(house.round() for house in houses))
    await houses[0].round()
    assert sum(house.deleted["codes"] for house in houses) == 4 * STEP


@benched
async def test_an_error_of_postgres_is_a_line_and_the_round_comes_again(bench: Bench) -> None:
    """One line with the cause and a count, no traceback; what was due goes once Postgres answers."""
    await bench.db.execute("TRUNCATE otp_requests")
    await bench.db.execute("INSERT INTO otp_requests VALUES ('mitra', '+1', 'x', 0, now() - interval '2 days')")
    house = Housekeeping(bench.db)
    failing = patch.object(bench.db, "transaction", side_effect=housekeeping.ServiceUnavailable("it is away"))
    with patch.multiple(housekeeping, FIRST_AFTER_S=0.01, RETRY_AFTER_S=0.3, ROUND_EVERY_S=3600.0):
        with failing:
            house.start()
            await bench.until_logged("[housekeeping] Postgres unavailable, trying again in 0.3 s: it is away")
        try:
            await bench.until_logged("[housekeeping] deleted 1 codes")
        finally:
            await house.stop()
    assert house.numbers()["housekeeping_failures_total"] == 1
    assert bench.log("defect") == []


@benched
async def test_a_stop_waits_for_no_step(bench: Bench) -> None:
    """A step that Postgres keeps waiting is broken off, and rolled back."""
    house = Housekeeping(bench.db)
    other = await asyncpg.connect(bench.stack.postgres.url)
    try:
        await other.execute("BEGIN; LOCK TABLE otp_requests")

        async def waits() -> bool:
            return await other.fetchval("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted")

        with patch.object(housekeeping, "FIRST_AFTER_S", 0.0):
            house.start()
            await until(waits, "a step waits for the table")
        began = time.monotonic()
        await house.stop()
        assert time.monotonic() - began < 1.0
    finally:
        await other.close()


def test_many_who_come_back_at_once_all_get_a_code(house) -> None:
    """Forty phones out of 20,000 with a code of long ago ask at the same moment, while house-keeping deletes: each is 200."""
    phones = [f"+6281{i:08d}" for i in range(0, 20_000, 500)]
    path = "/api/mitra/auth/otp/request"
    together = threading.Barrier(40)
    limits = httpx.Limits(max_keepalive_connections=40)

    def ask(phone: str) -> int:
        together.wait(10)
        return client.post(path, json={"phone": phone}).status_code

    def asked(phones: list[str]) -> list[int]:
        return list(pool.map(ask, phones))

    with (
        ThreadPoolExecutor(40) as pool,
        httpx.Client(base_url=house.server.public_url, timeout=10, limits=limits) as client,
    ):
        asked([f"+6299{i:08d}" for i in range(40)])  # connections are there from now on
        for _ in range(3):
            house.sql("TRUNCATE otp_requests")
            house.sql(
                """INSERT INTO otp_requests (role, phone, code_hash, expires_at) SELECT 'mitra', '+6281' || lpad(i::text, 8, '0'),
                repeat('x', 64), now() - interval '2 days' - i * interval '1 ms' FROM generate_series(0, 19999) AS i"""
            )
            assert asked(phones) == [200] * 40


def test_house_keeping_runs_beside_requests_and_is_counted(house, stack, house_of, eventually) -> None:
    """The server's own timer does it, soon after the start, and its counters are there from the beginning.

    The server that other tests share cleans the same database, once per hour. So a code that it takes is put there again.
    """
    server = stack.server("tidy")
    boot = "import sys; from server import housekeeping as h; h.FIRST_AFTER_S = 2.0; h.ROUND_EVERY_S = 0.5"
    server.command = [sys.executable, "-c", f"{boot}; from server.__main__ import main; sys.exit(main())"]
    server.start()
    try:
        tidy = house_of(server)

        def counted() -> str:
            return tidy.operator("GET", "/metrics").text

        def code_deleted() -> bool:
            house.sql(
                "INSERT INTO otp_requests VALUES ('mitra', '+1', 'x', 0, now() - interval '2 days') ON CONFLICT DO NOTHING"
            )
            return "housekeeping_codes_deleted_total 0.0" not in counted()

        for kind in NONE:
            assert f"housekeeping_{kind}_deleted_total 0.0" in counted()
        eventually(code_deleted, "the old code is gone")
        eventually(lambda: "[housekeeping] deleted 1 codes" in server.log.read_text(), "it is said")
    finally:
        assert server.stop() == 0
