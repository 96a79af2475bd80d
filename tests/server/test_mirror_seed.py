"""The seed: Postgres' truth in Valkey, whole, and nothing newer undone."""

import asyncio
from uuid import uuid4

from mirror_support import Bench, benched, mirror_stack, until

from server import mitras
from server.mirror.on import MirrorOn
from server.mirror.sync_points import Paused

__all__ = ["mirror_stack"]  # the fixture of these tests


@benched
async def test_a_start_seeds_the_truth_and_says_so_once(bench: Bench) -> None:
    busy = await bench.mitra(online=True)
    await bench.mitra(online=True, active=False)
    await bench.mitra()
    await bench.chat(busy)
    await bench.chat(busy, "pending_payment")
    await bench.chat(busy, "ended")
    mirror = await bench.mirror()
    assert await bench.differences() == []
    assert await bench.valkey.get(f"mitra:capacity:{busy}") == "2"
    assert await mirror.online_count() == 2
    assert await mirror.find_available() == [busy]
    assert bench.log("seed:") == ["[valkey-mirror] seed: 2 online, 1 deactivated, 1 with active sessions"]


@benched
async def test_two_instances_each_seed_at_their_start(bench: Bench) -> None:
    await bench.mitra(online=True)
    await asyncio.gather(bench.mirror("a"), bench.mirror("b"))
    assert await bench.differences() == []
    assert len(bench.log("seed: 1 online")) == 2


@benched
async def test_a_toggle_between_the_reading_and_the_swap_survives(bench: Bench) -> None:
    first, second = await bench.mitra(), await bench.mitra(online=True)
    mirror = await bench.mirror()
    with Paused("seed steps") as gate:
        seeding = asyncio.create_task(mirror._watchdog.reseed())
        await gate.reached.wait()
        await mitras.set_online(mirror, bench.db, first)
        await mitras.set_offline(mirror, bench.db, second)
        await mitras.set_active(mirror, bench.db, second, False)
        gate.open()
        await seeding
    assert await bench.differences() == []


async def seed_often(mirror: MirrorOn) -> None:
    for _ in range(10):
        await mirror._watchdog.reseed()


@benched
async def test_no_reader_ever_finds_less_while_seeds_run(bench: Bench) -> None:
    for _ in range(20):
        await bench.mitra(online=True)
    mirror = await bench.mirror()
    seeds = asyncio.create_task(seed_often(mirror))
    while not seeds.done():
        assert await bench.valkey.scard("mitras:online") == 20
    await seeds


@benched
async def test_the_periodic_seed_heals_corruption_and_keys_of_the_wrong_type(bench: Bench) -> None:
    real, other, bogus = await bench.mitra(online=True), await bench.mitra(online=True), str(uuid4())
    mirror = await bench.mirror()
    await bench.valkey.sadd("mitras:online", bogus)
    await bench.valkey.srem("mitras:online", real)
    await bench.valkey.set(f"mitra:capacity:{real}", 99)
    await bench.valkey.set(f"mitra:heartbeat:{bogus}", "x")
    await mirror._watchdog.reseed()
    assert await bench.differences() == []
    for key in ("mitras:online", "mitras:deactivated", "mirror:versions", "mirror:synthetic"):
        await bench.valkey.delete(key)
        await bench.valkey.lpush(key, "wrong")
    for id_ in (real, other):
        await bench.valkey.delete(f"mitra:heartbeat:{id_}", f"mitra:capacity:{id_}")
        await bench.valkey.lpush(f"mitra:heartbeat:{id_}", "wrong")
        await bench.valkey.lpush(f"mitra:capacity:{id_}", "wrong")
    await mirror._watchdog.reseed()
    assert await bench.differences() == []


@benched
async def test_a_periodic_seed_leaves_heartbeats_alone_and_fills_missing_ones(bench: Bench) -> None:
    kept, missing = await bench.mitra(online=True), await bench.mitra(online=True)
    mirror = await bench.mirror()
    old = await bench.beat(kept, age_s=3600)
    await bench.valkey.delete(f"mitra:heartbeat:{missing}")
    await mirror._watchdog.reseed()
    assert await bench.valkey.get(f"mitra:heartbeat:{kept}") == old
    assert await bench.valkey.get(f"mitra:heartbeat:{missing}") is not None


@benched
async def test_flushdb_is_noticed_and_healed(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    await bench.valkey.flushdb()
    await bench.healed()
    await bench.until_logged("seed: 1 online", times=2)
    assert await mirror.ping(id_)


@benched
async def test_a_look_that_fails_as_nobody_foresaw_is_told_and_not_the_last(bench: Bench) -> None:
    mirror = await bench.mirror()
    watchdog = mirror._watchdog
    ask, failing = watchdog._ask, iter([True])

    async def broken() -> tuple[str, str]:
        if next(failing, False):
            raise KeyError("run_id")
        return await ask()

    watchdog._ask = broken  # type: ignore[method-assign]
    await bench.until_logged("[watchdog] defect: KeyError")
    await bench.valkey.flushall()
    await bench.until_logged("seed: ", times=2)


@benched
async def test_a_killed_valkey_is_reseeded_when_it_answers_again(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    bench.stack.valkey.kill()
    assert await mirror.ping(id_)
    assert await mirror.online_count() == 1
    bench.stack.valkey.start()
    await bench.healed()


@benched
async def test_without_valkey_the_start_goes_on_and_the_seed_follows(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    bench.stack.server("a")  # makes its proxy
    bench.stack.toxiproxy.set_enabled("valkey-a", False)
    async with asyncio.timeout(10):
        mirror = await bench.mirror()
    assert await mirror.is_reachable(id_)
    bench.stack.toxiproxy.set_enabled("valkey-a", True)
    await bench.healed()


@benched
async def test_reconcile_0_never_seeds_periodically(bench: Bench) -> None:
    mirror = await bench.mirror(reconcile=0)
    assert [name for name, seconds, _ in mirror._sweeps._cadences if seconds] == ["auto-offline", "heartbeat-mirror"]
    assert len(mirror._sweeps._tasks) == 2


@benched
async def test_mitras_deleted_by_hand_leave_the_mirror_at_the_next_seed(bench: Bench) -> None:
    id_ = await bench.mitra()
    mirror = await bench.mirror()
    await mitras.set_online(mirror, bench.db, id_)
    await bench.db.execute("DELETE FROM mitras WHERE id = $1", id_)
    await mirror._watchdog.reseed()
    assert await bench.differences() == []


@benched
async def test_a_policy_that_may_evict_the_mirror_raises_an_alert(bench: Bench) -> None:
    mirror = await bench.mirror()
    await bench.valkey.config_set("maxmemory-policy", "allkeys-lru")
    try:
        await bench.until_logged("[valkey] maxmemory-policy is allkeys-lru")
        assert mirror.metrics()["may_be_evicted"] == 1.0
        assert [alert.partition(":")[0] for alert in mirror.alerts()] == ["maxmemory-policy is allkeys-lru"]
    finally:
        await bench.valkey.config_set("maxmemory-policy", "noeviction")

    async def safe_again() -> bool:
        return mirror.metrics()["may_be_evicted"] == 0.0

    await until(safe_again, "the policy is seen to be safe again")
    assert mirror.alerts() == []
    assert len(bench.log("maxmemory-policy")) == 1
