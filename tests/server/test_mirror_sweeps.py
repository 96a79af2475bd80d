"""The sweeps: only the silent go offline, never on Valkey's fault; pings reach Postgres in one statement."""

import asyncio

from mirror_support import Bench, benched, mirror_stack, until

from server import mitras
from server.mirror.on import MirrorOn
from server.mirror.sync_points import Paused

__all__ = ["mirror_stack"]  # the fixture of these tests


def out_of_grace(mirror: MirrorOn) -> None:
    """As if stale_after_seconds had passed since the last recovery."""
    mirror._watchdog.recovered_at -= 10_000


async def sweep(mirror: MirrorOn) -> None:
    out_of_grace(mirror)
    await mirror._sweeps.auto_offline()


@benched
async def test_stale_and_missing_heartbeats_go_offline_audited(bench: Bench) -> None:
    fresh = [await bench.mitra(online=True) for _ in range(8)]
    stale, missing = await bench.mitra(online=True), await bench.mitra(online=True)
    mirror = await bench.mirror()
    await bench.beat(stale, age_s=91)
    await bench.valkey.delete(f"mitra:heartbeat:{missing}")
    await sweep(mirror)
    assert [await bench.is_online(id_) for id_ in (*fresh, stale, missing)] == [True] * 8 + [False] * 2
    assert [await bench.audit(id_) for id_ in (fresh[0], stale, missing)] == [[], ["offline"], ["offline"]]
    assert await bench.differences() == []


