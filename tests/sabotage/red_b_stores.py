"""Subtle defects of reconciliation, of an outage's end and of life beside another instance."""

import asyncio
import json
import os
import time
from contextlib import suppress

from tests.sabotage.entry import replace_in, sabotage
from tests.sabotage.rules import unfenced, without_notified_settings

PERIODIC = "ARGV[4] ~= '1'"  # in the seed's script: no grace, so not a start's or a reconnect's
SWAP = "for index, key in ipairs({ online, deactivated, versions }) do"


# --- reconciliation ---------------------------------------------------------------------------------------------


@sabotage("periodic-merges", "The periodic seed adds to mitras:online and takes nobody out.", "I-04")
def periodic_merges() -> None:
    from server.mirror import scripts

    replace_in(
        scripts, "SEED_SWAP", SWAP,
        f"if {PERIODIC} and was_online then redis.call('SUNIONSTORE', online, online, KEYS[2]) end\n{SWAP}",
    )  # fmt: skip


@sabotage("periodic-leaves-the-deactivated", "The periodic seed leaves mitras:deactivated as it is.", "I-04")
def periodic_leaves_the_deactivated() -> None:
    from server.mirror import scripts

    replace_in(
        scripts, "SEED_SWAP", "redis.call('UNLINK', KEYS[index + 1])",
        f"local stays = {PERIODIC} and index == 2 and was_deactivated\n"
        "  redis.call('UNLINK', stays and key or KEYS[index + 1])",
    )  # fmt: skip


@sabotage("periodic-trusts-any-type", "The periodic seed keeps a heartbeat key of whatever type.", "I-04")
def periodic_trusts_any_type() -> None:
    from server.mirror import scripts

    replace_in(
        scripts, "SEED", "if not value or (ARGV[4] == '1' and (value < ARGV[3] or value > ARGV[10])) then",
        "if ARGV[4] == '1' and (not value or value < ARGV[3] or value > ARGV[10])\n"
        "  or redis.call('EXISTS', beats[index]) == 0 then",
    )  # fmt: skip


@sabotage("periodic-grants-grace", "The periodic seed writes now as everybody's heartbeat.", "I-04")
def periodic_grants_grace() -> None:
    from server.mirror.watchdog import Watchdog

    async def generous(self: Watchdog) -> None:
        await self._seed(grace=True)

    Watchdog.reseed = generous  # type: ignore[method-assign]


@sabotage("periodic-in-silence", "The periodic seed leaves no line.", "I-03")
def periodic_in_silence() -> None:
    from server.mirror import seed

    log, seeding = seed.log, seed.Seeder.seed

    async def silent(self: seed.Seeder, *, grace: bool) -> bool:
        seed.log = log if grace else lambda text: None
        return await seeding(self, grace=grace)

    seed.Seeder.seed = silent  # type: ignore[method-assign]


@sabotage("periodic-counts-once", "The periodic seed's line repeats the counts of the first.", "I-03")
def periodic_counts_once() -> None:
    from server.mirror import seed

    log, first = seed.log, []

    def repeating(text: str) -> None:
        first.append(text)
        log(first[0])

    seed.log = repeating


@sabotage("reconciles-till-refused", "One refused seed ends the reconciliation for good.", "I-03", "I-04")
def reconciles_till_refused() -> None:
    from server.mirror.client import Valkey
    from server.mirror.watchdog import Watchdog

    async def never(self: Valkey) -> None:
        return

    async def once(self: Watchdog) -> None:
        if not getattr(self, "gave_up", False):
            self.gave_up = not await self._seed(grace=False)  # type: ignore[attr-defined]

    Valkey.check_writes = never  # type: ignore[method-assign]
    Watchdog.reseed = once  # type: ignore[method-assign]


@sabotage("heartbeats-expire", "A ping writes its heartbeat with a time to live.", "G-07", "J-06")
def heartbeats_expire() -> None:
    from server.mirror import scripts

    replace_in(
        scripts, "PING", "redis.call('SET', heartbeat, ARGV[2])", "redis.call('SET', heartbeat, ARGV[2], 'EX', 3600)"
    )


@sabotage("capacities-expire", "A toggle or a chat writes the capacity with a time to live.", "G-07")
def capacities_expire() -> None:
    from server.mirror import scripts
    from server.mirror.writes import Writes

    async def left_to_the_seed(self: Writes) -> None:
        self.dirty.clear()

    replace_in(
        scripts, "APPLY", "redis.call('SET', KEYS[5], ARGV[6])", "redis.call('SET', KEYS[5], ARGV[6], 'EX', 3600)"
    )
    Writes.retry_dirty = left_to_the_seed  # type: ignore[method-assign]


# --- the end of an outage ---------------------------------------------------------------------------------------


