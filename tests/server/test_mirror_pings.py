"""Pings of one turn share a script call: each keeps its own outcome, and what fails, fails as it would alone."""

import asyncio
from collections.abc import Sequence

from mirror_support import Bench, benched, mirror_stack, until
from test_mirror_heartbeat import sets

from server.errors import ApiError
from server.mirror.client import end
from server.mirror.on import MirrorOn

__all__ = ["mirror_stack"]  # the fixture of these tests
FELL_BACK = "[heartbeat] valkey check failed, falling back to DB"


async def scripts_run(bench: Bench) -> int:
    return (await bench.valkey.info("commandstats")).get("cmdstat_evalsha", {"calls": 0})["calls"]


async def told(mirror: MirrorOn, ids: Sequence[str]) -> list[object]:
    """What each of these pings of one turn was told: True, False, or the code it was refused with."""
    answers = await asyncio.gather(*map(mirror.ping, ids), return_exceptions=True)
    return [answer.code if isinstance(answer, ApiError) else answer for answer in answers]


@benched
async def test_a_turn_is_one_script_and_one_set_for_each_who_is_online(bench: Bench) -> None:
    on = [await bench.mitra(online=True) for _ in range(4)]
    off, shut = await bench.mitra(), await bench.mitra(online=True, active=False)
    mirror = await bench.mirror()
    await mirror.ping(on[0])  # Valkey knows the script from now on
    written, run, taken = await sets(bench), await scripts_run(bench), bench.db.taken
    ids = [on[0], shut, on[1], off, on[2], on[3], on[0]]
    assert await told(mirror, ids) == [True, "ACCOUNT_INACTIVE", True, False, True, True, True]
    assert await scripts_run(bench) == run + 1
    assert await sets(bench) == written + 5
    assert bench.db.taken == taken


@benched
async def test_a_key_of_the_wrong_type_is_one_pings_trouble(bench: Bench) -> None:
    good, bad, late = [await bench.mitra(online=True) for _ in range(3)]
    shut = await bench.mitra(online=True, active=False)
    mirror = await bench.mirror()
    await bench.valkey.delete(f"mitra:heartbeat:{bad}")
    await bench.valkey.lpush(f"mitra:heartbeat:{bad}", "no time")
    before = {id_: await bench.valkey.get(f"mitra:heartbeat:{id_}") for id_ in (good, late)}
    await asyncio.sleep(0.005)
    assert await told(mirror, [good, bad, shut, late]) == [True, True, "ACCOUNT_INACTIVE", True]
    assert len(bench.log(FELL_BACK)) == 1
    for id_, text in before.items():
        assert await bench.valkey.get(f"mitra:heartbeat:{id_}") > text
    assert mirror.metrics().get("outages", 0) == 0


@benched
async def test_a_set_that_may_not_be_written_makes_every_ping_fall_back(bench: Bench) -> None:
    ids = [await bench.mitra(online=True) for _ in range(5)]
    mirror = await bench.mirror()
    user = bench.stack.valkey.user("a").name
    await bench.valkey.execute_command("ACL", "SETUSER", user, "-set")
    try:
        assert await told(mirror, ids) == [True] * 5
        assert len(bench.log(FELL_BACK)) == 5
        assert mirror._valkey.refused_since is not None
    finally:
        await bench.valkey.execute_command("ACL", "SETUSER", user, "+set")


@benched
async def test_a_full_valkey_refuses_the_whole_turn(bench: Bench) -> None:
    ids, off = [await bench.mitra(online=True) for _ in range(5)], await bench.mitra()
    mirror = await bench.mirror()
    await mirror.ping(ids[0])
    written = await sets(bench)
    await bench.valkey.config_set("maxmemory", 1)
    try:
        assert await told(mirror, [*ids, off]) == [True] * 5 + [False]
        assert len(bench.log(FELL_BACK)) == 6
        assert await sets(bench) == written
    finally:
        await bench.valkey.config_set("maxmemory", 0)


