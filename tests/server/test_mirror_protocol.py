"""Races that the model of the protocol found, scripted on real stores: each failed before the protocol had its rule."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mirror_support import Bench, benched, mirror_stack, settings, until
from postgres_relay import PostgresRelay

from server import mitras
from server.db import Database
from server.errors import ApiError, ServiceUnavailable
from server.mirror import coordinator
from server.mirror import settings as mirror_settings
from server.mirror.on import MirrorOn
from server.mirror.sync_points import Paused
from server.response_models import IsOnline

__all__ = ["mirror_stack"]

STALE_S = 91
ANSWER_WITHIN_S = 5.0  # the contract's bound for every answer
MEANWHILE_S = 0.5  # for so long a test looks that something which has to wait does wait


def instance(mirror: MirrorOn) -> int:
    return mirror._writes.coordinator.instance


async def sweep(mirror: MirrorOn) -> None:
    """One auto-offline tick, as if the last seed's grace were over."""
    mirror._watchdog.recovered_at -= 10_000
    await mirror._sweeps.auto_offline()


async def fleet(bench: Bench, stale: int = 1) -> list[str]:
    """Online mitras, enough that a few stale ones are no mass departure; the first `stale` ones are returned."""
    return [await bench.mitra(online=True) for _ in range(stale + 9)][:stale]


async def until_marked(bench: Bench, mitra_id: str) -> None:
    async def marked() -> bool:
        return bool(await bench.valkey.exists(f"mirror:leaving:{mitra_id}"))

    await until(marked, "the sweep has marked the mitra")


async def until_cold(mirror: MirrorOn) -> None:
    async def cold() -> bool:
        return not mirror._valkey.circuit_closed

    await until(cold, "the instance has noticed the outage")


@asynccontextmanager
async def row_locked(bench: Bench, mitra_id: str) -> AsyncIterator[Any]:
    """Somebody else's transaction holds the row that a sweep updates; it is rolled back at the end."""
    connection = await bench.db.connect()
    await connection.execute("BEGIN")
    await connection.execute("SELECT 1 FROM mitra_online_status WHERE mitra_id = $1 FOR UPDATE", mitra_id)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def sweep_lock_held(bench: Bench) -> AsyncIterator[None]:
    """A sweep is under way for all this time, one slow transaction after the other."""
    connection = await bench.db.connect()
    await connection.execute("SELECT pg_advisory_lock($1)", coordinator.SWEEP)
    try:
        yield
    finally:
        await connection.close()


@asynccontextmanager
async def behind_relay(bench: Bench, name: str) -> AsyncIterator[tuple[MirrorOn, PostgresRelay, Database]]:
    """A mirror of instance `name` that reaches Postgres through a relay."""
    relay = PostgresRelay(bench.stack.postgres.url)
    db = Database(relay.url)
    await db.start()
    mirror = MirrorOn(settings(db.url, bench.stack.server(name).seat.valkey_url), db)
    await mirror.start()
    try:
        yield mirror, relay, db
    finally:
        relay.release.set()
        await mirror.stop()
        await db.stop()
        relay.close()


@asynccontextmanager
async def moved_to_another_valkey(bench: Bench, name: str) -> AsyncIterator[None]:
    """From now on, instance `name` is led to a second Valkey."""
    store = bench.stack.valkey.twin()
    try:
        bench.stack.toxiproxy.set_upstream(f"valkey-{name}", f"{store.host}:{store.port}")
        yield
    finally:
        bench.stack.toxiproxy.set_upstream(f"valkey-{name}", f"{bench.stack.valkey.host}:{bench.stack.valkey.port}")
        store.close()


async def require_kept(bench: Bench, mitra_id: str, answer: bool) -> None:
    """Who was told that she is online is not taken offline."""
    assert await bench.is_online(mitra_id) or not answer, (
        f"answered {answer}, then taken offline: {await bench.audit(mitra_id)}"
    )


async def require_mirrored(bench: Bench) -> None:
    differences = await bench.differences()
    assert not differences, f"the mirror is not the truth: {differences}"


# --- the mark and the store it lies in -----------------------------------------------------------------------


