"""Packets that are lost on the way: no reset, no answer, and neither side is told."""

import socket
from contextlib import suppress
from typing import ClassVar
from urllib.parse import urlsplit

from rig.faults.base import ANSWERS, CLOSES, CONNECT_S, SILENT, Fault, FaultContext, Observation, answers_to
from rig.faults.network.socket_filter import ESTABLISHED, LISTENING, drop_all, drop_no_more, sockets
from rig.faults.requirements import Requirement

LOOK_S = 0.2
OPEN = "open through"  # an end that was connected before the fault
# Each asks Postgres before any login whether it speaks that; it says N, and may be asked for the other one then.
SPEAK_TLS = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
SPEAK_GSS = (8).to_bytes(4, "big") + (80877104).to_bytes(4, "big")


class Drops(Fault):
    """Acts on the proxy's sockets: what an instance sends to them never arrives. A connection of ours shares their lot."""

    layer = "way"
    requirements: ClassVar[tuple[Requirement, ...]] = (Requirement.SOCKET_FILTERS,)
    states: ClassVar[tuple[str, ...]] = ()
    first: ClassVar[bytes] = b"PING\r\n"  # what is asked on a connection of ours when it is made
    again: ClassVar[bytes] = b"PING\r\n"  # and later on

    def address(self, context: FaultContext, name: str) -> tuple[str, int]:
        return context.address(name)

    def inject(self, context: FaultContext) -> None:
        pid = context.stack.toxiproxy.pid
        dropped, probes = context.kept.setdefault("dropped", []), context.kept.setdefault("probes", {})
        for name in context.hit:
            host, port = self.address(context, name)
            probes[name] = socket.create_connection((host, port), timeout=CONNECT_S)
            answered(probes[name], self.first)  # so that the proxy has taken it
            for state in self.states:
                for fd in sorted(sockets(pid, port, state)):
                    drop_all(pid, fd)
                    dropped.append((pid, fd))

    def observe(self, context: FaultContext) -> Observation:
        probes = context.kept.get("probes", {})
        return {f"{OPEN} {name}": answered(probe, self.again) for name, probe in probes.items()} | self.new(context)

    def new(self, context: FaultContext) -> Observation:
        """How new connections are treated."""
        return context.connections()

    def deaf(self, observation: Observation, context: FaultContext) -> bool:
        """Whether those that were open get no answer any more, and who is not hit does."""
        return all(observation.get(f"{OPEN} {name}") == SILENT for name in context.hit) and context.others_unaffected(
            observation
        )

    def remove(self, context: FaultContext) -> None:
        for pid, fd in context.kept.pop("dropped", []):
            drop_no_more(pid, fd)
        for probe in context.kept.pop("probes", {}).values():
            probe.close()


class PacketsDropped(Drops):
    name = "packets dropped"
    family = "reachability"
    shows = "What an instance sends is lost on the way, on open connections and for new ones: no reset, no answer"
    states = (LISTENING, ESTABLISHED)

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return self.deaf(observation, context) and all(seen == SILENT for seen in context.hits(observation))


class HalfOpen(Drops):
    name = "half-open connections"
    family = "silence"
    shows = "The other end of each open connection of an instance is gone without a word; new ones are served"
    states = (ESTABLISHED,)
    outage = False
    seeds = False  # what got lost is written again; nothing says that the store was away

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return self.deaf(observation, context) and all(seen == ANSWERS for seen in context.hits(observation))


class TruthHalfOpen(Drops):
    name = "postgres half-open"
    family = "truth"
    shows = (
        "The other end of each open connection of an instance to Postgres is gone without a word; new ones are served"
    )
    layer = "truth"
    requirements = (Requirement.POSTGRES_PROXY, Requirement.SOCKET_FILTERS)
    states = (ESTABLISHED,)
    outage = False
    seeds = False
    beyond = True
    first, again = SPEAK_TLS, SPEAK_GSS

    def address(self, context: FaultContext, name: str) -> tuple[str, int]:
        way = urlsplit(context.servers[name].env["DATABASE_URL"])
        return way.hostname or "127.0.0.1", way.port or 5432

    def new(self, context: FaultContext) -> Observation:
        found = {}
        for name in context.hit:
            with suppress(OSError), socket.create_connection(self.address(context, name), CONNECT_S) as probe:
                found[f"through {name}"] = answered(probe, self.first)
        return {f"through {name}": found.get(f"through {name}", CLOSES) for name in context.hit}

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        silent = all(observation.get(f"{OPEN} {name}") == SILENT for name in context.hit)
        return silent and all(seen == ANSWERS for seen in context.hits(observation))


def answered(connection: socket.socket, question: bytes) -> str:
    """Whether that question on it brings anything back within LOOK_S."""
    connection.settimeout(LOOK_S)
    return answers_to(connection, question)