@benched
async def test_a_setting_written_into_the_table_counts_at_the_next_tick(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    await bench.beat(id_, age_s=20)
    await sweep(mirror)
    assert await bench.is_online(id_)
    await bench.setting("stale_after_seconds", 15)
    await sweep(mirror)
    assert not await bench.is_online(id_)


@benched
async def test_refused_writes_skip_the_tick(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    await bench.beat(id_, age_s=1000)
    await bench.valkey.config_set("maxmemory", 1)
    try:
        await sweep(mirror)
    finally:
        await bench.valkey.config_set("maxmemory", 0)
    assert len(bench.log("[auto-offline] valkey unavailable, skipping this tick: command not allowed")) == 1
    assert await bench.is_online(id_)


@benched
async def test_a_read_only_replica_skips_the_tick(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    await bench.beat(id_, age_s=1000)
    await bench.valkey.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        await sweep(mirror)
    finally:
        await bench.valkey.execute_command("REPLICAOF", "NO", "ONE")
    assert len(bench.log("[auto-offline] valkey unavailable, skipping this tick: ")) == 1
    assert await bench.is_online(id_)


@benched
async def test_in_an_outage_each_tick_is_skipped_with_one_line(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    bench.stack.toxiproxy.set_enabled("valkey-a", False)
    for _ in range(3):
        await sweep(mirror)
        await mirror._sweeps.mirror_heartbeats()
    assert len(bench.log("[auto-offline] valkey unavailable, skipping this tick: ")) == 3
    assert len(bench.log("[heartbeat-mirror] valkey unavailable, skipping: ")) == 3
    assert await bench.is_online(id_)


@benched
async def test_a_ping_between_the_look_and_the_second_look_saves(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    await bench.beat(id_, age_s=1000)
    with Paused("sweep takes the lock") as gate:
        sweeping = asyncio.create_task(sweep(mirror))
        await gate.reached.wait()
        assert await mirror.ping(id_)
        gate.open()
        await sweeping
    assert await bench.is_online(id_)
    assert await bench.audit(id_) == []


@benched
async def test_a_ping_that_meets_the_mark_waits_and_learns_the_truth(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    await bench.beat(id_, age_s=1000)
    with Paused("change applies") as gate:  # Postgres says offline, Valkey does not yet
        sweeping = asyncio.create_task(sweep(mirror))
        await gate.reached.wait()
        assert not await mirror.ping(id_)
        gate.open()
        await sweeping
    assert not await bench.is_online(id_)
    assert await bench.differences() == []


@benched
async def test_a_recovery_grants_everybody_time_to_ping(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    await bench.beat(id_, age_s=1000)
    await mirror._sweeps.auto_offline()
    assert await bench.is_online(id_)


async def silent(bench: Bench, count: int) -> list[str]:
    ids = [await bench.mitra(online=True) for _ in range(count)]
    return ids


@benched
async def test_a_mass_departure_is_held_and_then_let_go(bench: Bench) -> None:
    await bench.setting("stale_after_seconds", 1)
    ids = await silent(bench, 4)
    mirror = await bench.mirror()
    for id_ in ids:
        await bench.beat(id_, age_s=1000)
    await sweep(mirror)
    assert len(bench.log("[auto-offline] holding")) == 1
    assert all([await bench.is_online(id_) for id_ in ids])

    async def gone() -> bool:
        await sweep(mirror)
        return not any([await bench.is_online(id_) for id_ in ids])

    await until(gone, "the held ones go after 3 x stale_after_seconds")


@benched
async def test_a_second_mass_departure_is_held_as_the_first_was(bench: Bench) -> None:
    ids = await silent(bench, 4)
    mirror = await bench.mirror()
    for id_ in ids:
        await bench.beat(id_, age_s=1000)
    await sweep(mirror)
    for id_ in ids:
        assert await mirror.ping(id_)
    await sweep(mirror)  # everybody is back
    mirror._sweeps._held_since = mirror._sweeps._held_since and mirror._sweeps._held_since - 10_000
    for id_ in ids:
        await bench.beat(id_, age_s=1000)
    await sweep(mirror)
    assert all([await bench.is_online(id_) for id_ in ids])


@benched
async def test_nobody_sweeps_while_an_instance_is_cut_off(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    bench.stack.toxiproxy.set_enabled("valkey-a", False)
    await a.ping(id_)

    async def held() -> bool:
        statement = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock'"
        return await bench.db.fetchval(statement) > 0

    await until(held, "the cut-off instance holds its lock")
    await bench.beat(id_, age_s=1000)
    await sweep(b)
    assert await bench.is_online(id_)


@benched
async def test_after_a_time_of_refused_pings_nobody_goes_offline_at_once(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    await bench.setting("stale_after_seconds", 2)
    mirror = await bench.mirror()
    out_of_grace(mirror)
    await bench.valkey.config_set("maxmemory", 1)
    loop = asyncio.get_running_loop()
    until_s = loop.time() + 3.0
    while loop.time() < until_s:
        assert await mirror.ping(id_)
        await asyncio.sleep(0.1)
    await bench.valkey.config_set("maxmemory", 0)
    await mirror._sweeps.auto_offline()
    assert await bench.is_online(id_)


@benched
async def test_a_ping_answered_by_postgres_keeps_its_mitra_online(bench: Bench) -> None:
    """One command lost its answer, no outage: the ping was still answered with 200."""
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    await bench.beat(id_, age_s=1000)
    bench.stack.toxiproxy.add_toxic("valkey-a", "slow", "latency", "downstream", {"latency": 400})
    assert await mirror.ping(id_)
    bench.stack.toxiproxy.remove_toxic("valkey-a", "slow")
    await bench.beat(id_, age_s=1000)  # should the late SET have landed
    await asyncio.sleep(0.5)
    await sweep(mirror)
    assert await bench.is_online(id_)


@benched
async def test_pings_reach_postgres_in_one_statement_and_seeds_do_not(bench: Bench) -> None:
    pinged, granted = [await bench.mitra(online=True) for _ in range(3)], await bench.mitra(online=True)
    mirror = await bench.mirror()
    await asyncio.sleep(0.01)  # not within the millisecond of the seed
    for id_ in pinged:
        await mirror.ping(id_)
    taken = bench.db.taken
    await mirror._sweeps.mirror_heartbeats()
    assert bench.db.taken == taken + 1
    rows = await bench.db.fetch("SELECT mitra_id FROM mitra_online_status WHERE last_heartbeat_at IS NOT NULL")
    assert {row["mitra_id"] for row in rows} == set(pinged)
    assert granted not in pinged


@benched
async def test_a_mirrored_heartbeat_never_goes_back(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    await asyncio.sleep(0.01)  # not within the millisecond of the seed
    await a.ping(id_)
    await asyncio.gather(a._sweeps.mirror_heartbeats(), b._sweeps.mirror_heartbeats())
    query = "SELECT last_heartbeat_at FROM mitra_online_status WHERE mitra_id = $1"
    newest = await bench.db.fetchval(query, id_)
    await bench.beat(id_, age_s=1000)
    await a._sweeps.mirror_heartbeats()
    assert await bench.db.fetchval(query, id_) == newest


@benched
async def test_with_nobody_online_or_planted_nonsense_nothing_is_written(bench: Bench) -> None:
    off = await bench.mitra()
    mirror = await bench.mirror()
    taken = bench.db.taken
    await mirror._sweeps.mirror_heartbeats()
    await bench.valkey.sadd("mitras:online", "no-uuid", off)
    await bench.valkey.set("mitra:heartbeat:no-uuid", "2026-01-01T00:00:00.000Z")
    await bench.valkey.set(f"mitra:heartbeat:{off}", "nonsense")
    await mirror._sweeps.mirror_heartbeats()
    assert bench.db.taken == taken


@benched
async def test_a_toggle_by_the_mitra_beats_the_sweep(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    await bench.beat(id_, age_s=1000)
    with Paused("sweep takes the lock") as gate:
        sweeping = asyncio.create_task(sweep(mirror))
        await gate.reached.wait()
        toggling = asyncio.create_task(mitras.set_online(mirror, bench.db, id_))
        gate.open()
        await asyncio.gather(sweeping, toggling)
    assert await bench.is_online(id_)
    assert await bench.differences() == []