@benched
async def test_no_seed_ends_while_a_sweep_whose_mark_is_lost_can_still_commit(bench: Bench) -> None:
    """P-01"""
    (id_,) = await fleet(bench)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    await bench.beat(id_, age_s=1000)
    async with row_locked(bench, id_) as holder:
        seeds = len(bench.log("[valkey-mirror] seed:"))
        sweeping = asyncio.create_task(sweep(a))
        await until_marked(bench, id_)
        await bench.valkey.flushall()

        async def seeded() -> bool:
            return len(bench.log("[valkey-mirror] seed:")) > seeds and b._valkey.circuit_closed

        await until(seeded, "seeded again")
        answer = await b.ping(id_)
        await holder.execute("ROLLBACK")
        await sweeping
    await require_kept(bench, id_, answer)


@benched
async def test_a_sweeps_transaction_ends_before_its_mark(bench: Bench) -> None:
    """P-02: two statements that take 2.6 s each outlived a mark of 5 s."""
    (id_,) = await fleet(bench)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    await bench.beat(id_, age_s=1000)
    other = await bench.db.connect()
    await other.execute("BEGIN")
    await other.execute("LOCK TABLE mitra_online_logs IN SHARE MODE")
    async with row_locked(bench, id_) as holder:
        sweeping = asyncio.create_task(sweep(a))
        await until_marked(bench, id_)
        await asyncio.sleep(2.6)
        await holder.execute("ROLLBACK")
        await asyncio.sleep(2.6)
        answer = await b.ping(id_)
        await other.close()
        await sweeping
    await require_kept(bench, id_, answer)


@benched
async def test_a_fallback_ping_waits_for_a_sweep_that_is_under_way(bench: Bench) -> None:
    """P-03"""
    (id_,) = await fleet(bench)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    await bench.beat(id_, age_s=1000)
    async with row_locked(bench, id_) as holder:
        sweeping = asyncio.create_task(sweep(a))
        await until_marked(bench, id_)
        bench.stack.toxiproxy.set_enabled("valkey-b", False)
        pinging = asyncio.create_task(b.ping(id_))
        await asyncio.wait([pinging], timeout=1.3)
        assert not pinging.done(), "the sweep has her row, and the ping was answered all the same"
        await holder.execute("ROLLBACK")
        await sweeping
        answer = await pinging
    assert answer == await bench.is_online(id_)


@benched
async def test_a_cut_off_instance_answers_a_crowd_while_a_sweep_is_under_way(bench: Bench) -> None:
    """P-03: 20 pings and 4 toggles at once waited for one lock in turn; now they share one attempt."""
    others = [await bench.mitra(online=True) for _ in range(24)]
    b = await bench.mirror("b")
    async with sweep_lock_held(bench):
        bench.stack.toxiproxy.set_enabled("valkey-b", False)
        pings = [asyncio.create_task(b.ping(other)) for other in others[:20]]
        toggles = [asyncio.create_task(mitras.set_online(b, bench.db, other)) for other in others[20:]]
        _, unanswered = await asyncio.wait([*pings, *toggles], timeout=ANSWER_WITHIN_S)
        assert not unanswered, f"{len(unanswered)} of 24 have no answer after {ANSWER_WITHIN_S} s"
    assert [ping.result() for ping in pings] == [True] * 20
    assert [toggle.result() for toggle in toggles] == [IsOnline(is_online=True)] * 4


@benched
async def test_an_earlier_change_that_lands_late_leaves_the_mark(bench: Bench) -> None:
    """P-04"""
    (id_,) = await fleet(bench)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    await bench.beat(id_, age_s=1000)

    async def accept() -> None:
        async with b.changing("recompute", id_):
            pass

    with Paused("change applies", instance=instance(b)) as late:
        accepting = asyncio.create_task(accept())
        await late.reached.wait()
        version = await bench.db.fetchval("SELECT mirror_version FROM mitras WHERE id = $1", id_)

        async def mirrored() -> bool:
            return await bench.valkey.hget("mirror:versions", id_) == str(version)

        await until(mirrored, "somebody else has mirrored the change")
        async with row_locked(bench, id_) as holder:
            sweeping = asyncio.create_task(sweep(a))
            await until_marked(bench, id_)
            late.open()
            await accepting
            pinging = asyncio.create_task(b.ping(id_))
            await asyncio.wait([pinging], timeout=MEANWHILE_S)
            assert not pinging.done(), "the mark is gone, though the sweep has not ended"
            await holder.execute("ROLLBACK")
            await sweeping
            answer = await pinging
    assert answer == await bench.is_online(id_)


