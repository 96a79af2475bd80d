"""Defects of the readers: an answer by the wrong rule, from the wrong store, or kept for too long."""

from tests.sabotage.entry import replace_in, sabotage


@sabotage("reachable-though-deactivated", "isMitraReachable does not look at mitras:deactivated.", "F-01")
def reachable_though_deactivated() -> None:
    from server.mirror.client import Valkey
    from server.mirror.reads import Reads

    is_reachable, read = Reads.is_reachable, Valkey.read

    async def lenient(self: Reads, mitra_id: str) -> bool:
        async def nobody_deactivated(*commands):  # type: ignore[no-untyped-def]
            replies = await read(self._valkey, *commands)
            replies[1] = 0
            return replies

        self._valkey.read = nobody_deactivated  # type: ignore[method-assign]
        try:
            return await is_reachable(self, mitra_id)
        finally:
            del self._valkey.read

    Reads.is_reachable = lenient  # type: ignore[method-assign]


@sabotage("reachable-on-frozen-heartbeats", "The fallback of isMitraReachable filters on last_heartbeat_at.", "F-03")
def reachable_on_frozen_heartbeats() -> None:
    from server.mirror import reads

    replace_in(
        reads, "_REACHABLE", "SELECT o.is_online AND m.is_active",
        "SELECT o.is_online AND m.is_active AND o.last_heartbeat_at > now() - interval '90 seconds'",
    )  # fmt: skip


@sabotage("ninety-seconds-for-ever", "isMitraReachable knows no stale time but the default.", "F-02")
def ninety_seconds_for_ever() -> None:
    from server.mirror.reads import Reads

    is_reachable = Reads.is_reachable

    async def fixed(self: Reads, mitra_id: str) -> bool:
        values = self._config._values
        self._config._values = {**values, "stale_after_seconds": 90}
        try:
            return await is_reachable(self, mitra_id)
        finally:
            self._config._values = values

    Reads.is_reachable = fixed  # type: ignore[method-assign]


@sabotage("blast-asks-both", "The blast runs the JOIN as well, to be on the safe side.", "F-04")
def blast_asks_both() -> None:
    from server.mirror.reads import Reads

    find_available = Reads.find_available

    async def careful(self: Reads) -> list[str]:
        await self._postgres.available()
        return await find_available(self)

    Reads.find_available = careful  # type: ignore[method-assign]


@sabotage("missing-means-idle", "A missing capacity key counts as no load at all.", "F-05")
def missing_means_idle() -> None:
    from server.mirror.reads import PostgresReads

    async def idle(self: PostgresReads, mitra_ids: list[str]) -> dict[str, int]:
        return dict.fromkeys(mitra_ids, 0)

    PostgresReads.loads = idle  # type: ignore[method-assign]


@sabotage("beacon-counts-the-stale", "The beacon counts mitras whose heartbeat is stale.", "F-07")
def beacon_counts_the_stale() -> None:
    from server.mirror import scripts

    replace_in(scripts, "SNAPSHOT", "if pinged and pinged >= ARGV[2] then", "if pinged then")


@sabotage("reading-renews", "Each read of the snapshot gives it ten more seconds.", "F-08", "F-09")
def reading_renews() -> None:
    from server.mirror.client import Valkey

    call = Valkey.call

    async def renewing(self: Valkey, *command: object) -> object:
        if command[0] == "GET" and command[1] == "availability:snapshot":
            command = ("GETEX", command[1], "EX", 10)
        return await call(self, *command)

    Valkey.call = renewing  # type: ignore[method-assign]


@sabotage("stampede", "On a missing snapshot every poll computes for itself.", "F-09")
def stampede() -> None:
    import json

    from server.mirror.client import MirrorUnavailable
    from server.mirror.reads import Reads, read_snapshot

    async def alone(self: Reads) -> dict[str, object]:
        try:
            cached = await self._valkey.call("GET", "availability:snapshot")
            if cached is not None:
                return read_snapshot(cached)
            count = len(await self.find_available())
            answer = {"available": count > 0, "count": count}
            await self._valkey.call("SET", "availability:snapshot", json.dumps(answer), "EX", 10)
            return answer
        except MirrorUnavailable:
            return await self._once("join", self._join)

    Reads.beacon = alone  # type: ignore[method-assign]


@sabotage("settings-wait", "A changed setting leaves the snapshot to its ten seconds.", "F-10")
def settings_wait() -> None:
    from server.mirror.client import Valkey

    call, write_all = Valkey.call, Valkey.write_all

    async def sparing(self: Valkey, *command: object) -> object:
        return 0 if command[:2] == ("DEL", "availability:snapshot") else await call(self, *command)

    async def sparing_all(self: Valkey, commands):  # type: ignore[no-untyped-def]
        return await write_all(self, [c for c in commands if tuple(c[:2]) != ("DEL", "availability:snapshot")])

    Valkey.call, Valkey.write_all = sparing, sparing_all  # type: ignore[method-assign]


@sabotage("dashboard-counts-rows", "One read of the dashboard in forty counts the rows as well.", "F-12")
def dashboard_counts_rows() -> None:
    import itertools

    from server.errors import ServiceUnavailable
    from server.mirror.reads import Reads

    online_count, read = Reads.online_count, itertools.count(1)

    async def doubting(self: Reads) -> int:
        if next(read) % 40 == 0:
            try:
                await self._postgres.online_count()
            except ServiceUnavailable:
                pass  # so that it is the statement that tells, not the missing Postgres
        return await online_count(self)

    Reads.online_count = doubting  # type: ignore[method-assign]


@sabotage("blast-falls-back-unsaid", "The fallback of the blast leaves no line.", "F-06")
def blast_falls_back_unsaid() -> None:
    from server.mirror import reads

    log = reads.log
    reads.log = lambda text: None if "[findAvailableMitras]" in text else log(text)
