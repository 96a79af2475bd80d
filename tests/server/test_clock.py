"""Clocks that are set while the server runs: nobody goes offline by it, and heartbeats stay near Valkey's time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from unittest.mock import patch

import pytest
import redis
from mirror_support import Bench, benched, mirror_stack
from test_mirror_sweeps import sweep

from rig.faults.requirements import libfaketime
from server.mirror import keys
from server.mirror.client import end
from server.mirror.clock import SharedClock, steady_ms
from server.mirror.on import MirrorOn

__all__ = ["mirror_stack"]  # the fixture of these tests

STALE_AFTER_S = 10
STEP_S = 60
NEAR_MS = 5_000  # the contract's bound
steps = pytest.mark.parametrize("step_s", [STEP_S, -STEP_S])


@contextmanager
def host_clock_set(step_s: int) -> Iterator[None]:
    """The wall clock of this process goes on from another time; the steady one does not notice."""
    with (
        patch.object(time, "time_ns", lambda real=time.time_ns: real() + step_s * 1_000_000_000),
        patch.object(time, "time", lambda real=time.time: real() + step_s),
    ):
        yield


@contextmanager
def valkey_clock_set(step_s: int) -> Iterator[None]:
    """Every answer of Valkey about its time tells of another one from now on."""
    update = SharedClock.update
    with patch.object(SharedClock, "update", lambda self, ms, asked: update(self, ms + step_s * 1000, asked)):
        yield


async def watched_no_more(mirror: MirrorOn) -> None:
    """What is seen now happens between two looks of the watchdog."""
    await end(mirror._watchdog._task)


async def heartbeat_is_off_by_ms(bench: Bench, mitra_id: str, step_s: int = 0) -> float:
    seconds, micros = await bench.valkey.time()
    written = keys.read_stamp(await bench.valkey.get(f"mitra:heartbeat:{mitra_id}"))
    assert written is not None
    return written - (seconds + step_s) * 1000 - micros / 1000


def for_each_step(test: Callable[[Bench, int], object]) -> Callable[..., None]:
    """A pytest test of an async one that takes the step, too."""

    @steps
    def run(mirror_stack: object, capsys: object, step_s: int) -> None:
        async def stepped(bench: Bench) -> None:
            await test(bench, step_s)  # type: ignore[misc]

        benched(stepped)(mirror_stack, capsys)

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@for_each_step
async def test_the_host_s_clock_is_set_between_two_looks(bench: Bench, step_s: int) -> None:
    """A ping right after the step is written in Valkey's time, and the next sweep takes nobody offline who has pinged."""
    await bench.setting("stale_after_seconds", STALE_AFTER_S)
    pinging, toggling = await bench.mitra(online=True), await bench.mitra()
    mirror = await bench.mirror()
    await watched_no_more(mirror)
    assert await mirror.ping(pinging)
    with host_clock_set(step_s):
        assert await mirror.ping(pinging)
        async with mirror.changing("setOnline", toggling, ping=True) as connection:
            await connection.execute("UPDATE mitra_online_status SET is_online = true WHERE mitra_id = $1", toggling)
        for mitra_id in (pinging, toggling):
            assert abs(await heartbeat_is_off_by_ms(bench, mitra_id)) < NEAR_MS
        await sweep(mirror)
        assert [await bench.is_online(id_) for id_ in (pinging, toggling)] == [True, True]
        assert await mirror.is_reachable(pinging)
        assert mirror.metrics()["clock_steps"] == 0


@for_each_step
async def test_valkey_s_own_clock_is_set_between_two_looks(bench: Bench, step_s: int) -> None:
    """A sweep that finds the clock set takes nobody offline; the next ping is written in the new time, and it is said."""
    await bench.setting("stale_after_seconds", STALE_AFTER_S)
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    await watched_no_more(mirror)
    assert await mirror.ping(id_)
    with valkey_clock_set(step_s):
        await sweep(mirror)
        assert await bench.is_online(id_)
        assert await mirror.ping(id_)
        assert abs(await heartbeat_is_off_by_ms(bench, id_, step_s)) < NEAR_MS
        assert mirror.metrics()["clock_steps"] == 1
        assert len(bench.log(f"Valkey's clock was set by {step_s:+d}.0 s")) == 1


@benched
async def test_after_a_step_no_instance_sweeps_for_a_while(bench: Bench) -> None:
    """An instance that was paused wrote old times for a moment: it keeps the others from sweeping until these are over."""
    id_ = await bench.mitra(online=True)
    paused, other = await bench.mirror("a"), await bench.mirror("b")
    await watched_no_more(paused)
    await watched_no_more(other)
    paused._valkey.clock._ahead_ms -= 120_000  # its steady clock stood still for two minutes
    await bench.valkey.delete(f"mitra:heartbeat:{id_}")
    assert await paused.ping(id_)
    assert await heartbeat_is_off_by_ms(bench, id_) < -100_000
    await paused._watchdog._look()
    await sweep(other)
    assert await bench.is_online(id_)
    assert len(bench.log("[auto-offline] skipping tick")) == 1
    await paused._watchdog._look()
    await sweep(other)
    assert await bench.is_online(id_)