@benched
async def test_a_sweeps_commit_that_arrives_after_its_client_gave_up(bench: Bench) -> None:
    """P-05"""
    (id_,) = await fleet(bench)
    b = await bench.mirror("b")
    async with behind_relay(bench, "a") as (a, relay, _):
        await bench.beat(id_, age_s=1000)
        async with row_locked(bench, id_) as holder:
            sweeping = asyncio.create_task(sweep(a))
            await until_marked(bench, id_)
            relay.hold_commit = True
            await holder.execute("ROLLBACK")
        await asyncio.to_thread(relay.held.wait, 10)
        await sweeping
        answer = await b.ping(id_)
        await asyncio.sleep(1.5)
        relay.release.set()
        await bench.healed()
        await require_kept(bench, id_, answer)


@benched
async def test_a_sweep_of_unknown_outcome_leaves_its_mark(bench: Bench) -> None:
    """P-05: the COMMIT has arrived, its reply has not. Whoever pings meanwhile asks Postgres."""
    (id_,) = await fleet(bench)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    await bench.beat(id_, age_s=1000)
    with Paused("change commits", instance=instance(a)) as committing:
        sweeping = asyncio.create_task(sweep(a))
        await committing.reached.wait()
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
    assert await bench.valkey.exists(f"mirror:leaving:{id_}"), "the mark is gone, and the outcome is not known"
    assert await b.ping(id_) == await bench.is_online(id_)
    assert not await bench.valkey.exists(f"mirror:leaving:{id_}"), "the ping found that the sweep is over"


# --- another Valkey ------------------------------------------------------------------------------------------


@benched
async def test_an_instance_that_moves_to_another_valkey_waits_for_a_sweep(bench: Bench) -> None:
    """P-06"""
    first, second = sorted(await fleet(bench, stale=2))
    a, b = await bench.mirror("a"), await bench.mirror("b")
    for id_ in (first, second):
        await bench.beat(id_, age_s=1000)
    async with row_locked(bench, first) as holder:
        seeds = len(bench.log("[valkey-mirror] seed:"))
        sweeping = asyncio.create_task(sweep(a))
        await until_marked(bench, first)
        async with moved_to_another_valkey(bench, "b"):
            await bench.until_logged("[valkey-mirror] seed:", times=seeds + 1)
            answers = [await b.ping(first), await b.ping(second)]
            await holder.execute("ROLLBACK")
            await sweeping
            for id_, answer in zip((first, second), answers, strict=True):
                await require_kept(bench, id_, answer)


# Ends the connections that hold the locks by which instances tell that they live.
_END = f"""
SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND classid = {coordinator.ALIVE}
AND objsubid = 2 AND granted AND pid <> pg_backend_pid()
"""


@benched
async def test_two_valkeys_are_known_beyond_a_connection(bench: Bench) -> None:
    """P-07"""
    (id_,) = await fleet(bench)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    async with moved_to_another_valkey(bench, "b"):
        await bench.until_logged("[valkey-mirror] seed:", times=3)
        answer = await b.ping(id_)
        assert answer
        await bench.beat(id_, age_s=STALE_S)
        await sweep(a)
        assert await bench.is_online(id_), "swept though b relies on another Valkey"
        assert await bench.db.fetchval(_END) == 2
        for _ in range(20):
            await sweep(a)
            await require_kept(bench, id_, answer)
            await asyncio.sleep(0.1)


@benched
async def test_a_deactivation_reaches_the_instance_with_another_valkey(bench: Bench) -> None:
    """P-13"""
    (id_,) = await fleet(bench)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    async with moved_to_another_valkey(bench, "b"):
        await bench.until_logged("[valkey-mirror] seed:", times=3)
        await mitras.set_active(a, bench.db, id_, False)

        async def refused() -> bool:
            try:
                await b.ping(id_)
            except ApiError:
                return True
            return False

        await until(refused, "b's pings are refused")


