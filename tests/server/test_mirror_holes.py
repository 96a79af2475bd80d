"""The holes of the seed's design, each with the script that falls into it: by number, and those that no other file has."""

import asyncio
import time
from pathlib import Path
from unittest.mock import patch

import redis.asyncio
from mirror_support import Bench, benched, mirror_stack, until
from redis.exceptions import RedisError

from server import mitras
from server.chats import Chats
from server.mirror import keys
from server.mirror.sync_points import Paused
from server.timers import Timers

__all__ = ["mirror_stack"]  # the fixture of these tests

# Hole → the tests that fall into it. Where one is missing, `test_every_hole_has_its_script` tells.
HOLES = {
    1: ("test_a_toggle_between_the_reading_and_the_swap_survives",),
    2: ("test_no_reader_ever_finds_less_while_seeds_run",),
    3: ("test_flushdb_is_noticed_and_healed",),
    4: ("test_an_old_snapshot_is_not_believed", "test_a_promoted_replica_that_lags_is_not_believed_for_a_moment"),
    5: ("test_a_recovery_grants_everybody_time_to_ping", "test_a_hang_is_bounded_and_ends_with_a_seed"),
    6: ("test_nobody_sweeps_while_an_instance_is_cut_off", "test_nobody_sweeps_while_instances_have_different_valkeys"),
    7: ("test_refused_writes_skip_the_tick", "test_a_seed_that_is_refused_half_way_leaves_the_old_mirror_whole",
        "test_writes_that_wait_for_ever_are_an_outage_though_reads_are_answered",
        "test_connections_to_a_demoted_primary_are_given_up"),
    8: ("test_a_ping_between_the_look_and_the_second_look_saves", "test_a_toggle_by_the_mitra_beats_the_sweep"),
    9: ("test_a_periodic_seed_leaves_heartbeats_alone_and_fills_missing_ones",),
    10: ("test_the_later_commit_wins_though_its_write_comes_first",),
    11: ("test_a_deactivation_by_a_cut_off_instance_reaches_the_other_one",),
    12: ("test_two_accepts_at_one_below_the_maximum",),
    13: ("test_the_later_count_of_chats_wins", "test_a_reroute_is_seen_on_both_sides_or_on_none"),
    14: ("test_who_comes_online_with_chats_has_their_count",),
    15: ("test_nobody_is_seen_online_without_a_heartbeat",),
    16: ("test_offline_unknown_and_deactivated_mitras_write_no_key",),
    17: ("test_who_is_deactivated_while_online_is_offered_to_nobody_and_leaves",),
    18: ("test_while_pings_are_refused_old_heartbeats_prove_nothing",),
    19: ("test_two_instances_share_one_recompute", "test_an_invalidation_is_never_overtaken_by_an_older_recompute"),
    20: ("test_a_lost_subscription_is_no_outage_and_reloads_the_settings",),
    21: ("test_in_an_outage_one_join_a_second_answers_any_number_of_polls",),
    22: ("test_a_cancelled_ping_leaves_the_others_their_own_answers",),
    23: ("test_with_nobody_online_or_planted_nonsense_nothing_is_written", "test_a_mirrored_heartbeat_never_goes_back"),
    24: ("test_offline_unknown_and_deactivated_mitras_write_no_key",),
    25: ("test_an_instance_with_another_clock_takes_nobody_offline",),
    26: ("test_a_connection_that_was_lost_and_made_anew_ends_with_a_seed",),
    27: ("test_without_valkey_the_start_goes_on_and_the_seed_follows", "test_a_stop_in_the_middle_of_a_seed_leaves_the_old_mirror"),
    28: ("test_two_instances_end_a_chat_once", "test_another_instance_ends_the_chats_of_a_dead_one"),
    29: ("test_one_code_makes_one_session", "test_a_refresh_token_used_at_once_has_one_successor"),
    30: ("test_a_policy_that_may_evict_the_mirror_raises_an_alert",),
}  # fmt: skip


def test_every_hole_has_its_script() -> None:
    written = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert list(HOLES) == list(range(1, 31))
    assert [name for names in HOLES.values() for name in names if f"def {name}(" not in written] == []


