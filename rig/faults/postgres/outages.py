"""Postgres itself is ill. What a server answers meanwhile is its own affair; what it did must have been right."""

import time
from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlsplit

import psycopg

from rig.faults.base import Fault, FaultContext, Observation
from rig.faults.network.toxics import TOXIC, milliseconds
from rig.faults.requirements import Requirement
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
    requirements: ClassVar[tuple[Requirement, ...]] = (Requirement.POSTGRES_SUPERUSER,)


def superuser(context: FaultContext, *, autocommit: bool = True) -> psycopg.Connection:
    """The rig's own, to whom the contract's names mean what the server calls otherwise."""
    path = "" if context.tables is None else context.tables.search_path
    settings = {"search_path": path} if path else {}
    connection = connect(context.stack.postgres.observer_url, f"{OURS}fault", settings=settings)
    connection.autocommit = autocommit
    return connection


def roles(context: FaultContext) -> list[str]:
    return [context.servers[name].role for name in context.hit]


def backends(context: FaultContext, which: str = "true") -> set[int]:
    """Process ids of the sessions that the instances that are hit have in Postgres."""
    query = f"SELECT pid FROM pg_stat_activity WHERE usename = ANY(%s) AND {which}"
    with superuser(context) as connection:
        return {row[0] for row in connection.execute(query, (roles(context),)).fetchall()}


class PostgresConnectionsCut(Truth):
    name = "postgres connections cut"
    shows = "Every session of an instance in Postgres is terminated at once; new ones are served"
    lasts_s = 0.0

    def inject(self, context: FaultContext) -> None:
        """By their ids, found before: in one query the planner may end sessions before it asks whose they are."""
        context.kept["backends"] = backends(context)
        with superuser(context) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM unnest(%s) pid", (list(context.kept["backends"]),)
            )

    def observe(self, context: FaultContext) -> Observation:
        ended = context.kept.get("backends", set())
        return {"sessions before": str(len(ended)), "sessions left": str(len(ended & backends(context)))}

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return observation["sessions before"] != "0" and observation["sessions left"] == "0"

    def remove(self, context: FaultContext) -> None:
        """It is over as it happens."""

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return True


class TruthRestarted(Truth):
    name = "postgres restarted"
    shows = "Postgres shuts down, is away for a while and comes back with what was committed"
    requirements = (Requirement.EMBEDDED_POSTGRES,)

    def inject(self, context: FaultContext) -> None:
        context.stack.postgres.stop()

    def observe(self, context: FaultContext) -> Observation:
        return {"direct": "answers" if answers(context) else "refused"}

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return observation["direct"] == "refused"

    def remove(self, context: FaultContext) -> None:
        context.stack.postgres.start()


def answers(context: FaultContext) -> bool:
    try:
        superuser(context).close()
    except psycopg.OperationalError:
        return False
    return True


class TruthSlow(Truth):
    """Active as a statement that takes long, on a connection that was open before."""

    name = "postgres slow"
    shows = f"Every answer of Postgres comes {SLOW_MS} ms late, give or take {JITTER_MS}"
    requirements = (Requirement.POSTGRES_PROXY, Requirement.POSTGRES_SUPERUSER)
    slow_ms: ClassVar[int] = SLOW_MS

    def proxies(self, context: FaultContext) -> Sequence[str]:
        return [f"postgres-{name}" for name in context.hit]

    def inject(self, context: FaultContext) -> None:
        context.kept["probes"] = {name: connected_through(context, name) for name in context.hit}
        for proxy in self.proxies(context):
            attributes = {"latency": self.slow_ms, "jitter": JITTER_MS}
            context.stack.toxiproxy.add_toxic(proxy, TOXIC, "latency", "downstream", attributes)

    def observe(self, context: FaultContext) -> Observation:
        probes = context.kept.get("probes", {})
        return {f"through {name}": statement_takes(context, name, probes.get(name)) for name in context.hit}

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return all(self.slow_ms / 2 <= milliseconds(seen) < float("inf") for seen in observation.values())

    def remove(self, context: FaultContext) -> None:
        for proxy in self.proxies(context):
            if TOXIC in context.stack.toxiproxy.toxics(proxy):
                context.stack.toxiproxy.remove_toxic(proxy, TOXIC)
        for probe in context.kept.pop("probes", {}).values():
            probe.close()

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return all(milliseconds(seen) < self.slow_ms / 2 for seen in observation.values())


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


def connected_through(context: FaultContext, name: str) -> psycopg.Connection:
    """By an instance's way to Postgres, as the rig's own superuser: its statements are nobody's."""
    way = urlsplit(context.servers[name].env["DATABASE_URL"])
    return psycopg.connect(
        context.stack.postgres.observer_url, host=way.hostname, port=way.port, autocommit=True,
        connect_timeout=CONNECT_S, application_name="rig-fault",
    )  # fmt: skip


def statement_takes(context: FaultContext, name: str, probe: psycopg.Connection | None) -> str:
    """How long one statement takes to be answered, on that connection or a new one, as `812.0 ms`; or what became of it."""
    try:
        if probe is None:
            with connected_through(context, name) as fresh:
                return statement_takes(context, name, fresh)
        began = time.monotonic()
        probe.execute("SELECT 1")
    except psycopg.OperationalError:
        return "closed"
    return f"{(time.monotonic() - began) * 1000:.1f} ms"


class PoolExhausted(Truth):
    name = "postgres pool exhausted"
    shows = "A lock on mitras is held: what would change one waits, until no connection of the pool is left"

    def inject(self, context: FaultContext) -> None:
        """In a transaction of its own, so that it ends with its connection, too. Plain reads pass."""
        holder = context.kept["holder"] = superuser(context, autocommit=False)
        holder.execute("LOCK TABLE mitras IN EXCLUSIVE MODE")

    def observe(self, context: FaultContext) -> Observation:
        return {"sessions that wait": str(len(backends(context, "wait_event_type = 'Lock'")))}

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return int(observation["sessions that wait"]) >= WAITERS_MIN

    def remove(self, context: FaultContext) -> None:
        if (holder := context.kept.pop("holder", None)) is not None:
            holder.close()

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return int(observation["sessions that wait"]) == 0