# --- pings that Valkey does not have -------------------------------------------------------------------------


@benched
async def test_a_ping_that_is_owed_protects_beyond_a_connection(bench: Bench) -> None:
    """P-08"""
    (id_,) = await fleet(bench)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    bench.stack.toxiproxy.set_enabled("valkey-b", False)
    await until_cold(b)
    await bench.beat(id_, age_s=STALE_S)
    answer = await b.ping(id_)
    assert answer
    await sweep(a)
    assert await bench.db.fetchval(_END) == 2
    await sweep(a)
    await require_kept(bench, id_, answer)


@benched
async def test_a_ping_that_is_owed_protects_beyond_its_instance(bench: Bench) -> None:
    """P-09: an ordered stop forgets as much as a kill."""
    (id_,) = await fleet(bench)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    bench.stack.toxiproxy.set_enabled("valkey-b", False)
    await until_cold(b)
    await bench.beat(id_, age_s=STALE_S)
    answer = await b.ping(id_)
    assert answer
    bench.mirrors.remove(b)
    await b.stop()
    await sweep(a)
    await require_kept(bench, id_, answer)


@benched
async def test_a_block_ends_when_nothing_is_owed(bench: Bench) -> None:
    """P-08: or the stale would stay online for W more after each cut."""
    (id_, silent) = await fleet(bench, stale=2)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    bench.stack.toxiproxy.set_enabled("valkey-b", False)
    await until_cold(b)
    assert await b.ping(id_)
    bench.stack.toxiproxy.set_enabled("valkey-b", True)

    async def unblocked() -> bool:
        return not await bench.db.fetchval("SELECT count(*) FROM mirror_instances WHERE blocks_until IS NOT NULL")

    await until(unblocked, "the block has ended")
    await bench.beat(silent, age_s=STALE_S)
    await sweep(a)
    assert not await bench.is_online(silent), "no sweep took her offline, though nothing is owed"
    assert await bench.is_online(id_)


@benched
async def test_a_ping_that_is_owed_survives_a_retry_that_was_fenced_off(bench: Bench) -> None:
    """P-10"""
    (id_,) = await fleet(bench)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    await bench.beat(id_, age_s=STALE_S)
    a._watchdog._task.cancel()  # its look is made by hand below
    a._valkey.circuit_closed = False
    answer = await a.ping(id_)
    assert answer
    a._valkey.circuit_closed = True
    with Paused("debt applies", instance=instance(a)) as retrying:
        settling = asyncio.create_task(a._watchdog._settle_debts())
        await retrying.reached.wait()
        async with b.changing("recompute", id_):  # an accept, committed and mirrored by b
            pass
        retrying.open()
        await settling
    await sweep(b)
    await require_kept(bench, id_, answer)


@benched
async def test_a_reconcile_that_ends_an_outage_gives_grace(bench: Bench) -> None:
    """P-11"""
    (id_,) = await fleet(bench)
    a = await bench.mirror("a")
    await bench.beat(id_, age_s=STALE_S)
    snapshot = bench.stack.valkey.save()
    answer = await a.ping(id_)
    assert answer
    bench.stack.valkey.kill()

    async def noticed() -> bool:
        return not a._valkey.circuit_closed and a._watchdog._asked_by is None

    await until(noticed, "the outage is noticed")
    a._watchdog._task.cancel()  # or its own seed may come first
    a._watchdog.recovered_at -= 10_000
    bench.stack.valkey.start(snapshot=snapshot)
    await a._watchdog.reseed()  # the tick of the reconcile cadence comes just here
    await bench.healed()
    await a._sweeps.auto_offline()
    await require_kept(bench, id_, answer)


# --- transactions of unknown outcome, notifications ----------------------------------------------------------