@sabotage("offline-fails-unsaid", "A toggle to offline that cannot be mirrored leaves no line.", "J-05")
def offline_fails_unsaid() -> None:
    from server.mirror import writes

    log = writes.log
    writes.log = lambda text: None if "setOffline" in text else log(text)


@sabotage("reconnect-merges", "The seed of a reconnect leaves who went offline in the outage.", "J-06")
def reconnect_merges() -> None:
    from server.mirror import scripts
    from server.mirror.watchdog import Watchdog
    from server.mirror.writes import Writes

    seed, strict = Watchdog._seed, scripts.SEED_SWAP
    merge = "if was_online then redis.call('SUNIONSTORE', online, online, KEYS[2]) end\n"
    replace_in(scripts, "SEED_SWAP", SWAP, merge + SWAP)
    merging = scripts.SEED_SWAP

    async def either(self: Watchdog, *, grace: bool) -> bool:
        scripts.SEED_SWAP = merging if grace and self._task is not None else strict
        return await seed(self, grace=grace)

    Watchdog._seed = either  # type: ignore[method-assign]
    Writes.owe = lambda self, mitra_id, pinged="": None  # type: ignore[method-assign]


@sabotage("deaf-after-an-outage", "A lost subscription to config:invalidate does not come back.", "J-06")
def deaf_after_an_outage() -> None:
    from redis.exceptions import RedisError

    from server.mirror.settings import Subscriber

    without_notified_settings()

    async def once(self: Subscriber) -> None:
        while True:
            with suppress(RedisError, OSError, TimeoutError):
                await self._listen()
            if self.subscribed.is_set():
                return
            await asyncio.sleep(0.3)

    Subscriber._run = once  # type: ignore[method-assign]


@sabotage("resubscribes-only", "Who subscribes again takes no setting as changed.", "J-06")
def resubscribes_only() -> None:
    from server.mirror.settings import Subscriber

    without_notified_settings()
    hear = Subscriber._hear

    async def other(self: Subscriber, message: dict[str, object]) -> None:
        changed, self._changed = self._changed, nothing if message["type"] == "subscribe" else self._changed
        try:
            await hear(self, message)
        finally:
            self._changed = changed  # type: ignore[method-assign]

    async def nothing() -> None:
        return

    Subscriber._hear = other  # type: ignore[method-assign]


@sabotage("beacon-remembers", "Without Valkey the beacon repeats the last answer that it knows.", "J-02")
def beacon_remembers() -> None:
    from server.mirror.client import MirrorUnavailable
    from server.mirror.reads import Reads

    beacon, known = Reads.beacon, []

    async def remembering(self: Reads) -> dict[str, object]:
        answer = await beacon(self)
        try:
            self._valkey.require_available()
        except MirrorUnavailable:
            return known[-1] if known else answer
        known.append(answer)
        return answer

    Reads.beacon = remembering  # type: ignore[method-assign]


@sabotage("fallback-said-once", "Of an outage's pings the first alone is logged as a fallback.", "C-10", "J-04")
def fallback_said_once() -> None:
    from server.mirror import heartbeat

    log, said = heartbeat.log, []

    def once(text: str) -> None:
        if not said or time.monotonic() - said[-1] > 5:
            log(text)
        said.append(time.monotonic())

    heartbeat.log = once


@sabotage("line-before-the-deed", "The seed's line comes half a second before its mirror is believed.", "C-11", "J-06")
def line_before_the_deed() -> None:
    from server.mirror.watchdog import Watchdog

    seed = Watchdog._seed

    async def hasty(self: Watchdog, *, grace: bool) -> bool:
        done = await seed(self, grace=grace)
        if done and self._task is not None and grace:
            self._valkey.circuit_closed = False
            await asyncio.sleep(0.5)
            self._valkey.circuit_closed = True
        return done

    Watchdog._seed = hasty  # type: ignore[method-assign]


# --- beside another instance ------------------------------------------------------------------------------------


@sabotage("one-seeds-for-both", "Who starts beside an instance that has just seeded does not seed.", "K-01")
def one_seeds_for_both() -> None:
    from server.mirror.client import MirrorUnavailable
    from server.mirror.coordinator import read_history
    from server.mirror.watchdog import Watchdog

    first_seed, mark = Watchdog.first_seed, "mirror:seeding"

    async def alone(self: Watchdog) -> None:
        with suppress(MirrorUnavailable):
            mine = await self._valkey.call("SET", mark, os.getpid(), "NX", "PX", 3000)
            other = int(await self._valkey.call("GET", mark) or 0)
            with suppress(ProcessLookupError):
                if not mine and other != os.getpid():
                    os.kill(other, 0)
                    await asyncio.sleep(1)
                    run_id, _ = await self._ask()
                    await self._coordinator.announce_store(run_id)
                    self._coordinator.begin_history(await read_history(self._seeder._db))
                    self._valkey.prefix = f"{run_id}|{self._seeder.identity}|"
                    self._valkey.circuit_closed = True
                    return
        await first_seed(self)

    Watchdog.first_seed = alone  # type: ignore[method-assign]