@benched
async def test_an_old_snapshot_is_not_believed(bench: Bench) -> None:
    """Valkey comes back with the keys of before: nobody reads them, and the seed puts them right."""
    gone, stays = await bench.mitra(online=True), await bench.mitra(online=True)
    mirror = await bench.mirror()
    snapshot = bench.stack.valkey.save()
    await mitras.set_offline(mirror, bench.db, gone)
    await mitras.set_active(mirror, bench.db, stays, False)
    bench.stack.valkey.kill()
    await until(lambda: _cold(mirror), "the loss is noticed")
    with Paused("seed steps") as gate:
        bench.stack.valkey.start(snapshot=snapshot)
        await gate.reached.wait()
        assert await bench.valkey.smembers("mitras:online") == {gone, stays}  # the old keys are there
        assert await mirror.online_count() == 1
        assert not await mirror.is_reachable(gone)
        assert await mirror.find_available() == []
        gate.open()
    await bench.healed()


async def _cold(mirror) -> bool:
    return not mirror._valkey.circuit_closed


@benched
async def test_a_seed_that_is_refused_half_way_leaves_the_old_mirror_whole(bench: Bench) -> None:
    """The memory runs out between the seed's reading and its swap."""
    for _ in range(3):
        await bench.mitra(online=True)
    mirror = await bench.mirror()
    before = await bench.valkey.smembers("mitras:online")
    await bench.mitra(online=True)
    try:
        with Paused("seed steps") as gate:
            seeding = asyncio.create_task(mirror._watchdog.reseed())
            await gate.reached.wait()
            await bench.valkey.config_set("maxmemory", 1)
            gate.open()
            await seeding
        assert await bench.valkey.smembers("mitras:online") == before
        assert len(await bench.valkey.keys("mitra:heartbeat:*")) == len(before)
    finally:
        await bench.valkey.config_set("maxmemory", 0)
    await mirror._watchdog.reseed()
    assert await bench.differences() == []


@benched
async def test_writes_that_wait_for_ever_are_an_outage_though_reads_are_answered(bench: Bench) -> None:
    """Else the heartbeats stand still, and a while later nobody is available any more."""
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    await bench.valkey.execute_command("CLIENT", "PAUSE", 60_000, "WRITE")
    try:

        async def noticed() -> bool:
            assert await mirror.ping(id_)
            return not mirror._valkey.circuit_closed

        await until(noticed, "an outage after a second of writes without an answer")
        assert await mirror.find_available() == [id_]
    finally:
        await bench.valkey.execute_command("CLIENT", "UNPAUSE")
    await bench.healed()


@benched
async def test_the_later_count_of_chats_wins(bench: Bench) -> None:
    """Two chats of one mitra change at the same time, and the first count is the last to reach Valkey."""
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()

    async def one_more() -> None:
        async with mirror.changing("recomputeCapacity", id_):
            await bench.chat(id_)

    with Paused("change applies") as gate:
        late = asyncio.create_task(one_more())
        await gate.reached.wait()
        gate.let_others_pass()
        await one_more()
        gate.open()
        await late
    assert await bench.valkey.get(f"mitra:capacity:{id_}") == "2"
    assert await bench.differences() == []


@benched
async def test_a_reroute_is_seen_on_both_sides_or_on_none(bench: Bench) -> None:
    giver, taker = await bench.mitra(online=True), await bench.mitra(online=True)
    await bench.chat(giver)
    await bench.db.execute("UPDATE chat_sessions SET ends_at = now() + interval '1 hour'")
    session = await bench.db.fetchval("SELECT id FROM chat_sessions")
    mirror = await bench.mirror()
    timers = Timers(bench.db, 60)
    try:
        with Paused("change applies") as gate:
            task = asyncio.create_task(Chats(bench.db, mirror, timers, 60).reroute(session, taker))
            await gate.reached.wait()
            assert [await bench.valkey.get(f"mitra:capacity:{id_}") for id_ in (giver, taker)] == ["1", "0"]
            gate.open()
            await task
    finally:
        await timers.stop()
    assert [await bench.valkey.get(f"mitra:capacity:{id_}") for id_ in (giver, taker)] == ["0", "1"]


