"""Write-through and its fence: what Postgres committed is mirrored, in the order of its commits, or owed."""

import asyncio

import pytest
from mirror_support import Bench, benched, mirror_stack, until

from server import mitras
from server.errors import ApiError
from server.mirror import watchdog
from server.mirror.sync_points import Paused
from server.response_models import IsOnline, Mitra

__all__ = ["mirror_stack"]  # the fixture of these tests


@benched
async def test_toggles_are_mirrored_and_audited_once(bench: Bench) -> None:
    id_ = await bench.mitra()
    mirror = await bench.mirror()
    for _ in range(2):
        assert await mitras.set_online(mirror, bench.db, id_) == IsOnline(is_online=True)
        assert await bench.differences() == []
    for _ in range(2):
        assert await mitras.set_offline(mirror, bench.db, id_) == IsOnline(is_online=False)
        assert await bench.differences() == []
    assert await bench.audit(id_) == ["online", "offline"]


@benched
async def test_a_deactivation_revokes_every_sign_in_and_is_mirrored(bench: Bench) -> None:
    id_ = await bench.mitra(online=True)
    mirror = await bench.mirror()
    statement = "INSERT INTO auth_sessions (user_id, expires_at) VALUES ($1, now() + interval '1 day')"
    for _ in range(2):
        await bench.db.execute(statement, id_)
    shown = await mitras.set_active(mirror, bench.db, id_, False)
    assert shown == Mitra(id=id_, display_name="Somebody", is_active=False, is_online=True)
    assert await bench.db.fetchval("SELECT count(*) FROM auth_sessions WHERE revoked_at IS NULL") == 0
    assert await bench.differences() == []
    assert not await mirror.is_reachable(id_)
    assert await mirror.find_available() == []
    await mitras.set_active(mirror, bench.db, id_, True)
    assert await bench.differences() == []


@benched
async def test_the_later_commit_wins_though_its_write_comes_first(bench: Bench) -> None:
    id_ = await bench.mitra()
    mirror = await bench.mirror()
    with Paused("change applies") as gate:
        late = asyncio.create_task(mitras.set_online(mirror, bench.db, id_))
        await gate.reached.wait()
        gate.let_others_pass()  # the next ones pass, this one stays
        await mitras.set_offline(mirror, bench.db, id_)
        gate.open()
        await late
    assert await bench.differences() == []
    assert mirror.metrics()["writes_fenced_off"] == 1


@benched
async def test_two_instances_toggle_one_mitra_and_agree(bench: Bench) -> None:
    id_ = await bench.mitra()
    a, b = await bench.mirror("a"), await bench.mirror("b")
    for _ in range(5):
        await asyncio.gather(*(do(m, bench.db, id_) for m in (a, b) for do in (mitras.set_online, mitras.set_offline)))
        assert await bench.differences() == []


@benched
async def test_a_block_that_raises_changes_neither_store(bench: Bench) -> None:
    id_ = await bench.mitra()
    mirror = await bench.mirror()

    async def broken() -> None:
        async with mirror.changing("setOnline", id_) as connection:
            await connection.execute("UPDATE mitra_online_status SET is_online = true WHERE mitra_id = $1", id_)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await broken()
    assert not await bench.is_online(id_)
    assert await bench.differences() == []


@benched
async def test_in_an_outage_the_write_is_logged_and_mirrored_afterwards(bench: Bench) -> None:
    id_ = await bench.mitra()
    mirror = await bench.mirror()
    bench.stack.toxiproxy.set_enabled("valkey-a", False)
    assert await mitras.set_online(mirror, bench.db, id_) == IsOnline(is_online=True)
    assert await bench.is_online(id_)
    assert len(bench.log(f"[valkey-mirror] setOnline {id_} failed: ")) == 1
    bench.stack.toxiproxy.set_enabled("valkey-a", True)
    await bench.healed()


@benched
async def test_a_refused_write_is_tried_again_without_an_outage(bench: Bench) -> None:
    id_ = await bench.mitra()
    mirror = await bench.mirror()
    await bench.valkey.config_set("maxmemory", 1)
    try:
        await mitras.set_online(mirror, bench.db, id_)
        assert len(bench.log(f"[valkey-mirror] setOnline {id_} failed: command not allowed")) == 1
    finally:
        await bench.valkey.config_set("maxmemory", 0)
    await bench.healed()


@benched
async def test_a_write_whose_request_is_cancelled_after_the_commit_still_arrives(bench: Bench) -> None:
    id_ = await bench.mitra()
    mirror = await bench.mirror()
    with Paused("change applies") as gate:
        request = asyncio.create_task(mitras.set_online(mirror, bench.db, id_))
        await gate.reached.wait()
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
    assert await bench.is_online(id_)
    await bench.healed()


@benched
async def test_one_write_that_cannot_succeed_does_not_hold_up_the_others(bench: Bench) -> None:
    ids = sorted([await bench.mitra() for _ in range(3)])
    mirror = await bench.mirror()
    await bench.valkey.lpush(f"mitra:heartbeat:{ids[0]}", "wrong type")
    await bench.valkey.config_set("maxmemory", 1)
    try:
        for id_ in ids:
            await mitras.set_online(mirror, bench.db, id_)
    finally:
        await bench.valkey.config_set("maxmemory", 0)

    async def others() -> bool:
        return {*ids[1:]} <= await bench.valkey.smembers("mitras:online")

    await until(others, "the other two are online in Valkey")


@benched
async def test_a_deactivation_by_a_cut_off_instance_reaches_the_other_one(bench: Bench) -> None:
    """Half a second later, and not with the next regular check, which may come a second after that."""
    id_ = await bench.mitra(online=True)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    assert await b.ping(id_)

    async def refused() -> bool:
        try:
            await b.ping(id_)
        except ApiError as error:
            return error.code == "ACCOUNT_INACTIVE"
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watchdog, "CHECK_EVERY_S", 3600.0)
        await asyncio.sleep(1.1)  # for the check that waits already
        bench.stack.toxiproxy.set_enabled("valkey-a", False)
        await mitras.set_active(a, bench.db, id_, False)
        await until(refused, "instance b refuses the deactivated mitra's ping")