@sabotage("writes-unfenced", "A write-through is not fenced: the one that comes last wins.", "K-02")
def writes_unfenced() -> None:
    unfenced()


@sabotage("audits-what-it-saw", "The audit goes by a look at the row before it was locked.", "K-02")
def audits_what_it_saw() -> None:
    from server import mitras

    seen = "SELECT coalesce((SELECT is_online FROM mitra_online_status WHERE mitra_id = $1), false)"

    async def set_online(mirror, db, mitra_id):  # type: ignore[no-untyped-def]
        before = await db.fetchval(seen, mitra_id)
        async with mirror.changing("setOnline", mitra_id, ping=True) as connection:
            await connection.fetchval(mitras._ONLINE, mitra_id)
            if not before:
                await connection.execute(mitras.AUDIT, mitra_id, "online")
        return {"is_online": True}

    mitras.set_online = set_online


@sabotage("distrusts-the-other", "A snapshot that another instance filled is no snapshot.", "K-03", "K-04")
def distrusts_the_other() -> None:
    from server.mirror import reads, scripts

    replace_in(scripts, "SNAPSHOT", "count = count })", f"count = count, by = {os.getpid()} }})")
    read_snapshot = reads.read_snapshot

    def own(snapshot: str) -> dict[str, object]:
        if json.loads(snapshot).get("by", os.getpid()) != os.getpid():
            raise ValueError("whoever that was")
        return read_snapshot(snapshot)

    reads.read_snapshot = own


def hears(change) -> None:  # type: ignore[no-untyped-def]
    """`change(subscriber, message, hear)` instead of what a message on config:invalidate does."""
    from server.mirror.settings import Subscriber

    without_notified_settings()
    hear = Subscriber._hear

    async def other(self: Subscriber, message: dict[str, object]) -> None:
        if message["type"] == "message":
            await change(self, message, hear)
        else:
            await hear(self, message)

    Subscriber._hear = other  # type: ignore[method-assign]


@sabotage("hears-and-keeps", "Another instance's change is taken over, and the snapshot left to the teller.", "K-04")
def hears_and_keeps() -> None:
    async def reload(self, message, hear):  # type: ignore[no-untyped-def]
        await self._config.reload()

    hears(reload)


@sabotage("hears-and-forgets", "Another instance's change deletes the snapshot, and the old setting stays.", "K-04")
def hears_and_forgets() -> None:
    async def delete(self, message, hear):  # type: ignore[no-untyped-def]
        await self._valkey.call("DEL", "availability:snapshot")

    hears(delete)


@sabotage("hears-one-key", "Of all settings max_customers_per_mitra alone is heard of.", "K-04")
def hears_one_key() -> None:
    async def some(self, message, hear):  # type: ignore[no-untyped-def]
        if "max_customers_per_mitra" in message["data"]:
            await hear(self, message)

    hears(some)


@sabotage("tells-no-json", "What is published on config:invalidate is the bare key.", "K-04")
def tells_no_json() -> None:
    from server.mirror import settings

    class Bare:
        loads = staticmethod(json.loads)

        @staticmethod
        def dumps(message: dict[str, str]) -> str:
            return message["key"]

    settings.json = Bare  # type: ignore[assignment]


@sabotage(
    "mirrors-its-own-pings", "Each instance mirrors the pings that it took itself, older than the row or not.", "K-05"
)
def mirrors_its_own_pings() -> None:
    from datetime import UTC, datetime

    from server.mirror.heartbeat import Heartbeat
    from server.mirror.sweeps import Sweeps

    ping, taken = Heartbeat.ping, dict[str, datetime]()

    async def noting(self: Heartbeat, mitra_id: str) -> bool:
        at = datetime.now(UTC)
        online = await ping(self, mitra_id)
        if online:
            taken[mitra_id] = at
        return online

    async def own(self: Sweeps) -> None:
        if taken:
            await self._db.execute(
                "UPDATE mitra_online_status AS o SET last_heartbeat_at = u.at FROM"
                " UNNEST($1::uuid[], $2::timestamptz[]) AS u (id, at) WHERE o.mitra_id = u.id",
                list(taken), list(taken.values()),
            )  # fmt: skip

    Heartbeat.ping = noting  # type: ignore[method-assign]
    Sweeps.mirror_heartbeats = own  # type: ignore[method-assign]