@benched
async def test_who_comes_online_with_chats_has_their_count(bench: Bench) -> None:
    id_ = await bench.mitra()
    mirror = await bench.mirror()
    await bench.chat(id_)
    await bench.chat(id_, "pending_payment")
    await mitras.set_online(mirror, bench.db, id_)
    assert await bench.valkey.get(f"mitra:capacity:{id_}") == "2"
    await mitras.set_offline(mirror, bench.db, id_)
    assert await bench.valkey.get(f"mitra:capacity:{id_}") is None


@benched
async def test_nobody_is_seen_online_without_a_heartbeat(bench: Bench) -> None:
    """A reader that looks at set and key at the same moment, as fast as it can, while a mitra comes and goes."""
    id_ = await bench.mitra()
    mirror = await bench.mirror()
    url = bench.stack.valkey.url
    seen: set[tuple[bool, bool]] = set()
    done = asyncio.Event()
    async with redis.asyncio.Redis.from_url(url, protocol=2, single_connection_client=True) as reader:

        async def look() -> None:
            while not done.is_set():
                async with reader.pipeline(transaction=True) as both:
                    both.sismember("mitras:online", id_).exists(f"mitra:heartbeat:{id_}")
                    member, beats = await both.execute()
                seen.add((bool(member), bool(beats)))

        looking = asyncio.create_task(look())
        for _ in range(40):
            await mitras.set_online(mirror, bench.db, id_)
            await mitras.set_offline(mirror, bench.db, id_)
        done.set()  # a cancelled pipeline would leave its connection behind
        await looking
    assert seen == {(True, True), (False, False)}