@benched
async def test_a_deactivation_of_unknown_outcome_is_mirrored_once_it_is_known(bench: Bench) -> None:
    """P-12"""
    (id_,) = await fleet(bench)
    b = await bench.mirror("b")
    async with behind_relay(bench, "a") as (a, relay, db):
        await mitras.set_active(a, db, id_, True)
        relay.hold_commit = True
        answered = 200
        try:
            await mitras.set_active(a, db, id_, False)
        except ServiceUnavailable:
            answered = 503
        await asyncio.sleep(1.5)
        relay.release.set()
        await asyncio.sleep(0.5)
        assert answered == 503
        assert not await bench.db.fetchval("SELECT is_active FROM mitras WHERE id = $1", id_), "it never arrived"
        await bench.healed()
        with pytest.raises(ApiError, match="ACCOUNT_INACTIVE"):
            await b.ping(id_)


@benched
async def test_notifications_are_heard_again_after_a_silent_loss(bench: Bench) -> None:
    """S-07: the connection is dropped without a word, and only a question shows that it is dead."""
    (id_,) = await fleet(bench)
    async with behind_relay(bench, "a") as (_a, relay, _):
        relay.silence()
        await bench.db.execute(
            "UPDATE mitras SET is_active = false, mirror_version = nextval('mirror_version') WHERE id = $1", id_
        )  # by an instance that died before it could mirror it
        await bench.healed(within_s=10)


@benched
async def test_a_debt_that_arises_while_an_older_one_is_paid_stays(bench: Bench) -> None:
    """S-05"""
    (id_,) = await fleet(bench)
    a = await bench.mirror("a")
    a._watchdog._task.cancel()
    a._writes.owe(id_)
    with Paused("debt applies", instance=instance(a)) as retrying:
        settling = asyncio.create_task(a._watchdog._settle_debts())
        await retrying.reached.wait()
        a._valkey.circuit_closed = False  # setOffline cannot be mirrored
        await mitras.set_offline(a, bench.db, id_)
        a._valkey.circuit_closed = True
        retrying.open()
        await settling
    assert id_ in a._writes.dirty, "the newer debt was taken for the older one"
    await a._watchdog._settle_debts()
    await require_mirrored(bench)


# --- Postgres' history ---------------------------------------------------------------------------------------


@benched
async def test_a_sequence_that_went_back_is_noticed(bench: Bench) -> None:
    """S-08: a copy of Postgres was restored while Valkey and the server lived on."""
    (id_,) = await fleet(bench)
    a = await bench.mirror("a")
    for _ in range(3):
        await mitras.set_offline(a, bench.db, id_)
        await mitras.set_online(a, bench.db, id_)
    seeds = len(bench.log("[valkey-mirror] seed:"))
    await bench.db.execute("SELECT setval('mirror_version', 1)")
    await bench.db.execute("UPDATE mitras SET mirror_version = 1")
    await mitras.set_offline(a, bench.db, id_)
    await bench.until_logged("[valkey-mirror] seed:", times=seeds + 1)
    await bench.healed()
    assert bench.log("Postgres is not the one that the mirror was built from")
    await mitras.set_online(a, bench.db, id_)
    await require_mirrored(bench)


@benched
async def test_an_older_copy_restored_while_the_server_was_stopped(bench: Bench) -> None:
    """S-08: the mirror is right after the start, as after any."""
    (id_,) = await fleet(bench)
    a = await bench.mirror("a")
    for _ in range(3):
        await mitras.set_offline(a, bench.db, id_)
        await mitras.set_online(a, bench.db, id_)
    bench.mirrors.remove(a)
    await a.stop()
    await bench.db.execute("SELECT setval('mirror_version', 1)")
    await bench.db.execute("UPDATE mitras SET mirror_version = 1")
    await bench.db.execute("UPDATE mitra_online_status SET is_online = false WHERE mitra_id = $1", id_)
    a = await bench.mirror("a")
    await require_mirrored(bench)
    await mitras.set_online(a, bench.db, id_)
    await require_mirrored(bench)


# --- seeds ---------------------------------------------------------------------------------------------------


