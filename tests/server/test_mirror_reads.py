"""The readers: Valkey's answer, Postgres' in an outage, and one snapshot for the whole cluster."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
import redis.asyncio
from mirror_support import Bench, benched, mirror_stack, until

from server import mitras
from server.mirror.client import connect
from server.mirror.reads import read_snapshot
from server.response_models import Availability

__all__ = ["mirror_stack"]  # the fixture of these tests


async def calls(bench: Bench, command: str) -> int:
    return (await bench.valkey.info("commandstats")).get(f"cmdstat_{command}", {"calls": 0})["calls"]


@benched
async def test_reachable_means_online_active_and_fresh_and_asks_no_sql(bench: Bench) -> None:
    fresh, stale, missing, garbled, off = [await bench.mitra(online=i < 4) for i in range(5)]
    shut = await bench.mitra(online=True, active=False)
    mirror = await bench.mirror()
    await bench.beat(stale, age_s=91)
    await bench.valkey.delete(f"mitra:heartbeat:{missing}")
    await bench.valkey.set(f"mitra:heartbeat:{garbled}", "yesterday")
    taken = bench.db.taken
    assert await mirror.is_reachable(fresh)
    for id_ in (stale, missing, garbled, off, shut):
        assert not await mirror.is_reachable(id_)
    assert bench.db.taken == taken


@benched
async def test_any_iso_8601_utc_time_is_read(bench: Bench) -> None:
    """By this process, which asks for one mitra, and by the script that looks at all of them."""
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    text = await bench.beat(id_)

    async def read(form: str) -> tuple[bool, bool]:
        await bench.valkey.set(f"mitra:heartbeat:{id_}", form)
        return await mirror.is_reachable(id_), id_ in await mirror.find_available()

    for form in (text, text[:19] + "Z", text[:23] + "000Z", text[:23] + "+00:00", text[:19] + "+00:00"):
        assert await read(form) == (True, True), form
    later = str(int(text[:4]) + 1) + text[4:]  # no doubt is left by its age
    for form in (
        text[:23] + "+07:00", later[:17] + "60.000Z", later[:14] + "60:00.000Z", later[:11] + "24:00:00.000Z",
        later[:5] + "13-01T00:00:00.000Z", later[:5] + "02-30T00:00:00.000Z", later[:5] + "00-10T00:00:00.000Z",
        later[:10] + " " + later[11:], later[:23], "x" + later, later + "Z", later[:19] + ",000Z",
    ):  # fmt: skip
        assert await read(form) == (False, False), form
    assert await read(later) == (True, True)


@benched
async def test_the_blast_takes_who_has_room(bench: Bench) -> None:
    free, full, missing_free, missing_full = sorted([await bench.mitra(online=True) for _ in range(4)])
    mirror = await bench.mirror()
    for _ in range(3):
        await bench.chat(missing_full)
    await bench.valkey.set(f"mitra:capacity:{full}", 3)
    await bench.valkey.delete(f"mitra:capacity:{missing_free}", f"mitra:capacity:{missing_full}")
    assert await mirror.find_available() == [free, missing_free]
    assert bench.log("falling back") == []


@benched
async def test_in_an_outage_the_fallbacks_agree_with_the_truth(bench: Bench) -> None:
    free, full, shut = await bench.mitra(online=True), await bench.mitra(online=True), await bench.mitra(online=True)
    for _ in range(3):
        await bench.chat(full, "pending_payment")
    mirror = await bench.mirror()
    await mitras.set_active(mirror, bench.db, shut, False)
    bench.stack.toxiproxy.set_enabled("valkey-a", False)
    assert await mirror.find_available() == [free]
    assert [await mirror.is_reachable(id_) for id_ in (free, full, shut)] == [True, True, False]
    assert await mirror.beacon() == Availability(available=True, count=1)
    assert await mirror.online_count() == 3
    assert len(bench.log("[findAvailableMitras] valkey unavailable, falling back to Postgres")) == 1
    assert len(bench.log("[isMitraReachable] valkey unavailable, falling back to DB")) == 3


@benched
async def test_two_instances_share_one_recompute(bench: Bench) -> None:
    await bench.mitra(online=True)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    await bench.valkey.delete("availability:snapshot")
    diffs, taken = await calls(bench, "sdiff"), bench.db.taken
    answers = await asyncio.gather(*(mirror.beacon() for mirror in (a, b) * 10))
    assert all(answer == Availability(available=True, count=1) for answer in answers)
    assert await calls(bench, "sdiff") == diffs + 1
    assert bench.db.taken == taken
    assert 9000 < await bench.valkey.pttl("availability:snapshot") <= 10000


@benched
async def test_reading_never_renews_the_snapshot_and_a_hand_written_one_is_served(bench: Bench) -> None:
    a, b = await bench.mirror("a"), await bench.mirror("b")
    await bench.valkey.set("availability:snapshot", json.dumps({"available": True, "count": 77}), px=5000)
    for mirror in (a, b):
        assert await mirror.beacon() == Availability(available=True, count=77)
    assert await bench.valkey.pttl("availability:snapshot") <= 5000


def test_a_snapshot_may_hold_more_than_the_answer() -> None:
    text = '{"available": true, "count": 2, "by": "somebody"}'
    assert read_snapshot(text) == Availability(available=True, count=2)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"available": true}', '{"count": 1}', '{"available": true, "count": "1"}',
     '{"available": true, "count": true}', '{"available": 1, "count": 1}', '{"available": true, "count": -1}'],
)  # fmt: skip
def test_a_snapshot_that_is_no_answer_is_refused(text) -> None:
    with pytest.raises(ValueError, match="validation error"):
        read_snapshot(text)


@benched
async def test_a_setting_is_in_force_everywhere_at_once(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    await bench.chat(id_)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    assert (await b.beacon()).count == 1
    await a.app_config.set("max_customers_per_mitra", 1)

    async def known() -> bool:
        return b.app_config.max_customers == 1 and not await bench.valkey.exists("availability:snapshot")

    await until(known, "instance b knows the new maximum", within_s=1.0)
    assert await b.beacon() == Availability(available=False, count=0)


@benched
async def test_a_lost_subscription_is_no_outage_and_reloads_the_settings(bench: Bench) -> None:
    mirror = await bench.mirror()
    await bench.setting("stale_after_seconds", 7)
    await bench.valkey.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    await bench.until_logged("[valkey] subscribed to config:invalidate", times=2)

    async def reloaded() -> bool:
        return mirror.app_config.stale_after == 7

    await until(reloaded, "the settings are reloaded")
    assert len(bench.log("seed: ")) == 1


@benched
async def test_a_subscription_that_the_kernel_gave_up_comes_back(bench: Bench) -> None:
    """Packets that nobody takes end a connection by ETIMEDOUT, which redis-py takes for a message that is not there yet:
    what tells of the end is the next write, with an error of the loop's own."""
    mirror = await bench.mirror()
    pool = mirror._subscriber._redis.connection_pool
    (connection,) = pool._in_use_connections
    connection._reader.set_exception(TimeoutError("ETIMEDOUT"))
    connection._writer.transport.abort()
    await bench.until_logged("[valkey] subscribed to config:invalidate", times=2)
    assert bench.log("[valkey] subscription to config:invalidate lost")
    assert not bench.log("defect")
    assert len(bench.log("seed: ")) == 1


