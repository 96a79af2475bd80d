"""Defects of presence that a contract run finds: toggles, pings, the beacon, and who counts as available."""

from typing import Any

from tests.sabotage.entry import replace_in, sabotage

# --- toggles and status --------------------------------------------------------------------------------------


@sabotage("online-again-is-no-ping", "Setting a mitra online who is online leaves her heartbeat as it is.", "TOGGLE-04")
def online_again_is_no_ping() -> None:
    from server.mirror import scripts

    replace_in(
        scripts, "APPLY", "local pinged, before = ARGV[7], redis.call('GET', KEYS[6])",
        "local pinged, before = ARGV[7], redis.call('GET', KEYS[6])\n"
        "  if before and redis.call('SISMEMBER', KEYS[3], id) == 1 then pinged = '' end",
    )  # fmt: skip


@sabotage("online-again-is-audited", "Each toggle to online writes an audit row.", "TOGGLE-03")
def online_again_is_audited() -> None:
    from server import mitras

    replace_in(mitras, "_ONLINE", "WHERE NOT mitra_online_status.is_online", "")


@sabotage("offline-empties-heartbeat", "Going offline leaves an empty heartbeat key.", "TOGGLE-06")
def offline_empties_heartbeat() -> None:
    from server.mirror import scripts

    replace_in(scripts, "APPLY", "redis.call('DEL', KEYS[6])", "redis.call('SET', KEYS[6], '')")


@sabotage("offline-only-once", "Setting a mitra offline who is offline is 409.", "TOGGLE-03")
def offline_only_once() -> None:
    from server import errors, mitras

    offline = mitras.set_offline

    async def strict(mirror: Any, db: Any, mitra_id: str) -> Any:
        online = "SELECT is_online FROM mitra_online_status WHERE mitra_id = $1"
        if not await db.fetchval(online, mitra_id):
            raise errors.invalid_state("offline already")
        return await offline(mirror, db, mitra_id)

    mitras.set_offline = strict


@sabotage("comes-online-empty", "A mitra who comes online has the capacity 0, whatever chats she has.", "TOGGLE-05")
def comes_online_empty() -> None:
    from server.mirror import scripts

    replace_in(
        scripts, "APPLY", "redis.call('SET', KEYS[5], ARGV[6])",
        "redis.call('SET', KEYS[5], ARGV[7] == '' and ARGV[6] or '0')",
    )  # fmt: skip


@sabotage("status-without-heartbeat", "The status never tells a heartbeat.", "TOGGLE-09")
def status_without_heartbeat() -> None:
    from server import mitras

    replace_in(mitras, "_STATUS", "last_heartbeat_at", "NULL::timestamptz AS last_heartbeat_at")


@sabotage("status-of-the-ping", "The status tells the present time as the heartbeat.", "TOGGLE-09")
def status_of_the_ping() -> None:
    from server import mitras

    replace_in(mitras, "_STATUS", "last_heartbeat_at", "clock_timestamp() AS last_heartbeat_at")


# --- pings ---------------------------------------------------------------------------------------------------


@sabotage("ping-of-offline-is-kept", "A ping of a mitra who is not online writes her heartbeat.", "PING-05")
def ping_of_offline_is_kept() -> None:
    from server.mirror import scripts

    replace_in(
        scripts, "PING", "    return 'offline'",
        "    redis.call('SET', 'mitra:heartbeat:' .. id, ARGV[2])\n    return 'offline'",
    )  # fmt: skip


@sabotage("ping-of-shut-out-is-kept", "A ping of a deactivated mitra is refused, and counts.", "PING-04")
def ping_of_shut_out_is_kept() -> None:
    from server.mirror import scripts

    replace_in(
        scripts, "PING", "    return 'inactive'",
        "    redis.call('SET', 'mitra:heartbeat:' .. id, ARGV[2])\n    return 'inactive'",
    )  # fmt: skip


@sabotage("ping-of-shut-out-is-401", "A ping of a deactivated mitra is 401.", "PING-04")
def ping_of_shut_out_is_401() -> None:
    from server import errors

    errors.account_inactive = lambda: errors.unauthenticated()  # looked up when it is called


@sabotage("ping-moves-nothing", "A ping is answered, and leaves the heartbeat as it is.", "PING-01")
def ping_moves_nothing() -> None:
    from server.mirror import scripts

    replace_in(scripts, "PING", "    redis.call('SET', heartbeat, ARGV[2])", "")


@sabotage("ping-without-valkey-is-true", "While Valkey is away, each ping is answered as online.", "PING-06")
def ping_without_valkey_is_true() -> None:
    from server.mirror.heartbeat import Heartbeat

    fallback = Heartbeat.in_postgres

    async def online(self: Heartbeat, *arguments: Any) -> bool:
        await fallback(self, *arguments)
        return True

    Heartbeat.in_postgres = online  # type: ignore[method-assign]


# --- the beacon ----------------------------------------------------------------------------------------------


@sabotage("fallback-wants-two", "While Valkey is away, one mitra is not yet `available`.", "BEACON-06")
def fallback_wants_two() -> None:
    from server.mirror import reads

    join = reads.Reads._join

    async def more_than_one(self: Any) -> Any:
        answer = await join(self)
        return answer.model_copy(update={"available": answer.count > 1})

    reads.Reads._join = more_than_one  # type: ignore[method-assign]