@benched
async def test_a_turn_that_meets_a_forgotten_script_loads_it(bench: Bench) -> None:
    ids = [await bench.mitra(online=True) for _ in range(5)]
    mirror = await bench.mirror()
    await told(mirror, ids)
    await bench.valkey.script_flush()
    assert await told(mirror, ids) == [True] * 5
    assert bench.log("falling back") == []


@benched
async def test_a_turn_that_meets_a_lost_mirror_writes_nothing(bench: Bench) -> None:
    ids, off = [await bench.mitra(online=True) for _ in range(3)], await bench.mitra()
    mirror = await bench.mirror()
    await mirror.ping(ids[0])
    await end(mirror._watchdog._task)  # it would seed
    await bench.valkey.flushdb()
    assert await told(mirror, [*ids, off]) == [True] * 3 + [False]
    assert len(bench.log(FELL_BACK)) == 4
    assert not mirror._valkey.circuit_closed
    assert await bench.valkey.keys("mitra:*") == []


@benched
async def test_who_is_just_being_taken_offline_holds_up_nobody_else(bench: Bench) -> None:
    leaving, stays = await bench.mitra(online=True), await bench.mitra(online=True)
    mirror = await bench.mirror()
    await bench.valkey.set(f"mirror:leaving:{leaving}", "1", px=5000)
    async with bench.db.transaction() as sweep:
        await sweep.execute("SELECT id FROM mitras WHERE id = $1 FOR UPDATE", leaving)
        asked = [asyncio.create_task(mirror.ping(id_)) for id_ in (leaving, stays)]
        assert await asked[1]
        assert not asked[0].done()
        await sweep.execute("UPDATE mitra_online_status SET is_online = false WHERE mitra_id = $1", leaving)
    assert not await asked[0]


@benched
async def test_a_hang_fails_each_ping_of_a_turn_for_itself_and_afterwards_all_is_as_ever(bench: Bench) -> None:
    ids, off = [await bench.mitra(online=True) for _ in range(20)], await bench.mitra()
    shut = await bench.mitra(online=True, active=False)
    mirror = await bench.mirror()
    expected = [True] * 20 + [False, "ACCOUNT_INACTIVE"]
    assert await told(mirror, [*ids, off, shut]) == expected
    bench.stack.valkey.pause()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    assert await told(mirror, [*ids, off, shut]) == expected
    assert loop.time() - begun < 5.0
    assert len(bench.log(FELL_BACK)) == 22

    async def cold() -> bool:
        assert await told(mirror, [*ids, off, shut]) == expected
        return not mirror._valkey.circuit_closed

    await until(cold, "the hang is an outage")
    bench.stack.valkey.resume()
    await bench.until_logged("seed: ", times=2)
    taken, fallbacks = bench.db.taken, len(bench.log(FELL_BACK))
    assert await told(mirror, [*ids, off, shut]) == expected
    assert (bench.db.taken, len(bench.log(FELL_BACK))) == (taken, fallbacks)
    await bench.healed()


@benched
async def test_who_is_cancelled_in_a_hang_takes_nobody_along(bench: Bench) -> None:
    ids = [await bench.mitra(online=True) for _ in range(9)]
    mirror = await bench.mirror()
    await told(mirror, ids)
    bench.stack.valkey.pause()
    asked = [asyncio.create_task(mirror.ping(id_)) for id_ in ids]
    await asyncio.sleep(0.05)  # until the turn's script is under way
    for task in asked[::3]:
        task.cancel()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    for index, answer in enumerate(answers):
        assert isinstance(answer, asyncio.CancelledError) if index % 3 == 0 else answer is True
    assert len(bench.log(FELL_BACK)) == 6
    bench.stack.valkey.resume()
    await bench.healed()
    assert await told(mirror, ids) == [True] * 9
