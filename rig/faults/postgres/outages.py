"""Postgres itself is ill. What a server answers meanwhile is its own affair; what it did must have been right."""

import time
from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlsplit

import psycopg

from rig.faults.base import Fault, Ground, Sight
from rig.faults.network.toxics import TOXIC, milliseconds
from rig.faults.requirements import TRUTH_PROXIED
from rig.stores.postgres import connect
from rig.stores.valkey import OURS

SLOW_MS, SLOWER_MS, SLOWEST_MS = 400, 1500, 3000
JITTER_MS = 100
WAITERS_MIN = 3
CONNECT_S = 3


class Truth(Fault):
    family = "truth"
    layer = "truth"
    outage = False
    seeds = False
    needs = ("a superuser of Postgres",)


def superuser(ground: Ground, *, autocommit: bool = True) -> psycopg.Connection:
    """The rig's own, to whom the contract's names mean what the server calls otherwise."""
    path = "" if ground.tables is None else ground.tables.search_path
    settings = {"search_path": path} if path else {}
    connection = connect(ground.stack.postgres.observer_url, f"{OURS}fault", settings=settings)
    connection.autocommit = autocommit
    return connection


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
    """Bites as a statement that takes long, on a connection that was open before."""

    name = "postgres slow"
    shows = f"Every answer of Postgres comes {SLOW_MS} ms late, give or take {JITTER_MS}"
    needs = (TRUTH_PROXIED, "a superuser of Postgres")
    slow_ms: ClassVar[int] = SLOW_MS

    def proxies(self, ground: Ground) -> Sequence[str]:
        return [f"postgres-{name}" for name in ground.hit]

    def inject(self, ground: Ground) -> None:
        ground.kept["probes"] = {name: connected_through(ground, name) for name in ground.hit}
        for proxy in self.proxies(ground):
            attributes = {"latency": self.slow_ms, "jitter": JITTER_MS}
            ground.stack.toxiproxy.add_toxic(proxy, TOXIC, "latency", "downstream", attributes)

    def look(self, ground: Ground) -> Sight:
        probes = ground.kept.get("probes", {})
        return {f"through {name}": statement_takes(ground, name, probes.get(name)) for name in ground.hit}

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return all(self.slow_ms / 2 <= milliseconds(seen) < float("inf") for seen in sight.values())

    def remove(self, ground: Ground) -> None:
        for proxy in self.proxies(ground):
            if TOXIC in ground.stack.toxiproxy.toxics(proxy):
                ground.stack.toxiproxy.remove_toxic(proxy, TOXIC)
        for probe in ground.kept.pop("probes", {}).values():
            probe.close()

    def healed(self, sight: Sight, ground: Ground) -> bool:
        return all(milliseconds(seen) < self.slow_ms / 2 for seen in sight.values())


class TruthSlower(TruthSlow):
    name = "postgres slow by 1.5 s"
    shows = "Every answer of Postgres comes 1.5 s late: a statement is waited for, a transaction of several hardly"
    beyond = True
    slow_ms = SLOWER_MS


class TruthSlowest(TruthSlow):
    name = "postgres slow by 3 s"
    shows = "Every answer of Postgres comes 3 s late: it is there, and too late for whoever bounds a statement"
    beyond = True
    slow_ms = SLOWEST_MS


def connected_through(ground: Ground, name: str) -> psycopg.Connection:
    """By an instance's way to Postgres, as the rig's own superuser: its statements are nobody's."""
    way = urlsplit(ground.servers[name].env["DATABASE_URL"])
    return psycopg.connect(
        ground.stack.postgres.observer_url, host=way.hostname, port=way.port, autocommit=True,
        connect_timeout=CONNECT_S, application_name="rig-fault",
    )  # fmt: skip


def statement_takes(ground: Ground, name: str, probe: psycopg.Connection | None) -> str:
    """How long one statement takes to be answered, on that connection or a new one, as `812.0 ms`; or what became of it."""
    try:
        if probe is None:
            with connected_through(ground, name) as fresh:
                return statement_takes(ground, name, fresh)
        began = time.monotonic()
        probe.execute("SELECT 1")
    except psycopg.OperationalError:
        return "closed"
    return f"{(time.monotonic() - began) * 1000:.1f} ms"


class PoolExhausted(Truth):
    name = "postgres pool exhausted"
    shows = "A lock on mitras is held: what would change one waits, until no connection of the pool is left"

    def inject(self, ground: Ground) -> None:
        """In a transaction of its own, so that it ends with its connection, too. Plain reads pass."""
        holder = ground.kept["holder"] = superuser(ground, autocommit=False)
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
