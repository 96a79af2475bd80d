"""Subtle defects of auto-offline and heartbeat mirror: the happy path works, the sweep's edges do not."""

from tests.sabotage.entry import replace_in, sabotage


def quietly_offline(statements: str) -> None:
    """Auto-offline without the write-through; `statements` is Lua that the second look runs instead."""
    from server.mirror import scripts, sweeps

    replace_in(scripts, "SECOND_LOOK", "redis.call('SET', KEYS[3], ARGV[5], 'PX', ARGV[6])", statements)

    class Writes:
        def __init__(self, writes: object) -> None:
            self._writes = writes

        def changing(self, what: str, mitra_id: str) -> object:
            return self._writes._db.transaction()  # type: ignore[attr-defined]

        def __getattr__(self, name: str) -> object:
            return getattr(self._writes, name)

    init = sweeps.Sweeps.__init__

    def patched(self, settings, db, valkey, config, writes, watchdog):  # type: ignore[no-untyped-def]
        init(self, settings, db, valkey, config, Writes(writes), watchdog)  # type: ignore[arg-type]

    sweeps.Sweeps.__init__ = patched  # type: ignore[method-assign]


@sabotage("swept-but-a-member", "Auto-offline leaves the mitra in mitras:online until the next seed.", "G-07")
def swept_but_a_member() -> None:
    quietly_offline("redis.call('DEL', KEYS[2])")


@sabotage("swept-with-heartbeat", "Auto-offline leaves a heartbeat key that is stale or no time.", "G-07")
def swept_with_heartbeat() -> None:
    from server.mirror.sweeps import Sweeps

    one_offline = Sweeps._one_offline

    async def keeping(self: Sweeps, mitra_id: str, seen: str) -> bool:
        done = await one_offline(self, mitra_id, seen)
        if seen:
            await self._valkey.call("SET", f"mitra:heartbeat:{mitra_id}", seen)
        return done

    Sweeps._one_offline = keeping  # type: ignore[method-assign]


def judged_by(verdict) -> None:  # type: ignore[no-untyped-def]
    """Auto-offline takes for stale what `verdict(text, at, oldest)` says."""
    from server.mirror import keys
    from server.mirror.sweeps import Sweeps

    stale = Sweeps._stale

    async def other(self: Sweeps) -> tuple[int, dict[str, str]]:
        online, found = await stale(self)
        return online, {id_: text for id_, text in found.items() if verdict(text, keys.read_stamp(text))}

    Sweeps._stale = other  # type: ignore[method-assign]


@sabotage("missing-is-patient", "The sweep waits for a heartbeat where none is there.", "G-06", "G-07")
def missing_is_patient() -> None:
    judged_by(lambda text, at: text != "")


@sabotage("no-time-is-fresh", "A heartbeat that is no time is never stale (NaN compares false).", "G-06", "G-07")
def no_time_is_fresh() -> None:
    judged_by(lambda text, at: text == "" or at is not None)


@sabotage("sweeps-the-available", "Auto-offline looks at online mitras who are not deactivated.", "G-06", "G-07")
def sweeps_the_available() -> None:
    from server.mirror.sweeps import Sweeps

    stale = Sweeps._stale

    async def active(self: Sweeps) -> tuple[int, dict[str, str]]:
        online, found = await stale(self)
        shut = await self._valkey.call("SMEMBERS", "mitras:deactivated")
        return online, {id_: text for id_, text in found.items() if id_ not in shut}

    Sweeps._stale = active  # type: ignore[method-assign]


@sabotage("sweep-trusts-memory", "The sweep learns of a setting from config:invalidate alone.", "G-06", "G-07")
def sweep_trusts_memory() -> None:
    from server.mirror.sweeps import Sweeps

    sweep = Sweeps.auto_offline

    async def remembering(self: Sweeps) -> None:
        config, self._config = self._config, Frozen(self._config)  # type: ignore[assignment]
        try:
            await sweep(self)
        finally:
            self._config = config

    class Frozen:
        def __init__(self, config: object) -> None:
            self.stale_after = config.stale_after  # type: ignore[attr-defined]

        async def reload(self) -> None:
            return

    Sweeps.auto_offline = remembering  # type: ignore[method-assign]


@sabotage("audits-two-ticks", "The sweep audits a departure once more at its next tick.", "G-06")
def audits_two_ticks() -> None:
    from server.mirror.sweeps import Sweeps

    sweep, gone = Sweeps.auto_offline, set[str]()
    one_offline = Sweeps._one_offline

    async def noting(self: Sweeps, mitra_id: str, seen: str) -> bool:
        done = await one_offline(self, mitra_id, seen)
        gone.add(mitra_id)
        return done

    async def again(self: Sweeps) -> None:
        while gone and self._valkey.circuit_closed:
            mitra_id = gone.pop()
            await self._db.execute(
                "INSERT INTO mitra_online_logs (mitra_id, status) SELECT mitra_id, 'offline' FROM mitra_online_status"
                " WHERE mitra_id = $1 AND NOT is_online",
                mitra_id,
            )
        await sweep(self)

    Sweeps._one_offline = noting  # type: ignore[method-assign]
    Sweeps.auto_offline = again  # type: ignore[method-assign]