@benched
async def test_one_seed_at_a_time_in_the_cluster(bench: Bench) -> None:
    """P-14, P-15: the second one reads after the first one has swapped."""
    id_ = await bench.mitra()
    a, b = await bench.mirror("a"), await bench.mirror("b")
    for mirror in (a, b):
        mirror._watchdog._task.cancel()
    with Paused("seed swaps", instance=instance(a)) as swapping:
        first = asyncio.create_task(a._watchdog.reseed())
        await swapping.reached.wait()
        await bench.db.execute("UPDATE mitra_online_status SET is_online = true WHERE mitra_id = $1", id_)
        await bench.chat(id_)
        await bench.db.execute("UPDATE mitras SET mirror_version = nextval('mirror_version') WHERE id = $1", id_)
        second = asyncio.create_task(b._watchdog.reseed())
        await asyncio.wait([second], timeout=MEANWHILE_S)
        assert not second.done(), "the second seed has ended, and the first one is yet to swap"
        swapping.open()
        await asyncio.gather(first, second)
    await require_mirrored(bench)


@benched
async def test_an_older_seed_fails_when_a_newer_one_has_begun(bench: Bench) -> None:
    """P-14: Postgres has ended the connection with the lock that one seed has at a time."""
    id_ = await bench.mitra(online=True)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    for mirror in (a, b):
        mirror._watchdog._task.cancel()
    with Paused("seed steps", instance=instance(a)) as stepping:
        first = asyncio.create_task(a._watchdog.reseed())
        await stepping.reached.wait()
        await bench.db.execute("UPDATE mitra_online_status SET is_online = false WHERE mitra_id = $1", id_)
        await bench.db.execute(
            "UPDATE mitras SET is_active = false, mirror_version = nextval('mirror_version') WHERE id = $1", id_
        )
        ended = await bench.db.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 "
            "AND granted AND pid <> pg_backend_pid()"
        )
        assert ended == 1
        await b._watchdog.reseed()
        await require_mirrored(bench)
        stepping.open()
        await first
    await require_mirrored(bench)


@benched
async def test_strays_of_an_older_seed_leave_what_a_newer_one_has_written(bench: Bench) -> None:
    """P-15"""
    id_ = await bench.mitra()
    a, b = await bench.mirror("a"), await bench.mirror("b")
    for mirror in (a, b):
        mirror._watchdog._task.cancel()
    with (
        Paused("seed clears", instance=instance(a)) as clearing,
        Paused("seed swaps", instance=instance(b)) as swapping,
    ):
        first = asyncio.create_task(a._watchdog.reseed())  # reads: offline
        await clearing.reached.wait()
        await bench.db.execute("UPDATE mitra_online_status SET is_online = true WHERE mitra_id = $1", id_)
        await bench.chat(id_)
        await bench.db.execute("UPDATE mitras SET mirror_version = nextval('mirror_version') WHERE id = $1", id_)
        await bench.db.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 "
            "AND granted AND pid <> pg_backend_pid()"
        )
        second = asyncio.create_task(b._watchdog.reseed())
        await swapping.reached.wait()
        clearing.open()
        await first
        swapping.open()
        await second
    await require_mirrored(bench)


@benched
async def test_an_older_change_leaves_what_a_seed_has_carried(bench: Bench) -> None:
    """A change to offline lands after a seed has carried the later change to online, and before that seed swaps."""
    id_ = await bench.mitra(online=True)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    for mirror in (a, b):
        mirror._watchdog._task.cancel()

    async def go_offline() -> None:
        async with a.changing("setOffline", id_) as connection:
            await connection.execute("UPDATE mitra_online_status SET is_online = false WHERE mitra_id = $1", id_)

    with (
        Paused("change applies", instance=instance(a)) as applying,
        Paused("seed swaps", instance=instance(b)) as swapping,
    ):
        older = asyncio.create_task(go_offline())
        await applying.reached.wait()
        await bench.db.execute("UPDATE mitra_online_status SET is_online = true WHERE mitra_id = $1", id_)
        await bench.db.execute("UPDATE mitras SET mirror_version = nextval('mirror_version') WHERE id = $1", id_)
        seed = asyncio.create_task(b._watchdog.reseed())
        await swapping.reached.wait()
        applying.open()
        await older
        swapping.open()
        await seed
    await require_mirrored(bench)


