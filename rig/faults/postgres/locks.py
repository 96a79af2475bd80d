"""Somebody else holds a row of Postgres locked: an operator's open transaction, a script that hangs. What needs the row waits."""

from typing import Any, ClassVar

from rig.faults.base import BACK_S, FaultContext, Observation
from rig.faults.postgres.outages import Truth, roles, superuser
from rig.waiting import poll_until

AWAITED_S = 3.5  # by then somebody waits for a row that traffic uses; else another one is taken
LOOK_EVERY_S = 0.05
HELD, FREE = "held", "free"
WAITING = """
SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %(holder)s),
  (SELECT count(*) FROM pg_stat_activity WHERE usename = ANY(%(roles)s) AND %(holder)s = ANY(pg_blocking_pids(pid)))
"""
SETTING, DEFAULT = "max_customers_per_mitra", 3


class RowLocked(Truth):
    """A transaction of the rig's superuser locks one row FOR UPDATE and is left open.

    Active when it stands, and a session of an instance waits for it.
    """

    beyond = True
    used: ClassVar[str]  # the keys of rows that traffic is about to use
    lock: ClassVar[str]  # one of them

    def inject(self, context: FaultContext) -> None:
        """Lock a row; if no session waits for it within AWAITED_S, lock another one instead, for up to BACK_S."""

        def awaited() -> bool:
            self.remove(context)  # the row before this one
            self.hold(context)
            active = poll_until(lambda: self.is_active(self.observe(context), context), AWAITED_S, every_s=LOOK_EVERY_S)
            return active or not context.alone

        poll_until(awaited, BACK_S, every_s=0.0)

    def hold(self, context: FaultContext) -> None:
        """Of a transaction of its own, so that the lock ends with its connection, too."""
        holder = context.kept["holder"] = superuser(context, autocommit=False)
        found = [row[0] for row in holder.execute(self.used).fetchall()]
        if found:
            holder.execute(self.lock, (context.random.choice(found),))

    def observe(self, context: FaultContext) -> Observation:
        holder = context.kept.get("holder")
        pid = holder.info.backend_pid if holder is not None else context.kept.get("held by", 0)
        context.kept["held by"] = pid
        with superuser(context) as connection:
            asked: dict[str, Any] = {"holder": pid, "roles": roles(context)}
            held, waiting = connection.execute(WAITING, asked).fetchone() or (False, 0)
        return {"row": HELD if held else FREE, "sessions that wait for it": str(waiting)}

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return observation["row"] == HELD and observation["sessions that wait for it"] != "0"

    def remove(self, context: FaultContext) -> None:
        if (holder := context.kept.pop("holder", None)) is not None:
            holder.close()

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return observation["row"] == FREE


class MitraLocked(RowLocked):
    name = "mitra locked"
    shows = (
        "Somebody else holds the row of one online mitra in mitras locked: what would change her waits, as do offers"
    )
    used = "SELECT mitra_id FROM mitra_online_status WHERE is_online ORDER BY 1"
    lock = "SELECT FROM mitras WHERE id = %s FOR UPDATE"


class StatusLocked(RowLocked):
    name = "online status locked"
    shows = "Somebody else holds the row of one online mitra in mitra_online_status locked: the heartbeats of all wait"
    used = (
        "SELECT mitra_id FROM mitra_online_status WHERE is_online ORDER BY last_heartbeat_at DESC NULLS LAST, 1 LIMIT 4"
    )
    lock = "SELECT FROM mitra_online_status WHERE mitra_id = %s FOR UPDATE"


class ChatLocked(RowLocked):
    name = "chat locked"
    shows = "Somebody else holds the row of an open chat in chat_sessions locked: its timer waits, and who would end it"
    used = (  # those that a timer is about to end come first
        "SELECT id FROM chat_sessions WHERE status IN ('active', 'searching', 'pending_payment')"
        " ORDER BY ends_at NULLS LAST, 1 LIMIT 2"
    )
    lock = "SELECT FROM chat_sessions WHERE id = %s FOR UPDATE"


class SettingLocked(RowLocked):
    name = "setting locked"
    shows = "Somebody else holds the row of a setting in app_config locked: who would change it waits, and behind that who takes a chat"
    used = f"SELECT key FROM app_config WHERE key = '{SETTING}'"
    lock = "SELECT FROM app_config WHERE key = %s FOR UPDATE"

    def hold(self, context: FaultContext) -> None:
        """An absent row means the default, and cannot be locked: then a row that says the same is put there first."""
        put = "INSERT INTO app_config (key, value) VALUES (%s, to_jsonb(%s::bigint)) ON CONFLICT DO NOTHING"
        with superuser(context) as connection:
            context.kept["put"] = connection.execute(put, (SETTING, DEFAULT)).rowcount == 1 or context.kept.get("put")
        super().hold(context)

    def remove(self, context: FaultContext) -> None:
        """What was put goes, unless somebody who waited has changed it."""
        super().remove(context)
        if context.kept.pop("put", None):
            with superuser(context) as connection:
                unchanged = "DELETE FROM app_config WHERE key = %s AND value = to_jsonb(%s::bigint)"
                connection.execute(unchanged, (SETTING, DEFAULT))
