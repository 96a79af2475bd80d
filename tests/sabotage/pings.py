"""Defects of the heartbeat path: a ping that costs, says or leaves something else than promised."""

from tests.sabotage.entry import replace_in, sabotage


# After an outage the time of a fallback ping is newer than what is cut, and is written once more: C-11 may fall too.
@sabotage("whole-seconds", "The heartbeat is written in whole seconds.", "C-03", also=True)
def whole_seconds() -> None:
    from server.mirror import scripts

    replace_in(
        scripts, "PING", "redis.call('SET', heartbeat, ARGV[2])",
        "redis.call('SET', heartbeat, string.sub(ARGV[2], 1, 20) .. '000Z')",
    )  # fmt: skip


@sabotage("mirrors-its-own-clock", "The heartbeat mirror writes the time of its cycle.", "C-04")
def mirrors_its_own_clock() -> None:
    from datetime import timedelta

    from tests.sabotage.red_b_sweeps import mirrors

    mirrors(lambda ids, times: (ids, [at + timedelta(milliseconds=250) for at in times]))


@sabotage(
    "deactivation-unmirrored", "A deactivation reaches the mirror with the next seed only.", "C-06", "C-07", "C-08"
)
def deactivation_unmirrored() -> None:
    from server.mirror import scripts

    replace_in(scripts, "APPLY", "redis.call('SADD', KEYS[4], id)", "redis.call('SISMEMBER', KEYS[4], id)")


@sabotage("writes-before-guard", "A ping is written before the guard looks at it.", "C-08")
def writes_before_guard() -> None:
    from server.mirror import scripts

    replace_in(
        scripts, "PING", "if redis.call('SISMEMBER', KEYS[2], id) == 1 then",
        "if redis.call('SISMEMBER', KEYS[2], id) == 1 then redis.call('SET', 'mitra:heartbeat:' .. id, ARGV[2])",
    )  # fmt: skip


@sabotage("ping-revives", "A ping puts who is offline back online.", "C-02", "C-10")
def ping_revives() -> None:
    from server.mirror import heartbeat, scripts

    replace_in(
        scripts, "PING", "if redis.call('SISMEMBER', KEYS[3], id) == 0 then",
        "redis.call('SADD', KEYS[3], id) if false then",
    )  # fmt: skip
    replace_in(heartbeat, "_CHECK", "coalesce(o.is_online, false)", "true")


@sabotage("reads-a-setting", "Each ping reads a setting from app_config.", "C-02")
def reads_a_setting() -> None:
    from server.errors import ServiceUnavailable
    from server.mirror.heartbeat import Heartbeat

    in_valkey = Heartbeat._in_valkey

    async def informed(self: Heartbeat, mitra_id: str) -> str:
        answer = await in_valkey(self, mitra_id)
        if answer == "online":
            try:
                await self._db.fetchval("SELECT value FROM app_config WHERE key = 'stale_after_seconds'")
            except ServiceUnavailable:
                pass  # so that it is the statement that tells, not the missing Postgres
        return answer

    Heartbeat._in_valkey = informed  # type: ignore[method-assign]


@sabotage("never-trusts-again", "After one outage pings go to Postgres for good.", "C-11", "J-06")
def never_trusts_again() -> None:
    from server.mirror.client import MirrorUnavailable
    from server.mirror.heartbeat import Heartbeat

    in_valkey, burnt = Heartbeat._in_valkey, []

    async def wary(self: Heartbeat, mitra_id: str) -> str:
        if burnt:
            raise MirrorUnavailable("once bitten")
        try:
            return await in_valkey(self, mitra_id)
        except MirrorUnavailable:
            burnt.append(True)
            raise

    Heartbeat._in_valkey = wary  # type: ignore[method-assign]


@sabotage("fallback-keeps-time", "While Valkey is away a ping updates last_heartbeat_at.", "C-10", "J-04")
def fallback_keeps_time() -> None:
    from server.mirror.heartbeat import Heartbeat

    in_postgres = Heartbeat.in_postgres

    async def diligent(self: Heartbeat, mitra_id: str, began: float | None = None) -> bool:
        online = await in_postgres(self, mitra_id, began)
        await self._db.execute(
            "UPDATE mitra_online_status SET last_heartbeat_at = now() WHERE mitra_id = $1 AND is_online", mitra_id
        )
        return online

    Heartbeat.in_postgres = diligent  # type: ignore[method-assign]