@benched
async def test_who_takes_the_fleet_for_small_waits_for_a_lease_too(bench: Bench) -> None:
    """The other instance still takes the fleet for a large one: it alone computes the beacon's answer."""
    await bench.mitra(online=True)
    a = await bench.mirror("a")
    await bench.valkey.delete("availability:snapshot")
    await bench.valkey.set("mirror:recompute", "another", px=5000)
    polling = asyncio.create_task(a.beacon())
    await asyncio.wait([polling], timeout=MEANWHILE_S)
    assert not polling.done(), f"it computed beside the holder of the lease: {polling.result()}"
    await bench.valkey.set("availability:snapshot", '{"available": true, "count": 77}', px=5000)
    assert (await polling).count == 77


# --- settings ------------------------------------------------------------------------------------------------


@benched
async def test_a_setting_whose_reading_failed_is_read_again(bench: Bench) -> None:
    """P-16"""
    a = await bench.mirror("a")
    async with behind_relay(bench, "b") as (b, relay, db):
        relay.refuse = True
        db._pool.terminate()
        await a.app_config.set("max_customers_per_mitra", 1)
        await bench.until_logged("Postgres cannot be read", within_s=8)
        relay.refuse = False

        async def read() -> bool:
            return b.app_config.max_customers == 1

        await until(read, "the maximum in force is known", 5)


@benched
async def test_a_setting_whose_writer_dies_before_it_publishes_is_known_all_the_same(bench: Bench) -> None:
    """The transaction is all that the writer did."""
    a = await bench.mirror("a")
    await bench.db.execute(mirror_settings._SET, "max_customers_per_mitra", 1)

    async def read() -> bool:
        return a.app_config.max_customers == 1

    await until(read, "the setting is read")


@benched
async def test_a_setting_without_a_row_waits_for_an_accept_under_way(bench: Bench) -> None:
    """S-06: there is no row yet that a lock could be put on."""
    from server.capacity import ensure_room

    id_ = await bench.mitra(online=True)
    await bench.chat(id_)
    a = await bench.mirror("a")
    async with bench.db.transaction() as connection:
        await connection.execute("SELECT id FROM mitras WHERE id = $1 FOR NO KEY UPDATE", id_)
        await ensure_room(connection, id_)
        setting = asyncio.create_task(a.app_config.set("max_customers_per_mitra", 1))
        await asyncio.wait([setting], timeout=MEANWHILE_S)
        assert not setting.done(), (
            "the maximum is lower, and an accept that counted with the higher one is yet to commit"
        )
    await setting


@benched
async def test_a_sequence_set_back_alone_ends_with_one_seed(bench: Bench) -> None:
    """S-08: the rows stay ahead of the sequence, so the seed raises it; or the outage would never end."""
    (id_,) = await fleet(bench)
    a = await bench.mirror("a")
    for _ in range(3):
        await mitras.set_offline(a, bench.db, id_)
        await mitras.set_online(a, bench.db, id_)
    seeds = len(bench.log("[valkey-mirror] seed:"))
    await bench.db.execute("SELECT setval('mirror_version', 1)")
    await bench.until_logged("[valkey-mirror] seed:", times=seeds + 1)
    await mitras.set_offline(a, bench.db, id_)
    assert await bench.differences() == [], "the outage does not end"
    await asyncio.sleep(2.5)  # one more look at the history
    assert len(bench.log("[valkey-mirror] seed:")) == seeds + 1, "the outage does not end"
    assert a._valkey.circuit_closed, "the outage does not end"


@benched
async def test_who_leaves_a_valkey_blocks_sweeps_until_its_seed_has_ended(bench: Bench) -> None:
    """The pings that b took in the other Valkey are not in the one that it is led back to."""
    (id_,) = await fleet(bench)
    a, b = await bench.mirror("a"), await bench.mirror("b")
    async with moved_to_another_valkey(bench, "b"):
        await bench.until_logged("[valkey-mirror] seed:", times=3)
        answer = await b.ping(id_)
        assert answer
        await bench.beat(id_, age_s=STALE_S)
    with Paused("seed begins", instance=instance(b)) as beginning:
        await beginning.reached.wait()  # announced: the stores are the same again
        await sweep(a)
        await require_kept(bench, id_, answer)
    await bench.healed()
