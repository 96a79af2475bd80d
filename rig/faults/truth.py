"""Postgres itself is ill. What a server answers meanwhile is its own affair; what it did must have been right."""

import time
from collections.abc import Sequence
from typing import Any, ClassVar

import psycopg

from rig.faults.base import Fault, Ground, Sight
from rig.faults.toxics import TOXIC, milliseconds

SLOW_MS = 400
WAITERS_MIN = 3
CONNECT_S = 3


class Truth(Fault):
    family = "truth"
    layer = "truth"
    outage = False
    seeds = False
    needs = ("a superuser of Postgres",)


def superuser(ground: Ground) -> psycopg.Connection:
    url = ground.stack.postgres.observer_url
    return psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_S, application_name="rig-fault")


def roles(ground: Ground) -> list[str]:
    return [ground.servers[name].role for name in ground.hit]


def backends(ground: Ground, which: str = "true") -> set[int]:
    """Process ids of the sessions that the instances that are hit have in Postgres."""
    query = f"SELECT pid FROM pg_stat_activity WHERE usename = ANY(%s) AND {which}"
    with superuser(ground) as connection:
        return {row[0] for row in connection.execute(query, (roles(ground),)).fetchall()}


class TruthCut(Truth):
    name = "postgres connections cut"
    shows = "Every session of an instance in Postgres is terminated at once; new ones are served"
    lasts_s = 0.0

    def inject(self, ground: Ground) -> None:
        """By their ids, found before: in one query the planner may end sessions before it asks whose they are."""
        ground.kept["backends"] = backends(ground)
        with superuser(ground) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s) pid", (list(ground.kept["backends"]),))

    def look(self, ground: Ground) -> Sight:
        ended = ground.kept.get("backends", set())
        return {"sessions before": str(len(ended)), "sessions left": str(len(ended & backends(ground)))}

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return sight["sessions before"] != "0" and sight["sessions left"] == "0"

    def remove(self, ground: Ground) -> None:
        """It is over as it happens."""

    def healed(self, sight: Sight, ground: Ground) -> bool:
        return True


class TruthRestarted(Truth):
    name = "postgres restarted"
    shows = "Postgres shuts down, is away for a while and comes back with what was committed"
    needs = ("embedded postgres",)

    def inject(self, ground: Ground) -> None:
        ground.stack.postgres.stop()

    def look(self, ground: Ground) -> Sight:
        return {"direct": "answers" if answers(ground) else "refused"}

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return sight["direct"] == "refused"

    def remove(self, ground: Ground) -> None:
        ground.stack.postgres.start()


def answers(ground: Ground) -> bool:
    try:
        superuser(ground).close()
    except psycopg.OperationalError:
        return False
    return True


class TruthSlow(Truth):
    name = "postgres slow"
    shows = f"Every answer of Postgres comes {SLOW_MS} ms late, give or take 100"
    needs = ("a proxy before postgres",)
    attributes: ClassVar[dict[str, Any]] = {"latency": SLOW_MS, "jitter": 100}

    def proxies(self, ground: Ground) -> Sequence[str]:
        return [f"postgres-{name}" for name in ground.hit]

    def inject(self, ground: Ground) -> None:
        for proxy in self.proxies(ground):
            ground.stack.toxiproxy.add_toxic(proxy, TOXIC, "latency", "downstream", self.attributes)

    def look(self, ground: Ground) -> Sight:
        return {f"through {name}": connecting(ground.servers[name].env["DATABASE_URL"]) for name in ground.hit}

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return all(milliseconds(seen) >= SLOW_MS / 2 for seen in sight.values())

    def remove(self, ground: Ground) -> None:
        for proxy in self.proxies(ground):
            if TOXIC in ground.stack.toxiproxy.toxics(proxy):
                ground.stack.toxiproxy.remove_toxic(proxy, TOXIC)

    def healed(self, sight: Sight, ground: Ground) -> bool:
        return all(milliseconds(seen) < SLOW_MS / 2 for seen in sight.values())


def connecting(url: str) -> str:
    """How long it takes to be let in and to get one answer, as `812.0 ms`; or what became of it."""
    began = time.monotonic()
    try:
        psycopg.connect(url, connect_timeout=CONNECT_S * 3, application_name="rig-fault").close()
    except psycopg.OperationalError:
        return "refused"
    return f"{(time.monotonic() - began) * 1000:.1f} ms"


class PoolExhausted(Truth):
    name = "postgres pool exhausted"
    shows = "A lock on mitras is held: what would change one waits, until no connection of the pool is left"

    def inject(self, ground: Ground) -> None:
        """In a transaction of its own, so that it ends with its connection, too. Plain reads pass."""
        holder = ground.kept["holder"] = psycopg.connect(
            ground.stack.postgres.observer_url, connect_timeout=CONNECT_S, application_name="rig-fault"
        )
        holder.execute("LOCK TABLE mitras IN EXCLUSIVE MODE")

    def look(self, ground: Ground) -> Sight:
        return {"sessions that wait": str(len(backends(ground, "wait_event_type = 'Lock'")))}

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return int(sight["sessions that wait"]) >= WAITERS_MIN

    def remove(self, ground: Ground) -> None:
        if (holder := ground.kept.pop("holder", None)) is not None:
            holder.close()

    def healed(self, sight: Sight, ground: Ground) -> bool:
        return int(sight["sessions that wait"]) == 0
