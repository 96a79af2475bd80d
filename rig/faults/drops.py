"""Packets that are lost on the way: no reset, no answer, and neither side is told."""

import socket
from typing import ClassVar

from rig.faults.base import ANSWERS, CONNECT_S, SILENT, Fault, Ground, Sight
from rig.faults.filters import ESTABLISHED, LISTENING, drop_all, drop_no_more, sockets
from rig.faults.needs import SOCKET_FILTERS

LOOK_S = 0.2
OPEN = "open through"  # an end that was connected before the fault


class Drops(Fault):
    """Acts on the proxy's sockets: what an instance sends to them never arrives. A connection of ours shares their lot."""

    layer = "way"
    needs = (SOCKET_FILTERS,)
    states: ClassVar[tuple[str, ...]] = ()

    def inject(self, ground: Ground) -> None:
        pid = ground.stack.toxiproxy.pid
        dropped, probes = ground.kept.setdefault("dropped", []), ground.kept.setdefault("probes", {})
        for name in ground.hit:
            host, port = ground.address(name)
            probes[name] = socket.create_connection((host, port), timeout=CONNECT_S)
            answered(probes[name])  # so that the proxy has taken it
            for state in self.states:
                for fd in sorted(sockets(pid, port, state)):
                    drop_all(pid, fd)
                    dropped.append((pid, fd))

    def look(self, ground: Ground) -> Sight:
        probes = ground.kept.get("probes", {})
        return {f"{OPEN} {name}": answered(probe) for name, probe in probes.items()} | ground.connections()

    def deaf(self, sight: Sight, ground: Ground) -> bool:
        """Whether those that were open get no answer any more, and who is not hit does."""
        return all(sight.get(f"{OPEN} {name}") == SILENT for name in ground.hit) and ground.spared(sight)

    def remove(self, ground: Ground) -> None:
        for pid, fd in ground.kept.pop("dropped", []):
            drop_no_more(pid, fd)
        for probe in ground.kept.pop("probes", {}).values():
            probe.close()


class PacketsDropped(Drops):
    name = "packets dropped"
    family = "reachability"
    shows = "What an instance sends is lost on the way, on open connections and for new ones: no reset, no answer"
    states = (LISTENING, ESTABLISHED)

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return self.deaf(sight, ground) and all(seen == SILENT for seen in ground.hits(sight))


class HalfOpen(Drops):
    name = "half-open connections"
    family = "silence"
    shows = "The other end of each open connection of an instance is gone without a word; new ones are served"
    states = (ESTABLISHED,)
    outage = False
    seeds = False  # what got lost is written again; nothing says that the store was away

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return self.deaf(sight, ground) and all(seen == ANSWERS for seen in ground.hits(sight))


def answered(connection: socket.socket) -> str:
    """Whether a PING on it brings anything back soon."""
    connection.settimeout(LOOK_S)
    try:
        connection.sendall(b"PING\r\n")
        return ANSWERS if connection.recv(64) else "closed"
    except TimeoutError:
        return SILENT
    except OSError:
        return "closed"
