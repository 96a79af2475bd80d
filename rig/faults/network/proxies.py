"""Faults that an instance's proxy makes as a whole: it refuses, it leads nowhere, it drops every connection."""

import socket

from rig.faults.base import CLOSES, REFUSED, SILENT, Fault, Ground, Sight

NOWHERE = "127.0.0.1:1"  # nobody may listen below 1024 without being root


class Refused(Fault):
    name = "refused"
    family = "reachability"
    shows = "The connections of an instance are cut, and new ones refused"
    layer = "way"
    noticed = True

    def inject(self, ground: Ground) -> None:
        for proxy in ground.proxies():
            ground.stack.toxiproxy.set_enabled(proxy, False)

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return all(seen == REFUSED for seen in ground.hits(sight)) and ground.spared(sight)

    def remove(self, ground: Ground) -> None:
        for proxy in ground.proxies():
            ground.stack.toxiproxy.set_enabled(proxy, True)


class AcceptedThenClosed(Fault):
    name = "accepted, then closed"
    family = "reachability"
    shows = "A connection is accepted and closed at once, as by a balancer without a live server behind it"
    layer = "way"
    noticed = True

    def inject(self, ground: Ground) -> None:
        for proxy in ground.proxies():
            ground.stack.toxiproxy.set_upstream(proxy, NOWHERE)

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return all(seen == CLOSES for seen in ground.hits(sight)) and ground.spared(sight)

    def remove(self, ground: Ground) -> None:
        for proxy in ground.proxies():
            ground.stack.toxiproxy.set_upstream(proxy, ground.valkey_address)


class CutOnce(Fault):
    name = "all connections cut"
    family = "cuts"
    shows = "Every connection of an instance is cut at the same moment; new ones are served"
    needs = ("CLIENT LIST",)
    layer = "way"
    outage = False
    noticed = True
    lasts_s = 0.0

    def inject(self, ground: Ground) -> None:
        before = ground.clients_to_end()
        for proxy in ground.proxies():
            ground.stack.toxiproxy.set_enabled(proxy, False)
            ground.stack.toxiproxy.set_enabled(proxy, True)
        ground.kept["clients"] = before

    def look(self, ground: Ground) -> Sight:
        return ground.clients_left(ground.kept.get("clients", set()))

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return sight["connections left"] == "0" and sight["connections before"] != "0"

    def remove(self, ground: Ground) -> None:
        """It is over as it happens."""

    def healed(self, sight: Sight, ground: Ground) -> bool:
        return True


class Unanswered(Fault):
    name = "no answer to a connection"
    family = "reachability"
    shows = "Connections are cut, and what would make new ones gets neither answer nor refusal, as from a dropped route"
    layer = "way"
    noticed = True

    def inject(self, ground: Ground) -> None:
        """A listener whose queue is full drops each further SYN: what a firewall's DROP looks like, without being root."""
        kept = ground.kept.setdefault("unanswered", [])
        for name in ground.hit:
            ground.stack.toxiproxy.set_enabled(ground.servers[name].proxy, False)
            host, port = ground.address(name)
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(0)
            kept.append(listener)
            for _ in range(4):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex((host, port))
                kept.append(filler)

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return all(seen == SILENT for seen in ground.hits(sight)) and ground.spared(sight)

    def remove(self, ground: Ground) -> None:
        for taken in ground.kept.pop("unanswered", []):
            taken.close()
        for proxy in ground.proxies():
            ground.stack.toxiproxy.set_enabled(proxy, True)