@sabotage("beacon-wants-two", "The beacon tells `available` from the second mitra on.", "BEACON-03")
def beacon_wants_two() -> None:
    from server.mirror import scripts

    replace_in(scripts, "SNAPSHOT", "available = count > 0", "available = count > 1")


@sabotage("beacon-counts-full", "The beacon counts the mitras who are full.", "BEACON-03")
def beacon_counts_full() -> None:
    from server.mirror import scripts

    replace_in(scripts, "SNAPSHOT", "elseif load < tonumber(ARGV[3]) then", "else")


@sabotage("nobody-lasts-a-minute", "The snapshot of nobody lives for a minute.", "KEY-06")
def nobody_lasts_a_minute() -> None:
    from server.mirror import scripts

    replace_in(
        scripts, "SNAPSHOT", "redis.call('SET', KEYS[2], answer, 'EX', ARGV[4])",
        "redis.call('SET', KEYS[2], answer, 'EX', count > 0 and ARGV[4] or 60)",
    )  # fmt: skip


@sabotage("poll-prolongs-snapshot", "Each poll of the beacon gives the snapshot ten seconds more.", "BEACON-08")
def poll_prolongs_snapshot() -> None:
    from server.mirror import keys
    from server.mirror.reads import Reads

    async def look(self: Reads) -> str | None:
        cached: str | None = await self._valkey.call("GETEX", keys.SNAPSHOT, "EX", "10")
        return cached

    Reads._look = look  # type: ignore[method-assign]


@sabotage("setting-keeps-snapshot", "A changed setting leaves the snapshot as it is.", "BEACON-05")
def setting_keeps_snapshot() -> None:
    from server.mirror import keys
    from server.mirror.settings import AppConfig

    notify = AppConfig.notify_peers

    async def keep(self: AppConfig) -> None:
        """Leaves the snapshot."""

    async def notify_only(self: AppConfig, key: str) -> None:
        name, keys.SNAPSHOT = keys.SNAPSHOT, "mirror:none"
        try:
            await notify(self, key)
        finally:
            keys.SNAPSHOT = name

    AppConfig.drop_snapshot, AppConfig.notify_peers = keep, notify_only  # type: ignore[method-assign]


# --- who is reachable and available --------------------------------------------------------------------------


@sabotage("silent-is-reachable", "Who is reachable is told without a look at the heartbeat.", "REACH-01")
def silent_is_reachable() -> None:
    from server.mirror.reads import Reads

    whole = Reads.is_reachable

    async def any_age(self: Reads, mitra_id: str) -> bool:
        oldest, self._oldest_fresh = self._oldest_fresh, lambda: 0  # type: ignore[method-assign]
        try:
            return await whole(self, mitra_id)
        finally:
            self._oldest_fresh = oldest  # type: ignore[method-assign]

    Reads.is_reachable = any_age  # type: ignore[method-assign]


@sabotage("shut-out-is-reachable", "A deactivated mitra is reachable.", "BLAST-06")
def shut_out_is_reachable() -> None:
    from server.mirror import keys
    from server.mirror.reads import Reads

    async def online(self: Reads, mitra_id: str) -> bool:
        there, pinged = await self._valkey.read(("SISMEMBER", keys.ONLINE, mitra_id), ("GET", keys.heartbeat(mitra_id)))
        at = keys.read_stamp(pinged)
        return bool(there and at is not None and at >= self._oldest_fresh())

    Reads.is_reachable = online  # type: ignore[method-assign]


@sabotage("fallback-reaches-shut-out", "While Valkey is away, a deactivated mitra is reachable.", "REACH-02")
def fallback_reaches_shut_out() -> None:
    from server.mirror import reads

    replace_in(reads, "_REACHABLE", "o.is_online AND m.is_active", "o.is_online")


@sabotage("available-lists-full", "The list of available mitras holds the full ones.", "BLAST-05")
def available_lists_full() -> None:
    from server.mirror import scripts

    replace_in(scripts, "LOOK", "elseif tonumber(load) >= tonumber(ARGV[3]) then", "elseif false then")


@sabotage("blast-takes-silent", "A blast offers the chat to mitras whose heartbeat is stale.", "BLAST-01")
def blast_takes_silent() -> None:
    from server.mirror import scripts

    replace_in(scripts, "LOOK", "if not at or at < ARGV[2] then", "if not at then")


@sabotage("fallback-wants-heartbeat", "While Valkey is away, a blast wants a fresh `last_heartbeat_at`.", "BLAST-04")
def fallback_wants_heartbeat() -> None:
    from server.mirror import reads

    replace_in(
        reads, "_AVAILABLE", "WHERE o.is_online", "WHERE o.last_heartbeat_at > now() - interval '90 s' AND o.is_online"
    )


@sabotage("fallback-lists-full", "While Valkey is away, full mitras are available.", "BLAST-03")
def fallback_lists_full() -> None:
    from server.mirror import reads

    replace_in(reads, "_AVAILABLE", "coalesce(s.load, 0) < $1", "$1::int IS NOT NULL")
