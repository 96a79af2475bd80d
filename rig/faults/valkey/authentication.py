"""A store that does not know who speaks: the line in front of it takes the password, and what is behind asks for one."""

import socketserver
import threading
from typing import Any

from rig.faults.base import Ground, Sight
from rig.faults.requirements import OWN_PROXY
from rig.faults.valkey.error_replies import Refusing

GREETINGS = (b"AUTH", b"HELLO")


class Doorkeeper(socketserver.StreamRequestHandler):
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


class Door(socketserver.ThreadingTCPServer):
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
    needs = (OWN_PROXY,)

    def inject(self, ground: Ground) -> None:
        door = Door(("127.0.0.1", 0), Doorkeeper)
        ground.kept.setdefault("doors", []).append(door)
        threading.Thread(target=door.serve_forever, args=(0.05,), daemon=True).start()
        for proxy in ground.proxies():
            ground.stack.toxiproxy.set_upstream(proxy, f"127.0.0.1:{door.server_address[1]}")

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return super().bites(sight, ground) and sight["direct"] == "True"

    def remove(self, ground: Ground) -> None:
        for proxy in ground.proxies():
            ground.stack.toxiproxy.set_upstream(proxy, ground.valkey_address)
        for door in ground.kept.pop("doors", []):
            door.shutdown()
            door.server_close()
