"""A store that does not know who speaks: the line in front of it takes the password, and what is behind asks for one."""

import socketserver
import threading
from typing import Any

from rig.faults.base import FaultContext, Observation
from rig.faults.requirements import Requirement
from rig.faults.valkey.error_replies import Refusing

GREETINGS = (b"AUTH", b"HELLO")


class AuthRejectingHandler(socketserver.StreamRequestHandler):
    """Speaks just enough of the protocol: whoever greets is welcome, and everything else is refused."""

    def handle(self) -> None:
        while words := self.command():
            self.wfile.write(b"+OK\r\n" if words[0].upper() in GREETINGS else b"-NOAUTH Authentication required.\r\n")

    def command(self) -> list[bytes]:
        """One command, as an array of bulk strings or as a plain line; none when the client has gone."""
        line = self.rfile.readline().strip()
        if not line.startswith(b"*"):
            return line.split()
        words = []
        for _ in range(int(line[1:])):
            length = int(self.rfile.readline()[1:])
            words.append(self.rfile.read(length + 2)[:-2])
        return words


class AuthRejectingServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks off is no news here."""


class Unauthenticated(Refusing):
    name = "password demanded"
    shows = (
        "An instance's connections are ended, and on new ones each command gets NOAUTH, though the password was taken"
    )
    layer = "way"
    noticed = True
    word = "NOAUTH"
    requirements = (Requirement.OWN_PROXY,)

    def inject(self, context: FaultContext) -> None:
        door = AuthRejectingServer(("127.0.0.1", 0), AuthRejectingHandler)
        context.kept.setdefault("doors", []).append(door)
        threading.Thread(target=door.serve_forever, args=(0.05,), daemon=True).start()
        for proxy in context.proxies():
            context.stack.toxiproxy.set_upstream(proxy, f"127.0.0.1:{door.server_address[1]}")

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return super().is_active(observation, context) and observation["direct"] == "True"

    def remove(self, context: FaultContext) -> None:
        for proxy in context.proxies():
            context.stack.toxiproxy.set_upstream(proxy, context.valkey_address)
        for door in context.kept.pop("doors", []):
            door.shutdown()
            door.server_close()
