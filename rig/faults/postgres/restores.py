"""Postgres goes back to what it held a while ago, under servers and a Valkey that have seen what came after."""

import time

from rig.faults.base import STILL_S, FaultContext, Observation
from rig.faults.postgres.outages import Truth, superuser
from rig.faults.requirements import Requirement
from rig.waiting import poll_until

LAG_S = 2.0  # of changes that the dump does not hold
LOOK = "SELECT oid::int8, (SELECT count(*) FROM mitra_online_logs) FROM pg_database WHERE datname = current_database()"
BARRED_WITHIN_S = 6.0  # somebody is barred or let in again by then, where the traffic bars anybody
LOOK_EVERY_S = 0.05
SAME, ANOTHER = "the same", "another"


def barred(context: FaultContext) -> set[str]:
    """Who is deactivated, by Postgres."""
    with superuser(context) as connection:
        return {row[0] for row in connection.execute("SELECT id::text FROM mitras WHERE NOT is_active").fetchall()}


class TruthRestored(Truth):
    """What was acknowledged since the dump is undone, and cannot be held against a server.

    So a deactivation may be (INV-12, INV-14), with its revocations (INV-20), and a maximum that was lowered (INV-13).
    """

    name = "postgres restored"
    shows = f"Postgres is restored from a dump that is {LAG_S:g} s old, into another database of the same name"
    requirements = (Requirement.EMBEDDED_POSTGRES,)
    lasts_s = 0.0
    rewinds = True
    beyond = True
    exempt_checks = ("INV-12", "INV-13", "INV-14", "INV-20")

    def inject(self, context: FaultContext) -> None:
        postgres = context.stack.postgres
        before = barred(context)
        dump = postgres.dump()
        time.sleep(LAG_S)  # what changes meanwhile is lost
        poll_until(lambda: barred(context) != before, BARRED_WITHIN_S, every_s=LOOK_EVERY_S)
        # The older rows differ from Valkey in just what changed since: that stands still until it was looked at.
        context.stand_still(STILL_S)
        context.kept["barred"] = barred(context)
        context.kept["database"], context.kept["rows"] = self.seen(context)
        postgres.restore(dump)
        context.stand_still(STILL_S)  # from now on, however long that took
        context.kept["barred anew"] = barred(context)

    def seen(self, context: FaultContext) -> tuple[int, int]:
        """Which database it is, and how many rows its audit has."""
        with superuser(context) as connection:
            found = connection.execute(LOOK).fetchone()
        assert found is not None
        return found

    def observe(self, context: FaultContext) -> Observation:
        database, rows = self.seen(context)
        before, had = context.kept.get("database", database), context.kept.get("rows", rows)
        differ = context.kept.get("barred", set()) ^ context.kept.get("barred anew", set())
        return {
            "database": SAME if database == before else ANOTHER,
            "audit rows fewer": str(had - rows),
            "barred otherwise": str(len(differ)),
        }

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return observation["database"] == ANOTHER

    def remove(self, context: FaultContext) -> None:
        """It is over as it happens: the servers have to find their way."""

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return True