@sabotage("sweeps-by-column", "Without Valkey auto-offline goes by last_heartbeat_at, in silence no longer.", "G-10")
def sweeps_by_column() -> None:
    from server.mirror.sweeps import Sweeps

    skip = Sweeps._skip

    def going_on(self: Sweeps, sweep: str, what: str, error: Exception) -> None:
        import asyncio

        skip(self, sweep, what, error)
        if sweep == "auto-offline":
            text = "UPDATE mitra_online_status SET is_online = false WHERE last_heartbeat_at < now() - interval '1 day'"
            self.task = asyncio.create_task(self._db.execute(text))  # type: ignore[attr-defined]

    Sweeps._skip = going_on  # type: ignore[method-assign]


@sabotage("skips-for-good", "After one outage auto-offline skips every tick.", "G-09")
def skips_for_good() -> None:
    from server.mirror.client import MirrorUnavailable
    from server.mirror.sweeps import Sweeps

    skip, stale, burnt = Sweeps._skip, Sweeps._stale, []

    def noting(self: Sweeps, sweep: str, what: str, error: Exception) -> None:
        skip(self, sweep, what, error)
        burnt.append(sweep)

    async def wary(self: Sweeps) -> tuple[int, dict[str, str]]:
        if "auto-offline" in burnt:
            raise MirrorUnavailable("once bitten")
        return await stale(self)

    Sweeps._skip, Sweeps._stale = noting, wary  # type: ignore[method-assign]


@sabotage("skip-said-once", "An outage's skipped ticks leave one line, for the first.", "G-09", "H-07")
def skip_said_once() -> None:
    from server.mirror.sweeps import Sweeps

    skip, said = Sweeps._skip, set[str]()

    def once(self: Sweeps, sweep: str, what: str, error: Exception) -> None:
        if sweep not in said:
            said.add(sweep)
            skip(self, sweep, what, error)

    Sweeps._skip = once  # type: ignore[method-assign]


def mirrors(change) -> None:  # type: ignore[no-untyped-def]
    """The heartbeat mirror writes what `change(ids, times)` makes of what it has read."""
    from datetime import datetime

    from server.mirror.sweeps import Sweeps

    mirror = Sweeps.mirror_heartbeats

    async def changed(self: Sweeps) -> None:
        database = self._db

        class Changed:
            async def execute(self, query: str, ids: str, times: str, **_: object) -> None:
                moments = [datetime.fromisoformat(at) for at in times.split(",")]
                chosen, changed = change(ids.split(","), moments)
                await database.execute(query, ",".join(chosen), ",".join(at.isoformat() for at in changed))

        self._db = Changed()  # type: ignore[assignment]
        try:
            await mirror(self)
        finally:
            self._db = database

    Sweeps.mirror_heartbeats = changed  # type: ignore[method-assign]


@sabotage("mirror-says-now", "The heartbeat mirror writes now for everyone it finds online.", "C-04", "H-05", "K-05")
def mirror_says_now() -> None:
    from datetime import UTC, datetime

    mirrors(lambda ids, times: (ids, [datetime.now(UTC) for _ in ids]))


@sabotage("mirrors-whole-seconds", "The heartbeat mirror cuts the time to whole seconds.", "C-04", "H-05", "K-05")
def mirrors_whole_seconds() -> None:
    mirrors(lambda ids, times: (ids, [at.replace(microsecond=0) for at in times]))


@sabotage("mirrors-one-page", "The heartbeat mirror carries one page of two ids.", "H-03", "H-04", "H-05", "K-05")
def mirrors_one_page() -> None:
    mirrors(lambda ids, times: (ids[:2], times[:2]))


@sabotage(
    "mirrors-in-local-time",
    "The heartbeat mirror takes the time for one of another zone.",
    "C-04",
    "H-04",
    "H-05",
    "K-05",
)
def mirrors_in_local_time() -> None:
    from datetime import timedelta

    mirrors(lambda ids, times: (ids, [at - timedelta(hours=7) for at in times]))


@sabotage("mirror-goes-on", "Without Valkey the heartbeat mirror writes the times that it last read.", "H-08")
def mirror_goes_on() -> None:
    import asyncio

    from server.mirror.sweeps import Sweeps

    skip = Sweeps._skip

    def going_on(self: Sweeps, sweep: str, what: str, error: Exception) -> None:
        skip(self, sweep, what, error)
        if sweep == "heartbeat-mirror":
            text = "UPDATE mitra_online_status SET last_heartbeat_at = now() WHERE is_online"
            self.task = asyncio.create_task(self._db.execute(text))  # type: ignore[attr-defined]

    Sweeps._skip = going_on  # type: ignore[method-assign]


@sabotage("sweep-stumbles", "An id that no mitra has ends the sweep's tick with an error.", "G-06", "G-07")
def sweep_stumbles() -> None:
    from server.mirror import sweeps

    sweeps._VERSION = "SELECT 1 / count(*) * max(mirror_version) FROM mitras WHERE id = $1"


@sabotage(
    "mirror-stumbles", "An id that no mitra has costs a whole cycle of the heartbeat mirror.", "H-03", "H-04", "H-05"
)
def mirror_stumbles() -> None:
    from server.mirror import sweeps

    sweeps._MIRROR = """
    INSERT INTO mitra_online_status (mitra_id, is_online, last_heartbeat_at)
    SELECT u.id, true, u.at
    FROM UNNEST(string_to_array($1, ',')::uuid[], string_to_array($2, ',')::timestamptz[]) AS u (id, at)
    ON CONFLICT (mitra_id) DO UPDATE SET last_heartbeat_at = excluded.last_heartbeat_at
    WHERE mitra_online_status.last_heartbeat_at IS NULL
      OR mitra_online_status.last_heartbeat_at < excluded.last_heartbeat_at
    """
