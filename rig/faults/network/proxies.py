"""Faults that an instance's proxy makes as a whole: it refuses, it leads nowhere, it drops every connection."""

import socket

from rig.faults.base import CLOSES, REFUSED, SILENT, Fault, FaultContext, Observation
from rig.faults.requirements import Requirement

NOWHERE = "127.0.0.1:1"  # nobody may listen below 1024 without being root


class Refused(Fault):
    name = "refused"
    family = "reachability"
    shows = "The connections of an instance are cut, and new ones refused"
    layer = "way"
    noticed = True

    def inject(self, context: FaultContext) -> None:
        for proxy in context.proxies():
            context.stack.toxiproxy.set_enabled(proxy, False)

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen == REFUSED for seen in context.hits(observation)) and context.others_unaffected(observation)

    def remove(self, context: FaultContext) -> None:
        for proxy in context.proxies():
            context.stack.toxiproxy.set_enabled(proxy, True)


class AcceptedThenClosed(Fault):
    name = "accepted, then closed"
    family = "reachability"
    shows = "A connection is accepted and closed at once, as by a balancer without a live server behind it"
    layer = "way"
    noticed = True

    def inject(self, context: FaultContext) -> None:
        for proxy in context.proxies():
            context.stack.toxiproxy.set_upstream(proxy, NOWHERE)

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen == CLOSES for seen in context.hits(observation)) and context.others_unaffected(observation)

    def remove(self, context: FaultContext) -> None:
        for proxy in context.proxies():
            context.stack.toxiproxy.set_upstream(proxy, context.valkey_address)


class CutOnce(Fault):
    name = "all connections cut"
    family = "cuts"
    shows = "Every connection of an instance is cut at the same moment; new ones are served"
    requirements = (Requirement.CLIENT_LIST,)
    layer = "way"
    outage = False
    noticed = True
    lasts_s = 0.0

    def inject(self, context: FaultContext) -> None:
        before = context.clients_to_end()
        for proxy in context.proxies():
            context.stack.toxiproxy.set_enabled(proxy, False)
            context.stack.toxiproxy.set_enabled(proxy, True)
        context.kept["clients"] = before

    def observe(self, context: FaultContext) -> Observation:
        return context.clients_left(context.kept.get("clients", set()))

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return observation["connections left"] == "0" and observation["connections before"] != "0"

    def remove(self, context: FaultContext) -> None:
        """It is over as it happens."""

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return True


class Unanswered(Fault):
    name = "no answer to a connection"
    family = "reachability"
    shows = "Connections are cut, and what would make new ones gets neither answer nor refusal, as from a dropped route"
    layer = "way"
    noticed = True

    def inject(self, context: FaultContext) -> None:
        """A listener whose queue is full drops each further SYN: what a firewall's DROP looks like, without being root."""
        kept = context.kept.setdefault("unanswered", [])
        for name in context.hit:
            context.stack.toxiproxy.set_enabled(context.servers[name].proxy, False)
            host, port = context.address(name)
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

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen == SILENT for seen in context.hits(observation)) and context.others_unaffected(observation)

    def remove(self, context: FaultContext) -> None:
        for taken in context.kept.pop("unanswered", []):
            taken.close()
        for proxy in context.proxies():
            context.stack.toxiproxy.set_enabled(proxy, True)
