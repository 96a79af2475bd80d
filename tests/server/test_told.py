"""What somebody on duty has to learn is said in a line and counted, from the first second on, and never in a flood."""

import asyncio
from unittest.mock import patch

import pytest
from mirror_support import Bench, benched, mirror_stack, settings
from test_mirror_sweeps import sweep

from server.config import Settings
from server.errors import ApiError
from server.mirror import watchdog
from server.mirror.client import MirrorUnavailable
from server.mirror.off import MirrorOff
from server.otp import REQUESTS_MAX, Otp

__all__ = ["mirror_stack"]  # the fixture of these tests

COUNTERS = (
    "outages", "seeds", "seed_failures", "writes", "writes_fenced_off", "write_failures", "auto_offline",
    "skipped_auto_offline", "skipped_heartbeat_mirror", "fallbacks_heartbeat", "fallbacks_reachable",
    "fallbacks_available", "fallbacks_beacon", "fallbacks_dashboard", "postgres_restored", "clock_steps",
)  # fmt: skip
PHONE = "+6281234567890"


def test_every_counter_is_there_from_the_start(stack, house_of) -> None:
    """An alert on a counter that comes with its first event would miss just that event."""
    server = stack.server("fresh")
    server.start()
    try:
        text = house_of(server).operator("GET", "/metrics").text.splitlines()
    finally:
        server.stop()
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text if not line.startswith("#")}
    names = [f"mirror_{name}_total" for name in COUNTERS]
    names += ["otp_requests_refused_total", "otp_answers_refused_total"]
    assert {name: values.get(name) for name in names} == {name: float(name == "mirror_seeds_total") for name in names}


@benched
async def test_an_outage_is_said_once_when_it_begins_and_again_while_it_lasts(bench: Bench) -> None:
    """One line with the cause at its begin, then one line now and then that it is not over, however often it is looked."""
    with patch.object(watchdog, "LOG_FAILURES_EVERY_S", 1.0):
        mirror = await bench.mirror()
    bench.stack.valkey.stop()
    await bench.until_logged("[valkey-mirror] outage: ")
    await asyncio.sleep(3.5)
    assert len(bench.log("[valkey-mirror] outage: ")) == 1
    assert 2 <= len(bench.log("[valkey-mirror] Valkey still does not answer; Postgres answers: ")) <= 4
    assert mirror.metrics()["outages"] == 1
    bench.stack.valkey.start()
    await bench.until_logged("[valkey-mirror] seed: ", times=2)
    assert mirror.metrics()["seeds"] == 2


@benched
async def test_seeds_that_fail_are_counted_and_said_now_and_then(bench: Bench) -> None:
    """A periodic seed that fails for a time leaves a line with its cause, and a counter that has all of them."""
    mirror = await bench.mirror()

    async def fails(*, grace: bool) -> bool:
        raise MirrorUnavailable("a sweep's transaction is still open")

    with patch.object(mirror._watchdog._seeder, "seed", fails):
        for _ in range(12):
            await mirror._watchdog.reseed()
    told = "a seed failed, the next one follows; the mirror stays as it is: a sweep's transaction is still open"
    assert len(bench.log(told)) == 1
    assert mirror.metrics()["seed_failures"] == 12


@benched
async def test_whom_a_sweep_takes_offline_is_said_and_counted(bench: Bench) -> None:
    """A line for each mitra, with what was last heard of her; none for who stays."""
    silent, missing, fresh = [await bench.mitra(online=True) for _ in range(3)]
    mirror = await bench.mirror()
    seen = await bench.beat(silent, age_s=1000)
    await bench.valkey.delete(f"mitra:heartbeat:{missing}")
    with patch("server.mirror.sweeps.MASS_MIN", 10):
        await sweep(mirror)
    assert bench.log(f"[auto-offline] {silent} is offline: last heard of at {seen}") != []
    assert bench.log(f"[auto-offline] {missing} is offline: without a heartbeat") != []
    assert bench.log(fresh) == []
    assert mirror.metrics()["auto_offline"] == 2


@benched
async def test_without_the_mirror_a_sweep_says_so_as_well(bench: Bench) -> None:
    """The same line and counter where Postgres alone tells who is silent."""
    id_ = await bench.mitra(online=True)
    off = MirrorOff(settings(bench.stack.postgres.url, "redis://127.0.0.1:1"), bench.db)
    assert off.metrics() == {"auto_offline": 0.0}
    await off.auto_offline()
    assert len(bench.log(f"[auto-offline] {id_} is offline")) == 1
    assert off.metrics() == {"auto_offline": 1.0}


@benched
async def test_a_sixth_request_for_a_code_is_told_what_to_do(bench: Bench) -> None:
    """In production: the words do not advise what is just being refused, and the log does not show whose phone it is."""
    otp = Otp(production(), bench.db)
    await bench.db.execute("TRUNCATE otp_requests")
    for _ in range(REQUESTS_MAX):
        await otp.request("client", PHONE)
    with pytest.raises(ApiError) as refused:
        await otp.request("client", PHONE)
    assert (refused.value.status, refused.value.code) == (429, "OTP_TOO_MANY_ATTEMPTS")
    wait_s = int(refused.value.headers["retry-after"])
    assert 800 < wait_s <= 900
    assert f"use the last one, or request another in {wait_s} s" in refused.value.message
    assert (otp.refused_requests, otp.refused_answers) == (1, 0)
    (line,) = bench.log("[otp]")
    assert PHONE not in line


@benched
async def test_a_sixth_answer_is_told_what_to_do(bench: Bench) -> None:
    """After five wrong codes: the words say that a new code is needed, and it is logged and counted."""
    otp = Otp(production(), bench.db)
    await bench.db.execute("TRUNCATE otp_requests")
    await otp.request("client", PHONE)
    async with bench.db.transaction() as connection:
        for _ in range(5):
            assert (await otp.check(connection, "client", PHONE, "wrong")).code == "OTP_INVALID"
        refusal = await otp.check(connection, "client", PHONE, "wrong")
    assert refusal.status == 429
    assert "request a new code" in refusal.message
    assert (otp.refused_requests, otp.refused_answers) == (0, 1)
    assert len(bench.log("[otp]")) == 1


def production() -> Settings:
    return Settings.from_env({
        "APP_ENV": "production",
        "DATABASE_URL": "postgresql://127.0.0.1/none",
        "VALKEY_URL": "redis://127.0.0.1",
        "JWT_SECRET": "s" * 40,
        "INTERNAL_API_TOKEN": "t" * 40,
    })  # fmt: skip