@benched
async def test_a_toggle_and_a_recovery_replace_a_heartbeat_from_the_future(bench: Bench) -> None:
    """A heartbeat that a wrong clock has written far ahead does not outlive the next toggle, nor the end of an outage."""
    toggling, silent = await bench.mitra(online=True), await bench.mitra(online=True)
    mirror = await bench.mirror()
    for mitra_id in (toggling, silent):
        await bench.beat(mitra_id, age_s=-STEP_S)
    async with mirror.changing("setOnline", toggling, ping=True):
        pass
    assert abs(await heartbeat_is_off_by_ms(bench, toggling)) < NEAR_MS
    await mirror._watchdog._seed(grace=True)
    assert abs(await heartbeat_is_off_by_ms(bench, silent)) < NEAR_MS


@benched
async def test_a_heartbeat_that_is_owed_from_a_wrong_clock_is_written_as_now(bench: Bench) -> None:
    """An instance that has never seen Valkey's clock may be owed a time ahead of it: Valkey gets the time of its writing."""
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    mirror._writes.owe(id_, keys.stamp(mirror._valkey.now_ms() + STEP_S * 1000))
    await mirror._writes.retry_dirty()
    assert abs(await heartbeat_is_off_by_ms(bench, id_)) < NEAR_MS


def test_a_reply_that_was_long_under_way_moves_no_clock() -> None:
    """A process that was stopped for a minute reads an old answer: it tells nothing, and is taken for no step."""
    clock = SharedClock()
    clock.update(time.time_ns() // 1_000_000, steady_ms())
    before = clock.now_ms()
    clock.update(time.time_ns() // 1_000_000 - STEP_S * 1000, steady_ms() - STEP_S * 1000)
    assert abs(clock.now_ms() - before) < 1000
    assert clock.steps == 0


@pytest.mark.skipif(libfaketime() is None, reason="needs libfaketime (Debian: apt install libfaketime)")
@pytest.mark.timeout(90)
@steps
def test_a_running_server_whose_host_s_clock_is_set(stack, house_of, tmp_path, step_s) -> None:
    """The clock of one process is set while it serves: its mitra stays online, and her heartbeats stay in Valkey's time."""
    offset = tmp_path / "offset"
    offset.write_text("+0s\n")
    server = stack.server("stepped")
    server.start({
        "LD_PRELOAD": libfaketime() or "",
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "MITRA_AUTO_OFFLINE_SWEEP_SECONDS": "1",
    })  # fmt: skip
    try:
        house = house_of(server)
        house.sql("DELETE FROM app_config")
        house.sql("INSERT INTO app_config VALUES ('stale_after_seconds', '4')")
        mitra = house.mitra(online=True)
        until = time.monotonic() + 6  # out of the grace of the start
        set_at = until - 1
        while time.monotonic() < until + 5:
            assert house.ok("POST", "/api/mitra/status/heartbeat", mitra) == {"is_online": True}
            if time.monotonic() > set_at:
                offset.write_text(f"{step_s:+d}s\n")
                off_by = heartbeat_of(stack, mitra.id)
                assert abs(off_by) < NEAR_MS, off_by
            time.sleep(0.2)
        assert house.sql("SELECT status FROM mitra_online_logs WHERE mitra_id = %s ORDER BY id", mitra.id) == [
            ("online",)
        ]
    finally:
        server.stop()


def test_times_are_utc_whatever_the_time_zone(stack, house_of) -> None:
    """A server that runs far from Greenwich writes and answers the same times, each with a Z."""
    server = stack.server("far", env={"TZ": "Pacific/Kiritimati"})
    server.start()
    try:
        house = house_of(server)
        mitra, customer = house.mitra(online=True), house.customer()
        assert abs(heartbeat_of(stack, mitra.id)) < NEAR_MS
        chat = house.active(customer, mitra, seconds=600)
        ends_at = house.ok("GET", f"/api/client/chat-sessions/{chat.upper()}", customer)["ends_at"]
        assert ends_at.endswith("Z")
        assert abs(datetime.fromisoformat(ends_at).timestamp() - time.time() - 600) < 5
        house.sql("UPDATE mitra_online_status SET last_heartbeat_at = now() WHERE mitra_id = %s", mitra.id)
        assert house.ok("GET", "/api/mitra/status", mitra)["last_heartbeat_at"].endswith("Z")
    finally:
        server.stop()


def heartbeat_of(stack, mitra_id: str) -> float:
    """By how many ms it is ahead of Valkey's clock."""
    with redis.Redis.from_url(stack.valkey.url, protocol=2, decode_responses=True) as valkey:
        seconds, micros = valkey.time()
        written = keys.read_stamp(valkey.get(f"mitra:heartbeat:{mitra_id}"))
    assert written is not None
    return written - seconds * 1000 - micros / 1000
