"""The ping: one write in Valkey and no SQL, guarded there; Postgres alone in an outage."""

import asyncio
from uuid import uuid4

import pytest
from mirror_support import Bench, benched, mirror_stack

from server import mitras
from server.errors import ApiError
from server.mirror import keys

__all__ = ["mirror_stack"]  # the fixture of these tests


async def sets(bench: Bench) -> int:
    return (await bench.valkey.info("commandstats")).get("cmdstat_set", {"calls": 0})["calls"]


@benched
async def test_a_ping_is_one_set_and_no_sql(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    before = await bench.valkey.get(f"mitra:heartbeat:{id_}")
    await asyncio.sleep(0.005)
    taken, written = bench.db.taken, await sets(bench)
    assert await mirror.ping(id_)
    assert bench.db.taken == taken
    assert await sets(bench) == written + 1
    assert await bench.valkey.get(f"mitra:heartbeat:{id_}") > before


@benched
async def test_offline_unknown_and_deactivated_mitras_write_no_key(bench: Bench) -> None:
    off, shut = await bench.mitra(), await bench.mitra(active=False)
    mirror = await bench.mirror()
    taken = bench.db.taken
    assert not await mirror.ping(off)
    assert not await mirror.ping(str(uuid4()))
    with pytest.raises(ApiError) as refusal:
        await mirror.ping(shut)
    assert (refusal.value.status, refusal.value.code) == (403, "ACCOUNT_INACTIVE")
    assert bench.db.taken == taken
    assert await bench.valkey.keys("mitra:*") == []


@benched
async def test_in_an_outage_postgres_answers_alike(bench: Bench) -> None:
    on, off = await bench.mitra(online=True), await bench.mitra()
    shut = await bench.mitra(online=True, active=False)
    mirror = await bench.mirror()
    bench.stack.toxiproxy.set_enabled("valkey-a", False)
    assert await mirror.ping(on)
    assert not await mirror.ping(off)
    assert not await mirror.ping(str(uuid4()))
    with pytest.raises(ApiError) as refusal:
        await mirror.ping(shut)
    assert refusal.value.code == "ACCOUNT_INACTIVE"
    assert len(bench.log("[heartbeat] valkey check failed, falling back to DB")) == 4
    assert await bench.db.fetchval("SELECT count(last_heartbeat_at) FROM mitra_online_status") == 0


@benched
async def test_after_the_outage_pings_use_valkey_again(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    bench.stack.toxiproxy.set_enabled("valkey-a", False)
    await mirror.ping(id_)
    bench.stack.toxiproxy.set_enabled("valkey-a", True)
    await bench.until_logged("seed: ", times=2)
    taken, fallbacks = bench.db.taken, len(bench.log("[heartbeat]"))
    assert await mirror.ping(id_)
    assert (bench.db.taken, len(bench.log("[heartbeat]"))) == (taken, fallbacks)


@benched
async def test_a_heartbeat_never_goes_back_but_nonsense_is_replaced(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    ahead = await bench.beat(id_, age_s=-2)
    assert await mirror.ping(id_)
    assert await bench.valkey.get(f"mitra:heartbeat:{id_}") == ahead
    for nonsense in ("2999-01-01T00:00:00.000Z", "nonsense"):
        await bench.valkey.set(f"mitra:heartbeat:{id_}", nonsense)
        assert await mirror.ping(id_)
        assert keys.read_stamp(await bench.valkey.get(f"mitra:heartbeat:{id_}")) is not None
        assert await bench.valkey.get(f"mitra:heartbeat:{id_}") != nonsense


@benched
async def test_forgotten_scripts_are_no_outage(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    await mirror.ping(id_)
    await bench.valkey.script_flush()
    assert await mirror.ping(id_)
    assert bench.log("falling back") == []


@benched
async def test_many_pings_at_once_are_no_outage(bench: Bench) -> None:
    ids = [await bench.mitra(online=True) for _ in range(50)]
    mirror = await bench.mirror()
    assert all(await asyncio.gather(*(mirror.ping(id_) for id_ in ids * 40)))
    assert mirror.metrics().get("outages", 0) == 0
    assert len(bench.log("seed: ")) == 1


@benched
async def test_a_cancelled_ping_leaves_the_others_their_own_answers(bench: Bench) -> None:
    on, off = await bench.mitra(online=True), await bench.mitra()
    mirror = await bench.mirror()
    for _ in range(20):
        asked = [asyncio.create_task(mirror.ping(id_)) for id_ in (on, off) * 10]
        await asyncio.sleep(0)
        for task in asked[::3]:
            task.cancel()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for index, answer in enumerate(answers):
            assert isinstance(answer, asyncio.CancelledError) or answer is (index % 2 == 0)


@benched
async def test_a_hang_is_bounded_and_ends_with_a_seed(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    bench.stack.valkey.pause()
    loop = asyncio.get_running_loop()
    until_s = loop.time() + 2.0
    while loop.time() < until_s:
        begun = loop.time()
        assert await mirror.ping(id_)
        assert loop.time() - begun < 5.0
        await asyncio.sleep(0.05)
    bench.stack.valkey.resume()
    await bench.until_logged("seed: ", times=2)
    await mitras.set_offline(mirror, bench.db, id_)
    await bench.healed()
