"""A fleet too large for one go: seeds in steps, looks by pages, and what may happen between two of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from unittest.mock import patch

from mirror_support import Bench, benched, mirror_stack
from test_mirror_reads import calls

from server import blast, mitras
from server.mirror import reads, seed
from server.mirror.on import MirrorOn
from server.mirror.reads import in_order
from server.mirror.sync_points import Paused
from server.response_models import Availability

__all__ = ["mirror_stack"]  # the fixture of these tests

PLANT = """
WITH people AS (INSERT INTO mitras (id, phone) SELECT gen_random_uuid(), 'p' || n FROM generate_series(1, $1) AS n
  RETURNING id)
INSERT INTO mitra_online_status (mitra_id, is_online) SELECT id, true FROM people
"""


async def plant(bench: Bench, count: int) -> list[str]:
    await bench.db.execute(PLANT, count)
    return [row["id"] for row in await bench.db.fetch("SELECT id FROM mitras ORDER BY id")]


@benched
async def test_a_fleet_of_many_steps_and_pages_is_whole(bench: Bench) -> None:
    ids = await plant(bench, 2 * seed.STEP + 7)
    mirror = await bench.mirror()
    assert await bench.valkey.scard("mitras:online") == len(ids)
    assert await mirror.find_available() == ids
    assert await mirror.beacon() == Availability(available=True, count=len(ids))
    await bench.beat(ids[-1], age_s=91)
    await bench.valkey.delete(f"mitra:heartbeat:{ids[0]}", f"mitra:capacity:{ids[1]}")
    await bench.valkey.set(f"mitra:capacity:{ids[2]}", 3)
    assert await mirror.find_available() == [ids[1], *ids[3:-1]]
    online, stale = await mirror._sweeps._stale()
    assert online == len(ids)
    assert sorted(stale) == [ids[0], ids[-1]]
    for id_ in ids[::3]:
        await bench.beat(id_)
    await mirror._sweeps.mirror_heartbeats()
    written = await bench.db.fetch("SELECT mitra_id FROM mitra_online_status WHERE last_heartbeat_at IS NOT NULL")
    assert {row["mitra_id"] for row in written} == {*ids[::3], ids[-1]}
    await mirror._watchdog.reseed()
    assert bench.log("falling back") == []


@benched
async def test_who_changes_between_two_steps_keeps_what_is_newer(bench: Bench) -> None:
    """One before their own step, one after it."""
    ids = await plant(bench, 30)
    with patch.object(seed, "STEP", 10):
        mirror = await bench.mirror()
        steps, run = [], mirror._watchdog._seeder._run

        async def changing(script: str, *arguments: object) -> object:
            answer = await run(script, *arguments)
            if script == seed.scripts.SEED:
                steps.append(script)
                if len(steps) == 1:
                    for id_ in ids:
                        await mitras.set_offline(mirror, bench.db, id_)
                    await mitras.set_active(mirror, bench.db, ids[0], False)
                    await mitras.set_online(mirror, bench.db, ids[1])
            return answer

        mirror._watchdog._seeder._run = changing
        await mirror._watchdog.reseed()
    assert len(steps) == 3
    assert await bench.differences() == []
    assert not await bench.valkey.keys("mirror:seed*")


@benched
async def test_valkey_emptied_between_two_steps_ends_the_seed(bench: Bench) -> None:
    """What it had written is gone: swapped in, it would be a mirror without heartbeats."""
    await plant(bench, 30)
    with patch.object(seed, "STEP", 10):
        mirror = await bench.mirror()
        run, steps = mirror._watchdog._seeder._run, []

        async def emptied(script: str, *arguments: object) -> object:
            answer = await run(script, *arguments)
            if script == seed.scripts.SEED:
                steps.append(script)
                if len(steps) == 2:
                    await bench.valkey.flushdb()
            return answer

        mirror._watchdog._seeder._run = emptied
        assert not await mirror._watchdog._seed(grace=True)
        await bench.healed()
    assert await bench.valkey.exists("mirror:epoch")


@benched
async def test_two_seeds_at_once_and_changes_meanwhile(bench: Bench) -> None:
    ids = await plant(bench, 40)
    with patch.object(seed, "STEP", 5):
        a, b = await bench.mirror("a"), await bench.mirror("b")
        for round_ in range(4):
            seeds = [asyncio.create_task(mirror._watchdog.reseed()) for mirror in (a, b)]
            for number, id_ in enumerate(ids):
                change = mitras.set_offline if (number + round_) % 2 else mitras.set_online
                await change((a, b)[number % 2], bench.db, id_)
            await asyncio.gather(*seeds)
            assert await bench.differences() == []


@benched
async def test_a_seed_that_broke_off_leaves_nothing_that_grows(bench: Bench) -> None:
    (id_,) = await plant(bench, 1)
    mirror = await bench.mirror()
    with Paused("seed steps") as gate:
        seeding = asyncio.create_task(mirror._watchdog.reseed())
        await gate.reached.wait()
        seeding.cancel()
        await asyncio.wait([seeding])
        gate.open()
    await mitras.set_offline(mirror, bench.db, id_)  # a change that is noted for it
    left = await bench.valkey.keys("mirror:seed*")
    assert len(left) == 3, left  # who it is, its steps, the change
    for key in left:
        assert 0 < await bench.valkey.ttl(key) <= seed.LIFE_S
    await mirror._watchdog.reseed()
    assert await bench.valkey.get("mirror:seed") is None


@benched
async def test_versions_of_another_postgres_count_for_nothing(bench: Bench) -> None:
    (id_,) = await plant(bench, 1)
    mirror = await bench.mirror()
    run_id = (await bench.valkey.info("server"))["run_id"]
    await bench.valkey.set("mirror:epoch", f"{run_id}|another/one|nonce|now")
    await bench.valkey.hset("mirror:versions", id_, 10**9)
    await bench.valkey.set(f"mitra:capacity:{id_}", 7)
    await bench.healed()
    await mitras.set_offline(mirror, bench.db, id_)
    assert await bench.differences() == []


async def large(mirror: MirrorOn) -> Availability:
    with patch.object(reads, "SMALL_FLEET", 0):
        return await mirror.beacon()


@benched
async def test_of_a_large_fleet_one_in_the_cluster_finds_the_beacon_and_the_others_wait(bench: Bench) -> None:
    ids = await plant(bench, 30)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    await bench.valkey.delete("availability:snapshot", f"mitra:capacity:{ids[0]}")
    before = await calls(bench, "sdiff")
    answers = await asyncio.gather(*(large(mirror) for mirror in (a, b) * 5))
    assert all(answer == Availability(available=True, count=30) for answer in answers)
    assert await calls(bench, "sdiff") == before + 1
    assert 9000 < await bench.valkey.pttl("availability:snapshot") <= 10000
    assert not await bench.valkey.exists("mirror:recompute")


@benched
async def test_an_invalidation_ends_the_lease_of_who_looks_page_by_page(bench: Bench) -> None:
    (id_,) = await plant(bench, 1)
    await bench.chat(id_)
    mirror = await bench.mirror()
    await bench.valkey.delete("availability:snapshot")
    read = mirror._valkey.read_script

    async def overtaken(*arguments: object) -> object:
        found = await read(*arguments)
        mirror._valkey.read_script = read
        await bench.setting("max_customers_per_mitra", 1)
        await bench.valkey.publish("config:invalidate", json.dumps({"key": "max_customers_per_mitra"}))
        await asyncio.sleep(0.3)
        return found

    mirror._valkey.read_script = overtaken
    assert (await large(mirror)).count == 0
    assert json.loads(await bench.valkey.get("availability:snapshot"))["count"] == 0


async def collected(parts: AsyncIterator[list[str]]) -> list[list[str]]:
    return [part async for part in parts]


def test_ids_come_in_order_whatever_their_number() -> None:
    for count in (0, 1, 17, 2 * reads.AT_ONCE + 3):
        ids = [f"{number * 7919 % 10_007:05x}" for number in range(count)]
        some = asyncio.run(collected(in_order(ids)))
        assert [id_ for part in some for id_ in part] == sorted(ids)
        assert all(len(part) <= reads.AT_ONCE for part in some)


def test_offers_are_written_in_batches_and_nonsense_left_out() -> None:
    ids = [f"00000000-0000-0000-0000-{number:012}" for number in range(5)]
    with patch.object(blast, "BATCH", 2):
        found = list(blast.batches([*ids, "nobody", "x,y"]))
    assert [part for part in ",".join(found).split(",") if part] == ids
