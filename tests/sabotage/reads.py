"""Defects of pings and readers: the right answer by the wrong way, or nearly the right one."""

import itertools
from contextlib import suppress

from tests.sabotage.entry import replace_in, sabotage
from tests.sabotage.rules import without_notified_settings


@sabotage("one-ping-in-fifty", "One ping in fifty looks the mitra up in Postgres.", "C-02", "C-08")
def one_ping_in_fifty() -> None:
    from server.mirror.heartbeat import Heartbeat

    ping, count = Heartbeat.ping, itertools.count(1)

    async def curious(self: Heartbeat, mitra_id: str) -> bool:
        if next(count) % 50 == 0:
            await self._db.fetchval("SELECT is_active FROM mitras WHERE id = $1", mitra_id)
        return await ping(self, mitra_id)

    Heartbeat.ping = curious  # type: ignore[method-assign]


@sabotage("fallback-lets-in", "While Valkey is away a deactivated mitra's ping is answered 200.", "C-10")
def fallback_lets_in() -> None:
    from server.mirror import heartbeat

    replace_in(heartbeat, "_CHECK", "SELECT m.is_active,", "SELECT true AS is_active,")


@sabotage("missing-asks-postgres", "isMitraReachable asks Postgres when the heartbeat is missing.", "F-02")
def missing_asks_postgres() -> None:
    from server.mirror.reads import MirrorUnavailable, Reads

    is_reachable = Reads.is_reachable

    async def lenient(self: Reads, mitra_id: str) -> bool:
        with suppress(MirrorUnavailable):
            (found,) = await self._valkey.read(("EXISTS", f"mitra:heartbeat:{mitra_id}"))
            if not found:
                return await self._postgres.reachable(mitra_id)
        return await is_reachable(self, mitra_id)

    Reads.is_reachable = lenient  # type: ignore[method-assign]


@sabotage("dashboard-subtracts", "The dashboard leaves deactivated mitras out.", "F-11")
def dashboard_subtracts() -> None:
    from server.mirror.reads import Reads

    async def subtracted(self: Reads) -> int:
        (ids,) = await self._valkey.read(("SDIFF", "mitras:online", "mitras:deactivated"))
        return len(ids)

    Reads.online_count = subtracted  # type: ignore[method-assign]


@sabotage("count-off-by-one", "The beacon counts one mitra too many when there is one.", "SMOKE-03")
def count_off_by_one() -> None:
    from server.mirror import scripts

    replace_in(scripts, "SNAPSHOT", "count = count + 1", "count = count + (count == 0 and 2 or 1)")


@sabotage("own-invalidations-only", "A changed setting reaches only the instance that changed it.", "K-04")
def own_invalidations_only() -> None:
    from server.mirror.settings import Subscriber

    without_notified_settings()
    hear = Subscriber._hear

    async def deaf(self, message):  # type: ignore[no-untyped-def]
        if message["type"] != "message":
            await hear(self, message)

    Subscriber._hear = deaf  # type: ignore[method-assign]


@sabotage("snapshot-of-ones-own", "Each instance caches the beacon's answer for itself.", "K-03")
def snapshot_of_ones_own() -> None:
    import secrets

    from server.mirror import keys, reads

    own = f"availability:snapshot:{secrets.token_hex(4)}"

    class OwnKeys:
        SNAPSHOT = own

        def __getattr__(self, name: str) -> object:
            return getattr(keys, name)

    reads.keys = OwnKeys()  # type: ignore[assignment]