@pytest.mark.parametrize(
    "error", [RuntimeError("the handler is closed"), TypeError("not callable"), AttributeError("x")]
)
def test_a_write_on_a_closed_connection_is_a_lost_one_whatever_the_loop_says(monkeypatch, error: Exception) -> None:
    """uvloop, CPython 3.12 and CPython 3.13 each have an error of their own, none of them redis-py's."""

    async def send(*_: object) -> None:
        raise error

    monkeypatch.setattr(redis.asyncio.Connection, "send_packed_command", send)
    for url in ("redis://127.0.0.1", "rediss://127.0.0.1"):
        connection = connect(url, 1).connection_pool.make_connection()
        with pytest.raises(redis.ConnectionError, match="the connection is closed"):
            asyncio.run(connection.send_packed_command([b"PING"]))


@benched
async def test_in_an_outage_one_join_a_second_answers_any_number_of_polls(bench: Bench) -> None:
    await bench.mitra(online=True)
    mirror = await bench.mirror()
    bench.stack.toxiproxy.set_enabled("valkey-a", False)
    await mirror.beacon()
    taken = bench.db.taken
    answers = await asyncio.gather(*(mirror.beacon() for _ in range(200)))
    assert all(answer == Availability(available=True, count=1) for answer in answers)
    assert bench.db.taken <= taken + 2  # the settings and the JOIN, should a second have passed


@benched
async def test_a_poll_that_falls_back_does_not_share_a_failing_recompute(bench: Bench) -> None:
    """The first poll waits for Postgres inside its recompute while Valkey goes away under the second."""
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    await bench.valkey.delete("availability:snapshot", f"mitra:capacity:{id_}")
    waiting, go_on = asyncio.Event(), asyncio.Event()
    reads = mirror.beacon.__self__._postgres  # type: ignore[attr-defined]
    loads: Callable[[list[str]], Awaitable[dict[str, int]]] = reads.loads

    async def slow(ids: list[str]) -> dict[str, int]:
        waiting.set()
        await go_on.wait()
        return await loads(ids)

    reads.loads = slow
    first = asyncio.create_task(mirror.beacon())
    await waiting.wait()
    bench.stack.toxiproxy.set_enabled("valkey-a", False)
    second = asyncio.create_task(mirror.beacon())
    await bench.until_logged("[beacon] valkey unavailable")
    go_on.set()
    assert await asyncio.gather(first, second) == [Availability(available=True, count=1)] * 2


@benched
async def test_while_pings_are_refused_old_heartbeats_prove_nothing(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    await bench.setting("stale_after_seconds", 1)
    mirror = await bench.mirror()
    await bench.valkey.config_set("maxmemory", 1)
    try:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + 2.5
        while loop.time() < until_s:
            assert await mirror.ping(id_)
            await asyncio.sleep(0.1)
        assert await mirror.find_available() == [id_]
        assert await mirror.is_reachable(id_)
    finally:
        await bench.valkey.config_set("maxmemory", 0)