@benched
async def test_who_is_deactivated_while_online_is_offered_to_nobody_and_leaves(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    await mitras.set_active(mirror, bench.db, id_, False)
    assert await mirror.find_available() == []
    assert (await mirror.beacon()).count == 0
    assert await mirror.online_count() == 1  # the dashboard counts her until she leaves
    await bench.beat(id_, age_s=91)
    mirror._watchdog.recovered_at -= 10_000
    await mirror._sweeps.auto_offline()
    assert not await bench.is_online(id_)
    assert await bench.differences() == []


@benched
async def test_an_invalidation_is_never_overtaken_by_an_older_recompute(bench: Bench) -> None:
    """A recompute by the old settings reaches Valkey after the invalidation: what it left is not told, nor kept."""
    id_ = await bench.mitra(online=True)
    await bench.chat(id_)
    mirror = await bench.mirror()
    await bench.valkey.delete("availability:snapshot")
    run = mirror._valkey.run

    async def late(*arguments):
        mirror._valkey.run = run
        await mirror.app_config.set("max_customers_per_mitra", 1)
        return await run(*arguments)

    mirror._valkey.run = late
    assert (await mirror.beacon()).count == 0
    assert (await mirror.beacon()).count == 0


@benched
async def test_an_instance_with_another_clock_takes_nobody_offline(bench: Bench) -> None:
    """Times are Valkey's: an instance whose own clock is ten minutes ahead neither sweeps nor writes by it."""
    id_ = await bench.mitra(online=True)
    with patch.object(time, "time_ns", lambda real=time.time_ns: real() + 600_000_000_000):
        mirror = await bench.mirror()
        assert abs(mirror._valkey.now_ms() - time.time() * 1000) < 5_000
        assert await mirror.ping(id_)
        mirror._watchdog.recovered_at -= 10_000
        await mirror._sweeps.auto_offline()
    assert await bench.is_online(id_)
    written = keys.read_stamp(await bench.valkey.get(f"mitra:heartbeat:{id_}"))
    assert abs(written - time.time() * 1000) < 5_000


@benched
async def test_nobody_sweeps_while_instances_have_different_valkeys(bench: Bench) -> None:
    """Each misses the pings that the other's Valkey took."""
    id_ = await bench.mitra(online=True)
    second = bench.stack.valkey.twin()
    try:
        a, b = await bench.mirror("a"), await bench.mirror("b")
        bench.stack.toxiproxy.set_upstream("valkey-b", f"{second.host}:{second.port}")
        await bench.until_logged("seed:", times=3)
        assert await b.ping(id_)
        await bench.beat(id_, age_s=91)  # in the first Valkey
        a._watchdog.recovered_at -= 10_000
        await a._sweeps.auto_offline()
        assert await bench.is_online(id_)
        assert bench.log("instances use different Valkeys")
        bench.stack.toxiproxy.set_upstream("valkey-b", f"{bench.stack.valkey.host}:{bench.stack.valkey.port}")
        await bench.until_logged("seed:", times=4)
    finally:
        second.close()
    await bench.beat(id_, age_s=91)

    async def swept() -> bool:
        a._watchdog.recovered_at -= 10_000
        await a._sweeps.auto_offline()
        return not await bench.is_online(id_)

    await until(swept, "once all rely on one Valkey again, the silent go offline")  # `b` ends its block after its seed


@benched
async def test_a_promoted_replica_that_lags_is_not_believed_for_a_moment(bench: Bench) -> None:
    """It holds the old one's epoch, and heartbeats from before the last pings."""
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    await bench.beat(id_, age_s=91)
    second = bench.stack.valkey.twin()
    try:
        second.follow(bench.stack.valkey)
        second.lead()
        assert await mirror.ping(id_)  # the replica never gets this
        mirror._watchdog._task.cancel()  # its look would only hide the moment
        mirror._watchdog.recovered_at -= 10_000
        bench.stack.toxiproxy.set_upstream("valkey-a", f"{second.host}:{second.port}")
        await mirror._sweeps.auto_offline()
        assert await bench.is_online(id_)
        assert not mirror._valkey.circuit_closed
    finally:
        first = bench.stack.valkey
        bench.stack.toxiproxy.set_upstream("valkey-a", f"{first.host}:{first.port}")
        second.close()


@benched
async def test_connections_to_a_demoted_primary_are_given_up(bench: Bench) -> None:
    """No connection is cut, and the old primary refuses writes on them for ever; new ones lead to its successor."""
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    await until(lambda: _looked(mirror), "the watchdog has looked")
    valkey = bench.stack.valkey
    second = valkey.twin()
    second.follow(valkey)
    second.lead()
    valkey.exchange(second)
    second.follow(valkey)
    valkey.retire(second)
    assert await mirror.ping(id_)  # refused with READONLY, which Postgres answers for
    await bench.until_logged("seed:", times=2)
    assert mirror._valkey.prefix.startswith(valkey.run_id())
    assert await mirror.ping(id_)
    assert mirror._valkey.circuit_closed


@benched
async def test_a_connection_that_was_lost_and_made_anew_ends_with_a_seed(bench: Bench) -> None:
    """No request notices: the pool replaces what was cut. What happened in between nobody knows."""
    await bench.mitra(online=True)
    mirror = await bench.mirror()
    await until(lambda: _looked(mirror), "the watchdog has looked")
    user = bench.stack.valkey.user("a").name
    await bench.valkey.execute_command("CLIENT", "KILL", "TYPE", "normal", "USER", user)
    await bench.until_logged("seed:", times=2)
    assert await bench.differences() == []


async def _looked(mirror) -> bool:
    return mirror._watchdog._asked_by is not None


@benched
async def test_a_stop_in_the_middle_of_a_seed_leaves_the_old_mirror(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    await bench.mitra(online=True)
    with Paused("seed steps") as gate:
        seeding = asyncio.create_task(mirror._watchdog.reseed())
        await gate.reached.wait()
        await mirror.stop()
        seeding.cancel()
        await asyncio.wait([seeding])
        gate.open()
    bench.mirrors.remove(mirror)
    try:
        assert await bench.valkey.smembers("mitras:online") == {id_}
    except RedisError as error:  # the reader's own trouble would look like an empty set
        raise AssertionError(error) from None
    assert await bench.is_online(id_)
