"""Clients by the hundreds who hold connections of an instance and say nothing, or begin to speak and stop."""

import socket
from contextlib import suppress
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from rig.faults.base import CONNECT_S, FaultContext, Observation
from rig.faults.network.socket_filter import ESTABLISHED
from rig.faults.servers.processes import OfAServer

CLIENTS = 300
MOST = CLIENTS * 9 // 10  # a server may close a silent connection at any time
OURS, THEIRS = "stand", "taken by the instance"


class Crowd(OfAServer):
    """Active when the connections stand at our end, and the instance has taken them; heals when it has given them back."""

    layer = "clients"
    down = False
    beyond = True
    says: ClassVar[bytes]

    def inject(self, context: FaultContext) -> None:
        crowd = context.kept.setdefault("crowd", [])
        for name in context.hit:
            url = urlsplit(context.servers[name].public_url)
            with suppress(OSError):  # what another fault does to the instance: it shows in how many stand
                for _ in range(CLIENTS):
                    one = socket.create_connection((url.hostname, url.port), CONNECT_S)
                    crowd.append((name, one.getsockname()[1], one))
                    one.sendall(self.says)
                    one.setblocking(False)

    def observe(self, context: FaultContext) -> Observation:
        crowd = context.kept.get("crowd", [])
        context.kept["ports"] = {(name, port) for name, port, _ in crowd} or context.kept.get("ports", set())
        observation = {}
        for name in context.hit:
            ports = {port for whose, port in context.kept["ports"] if whose == name}
            observation[f"{OURS} at {name}"] = str(sum(whose == name and stands(one) for whose, _, one in crowd))
            observation[f"{THEIRS} {name}"] = str(taken(urlsplit(context.servers[name].public_url).port or 0, ports))
        return observation

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return all(int(seen) >= MOST for seen in observation.values())

    def remove(self, context: FaultContext) -> None:
        for _, _, one in context.kept.pop("crowd", []):
            one.close()

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen == "0" for seen in observation.values())


class SilentClients(Crowd):
    name = "silent clients"
    shows = "Three hundred clients connect to an instance and say nothing"
    says = b""


class HalfHeads(Crowd):
    name = "half-sent requests"
    shows = "Three hundred clients send an instance half of a request's head, and stop"
    says = b"GET /public/bestie-availability HTTP/1.1\r\nHost: rig\r\nX-Half: "


def stands(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return True
    except OSError:
        return False


def taken(port: int, clients: set[int]) -> int:
    """How many connections from these ports to that one stand, and have been accepted: those belong to an inode."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    # Its columns: number, local and remote address, state, ..., inode at the tenth place.
    return sum(
        line[1].endswith(f":{port:04X}") and int(line[2][-4:], 16) in clients and line[3] == ESTABLISHED
        and line[9] != "0"
        for line in lines
    )  # fmt: skip
