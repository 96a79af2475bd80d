"""More than one Valkey: a replica that lags and is promoted, instances that have a store each, one that is cut off."""

import time
from typing import ClassVar

import redis

from rig.faults.base import Fault, FaultContext, Observation, told_by
from rig.faults.network.proxies import Refused
from rig.faults.network.toxics import RequestsLost
from rig.faults.requirements import Requirement
from rig.stack.embedded.valkey import EmbeddedValkey

LAG_S = 1.0  # of writes that the replica never gets


class Elsewhere(Fault):
    """The ways of the instances that are hit lead to a second Valkey. Active when they meet its run_id."""

    layer = "valkey"
    also = ("way",)
    requirements = (Requirement.EMBEDDED_VALKEY,)

    def second(self, context: FaultContext) -> EmbeddedValkey:
        if "second" not in context.kept:
            context.kept["second"] = context.stack.valkey.twin()
            context.kept["run ids"] = {
                context.stack.valkey.run_id(): "first",
                context.kept["second"].run_id(): "second",
            }
        second: EmbeddedValkey = context.kept["second"]
        return second

    def lead(self, context: FaultContext, address: str) -> None:
        for proxy in context.proxies():
            context.stack.toxiproxy.set_upstream(proxy, address)

    def observe(self, context: FaultContext) -> Observation:
        known = context.kept.get("run ids", {})
        found = {}
        for name, server in context.servers.items():
            seen = told_by(server.env["VALKEY_URL"], 1.0, run_id)
            found[f"through {name}"] = known.get(seen, seen)
        return found

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen == "second" for seen in context.hits(observation))

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen == "first" for seen in context.hits(observation))

    def drop_second(self, context: FaultContext) -> None:
        second = context.kept.pop("second", None)
        if second is not None:
            self.lead(context, context.valkey_address)
            second.close()


def run_id(connection: redis.Redis) -> str:
    return str(connection.info("server")["run_id"])


class Failover(Elsewhere):
    name = "failover to a lagging replica"
    family = "wrong"
    shows = f"A replica that lacks the last {LAG_S:g} s of writes is promoted and takes over; later it fails back"
    noticed = True  # every connection ends
    outage = False

    def inject(self, context: FaultContext) -> None:
        second = self.second(context)
        second.follow(context.stack.valkey)
        second.lead()
        time.sleep(LAG_S)  # what is written meanwhile is lost
        self.lead(context, f"{second.host}:{second.port}")

    def remove(self, context: FaultContext) -> None:
        if "second" in context.kept:
            context.stack.valkey.follow(context.kept["second"])
            context.stack.valkey.lead()
            self.drop_second(context)


class TwoStores(Elsewhere):
    name = "two stores"
    family = "partial"
    shows = "One of two instances is led to a Valkey of its own: each believes a mirror that the other does not write"
    instances = ("a", "b")
    aims = ("b",)
    noticed = True
    outage = False
    parts = True

    def inject(self, context: FaultContext) -> None:
        second = self.second(context)
        self.lead(context, f"{second.host}:{second.port}")

    def remove(self, context: FaultContext) -> None:
        self.drop_second(context)


class OneCutOff(Refused):
    name = "one instance cut off"
    family = "partial"
    shows = "One of two instances is refused by Valkey; the other goes on as ever"
    instances: ClassVar = ("a", "b")
    aims: ClassVar = ("b",)
    seeds = False  # it finds a valid epoch on its return


class OneUnheard(RequestsLost):
    name = "one instance unheard"
    family = "partial"
    shows = "What one of two instances asks never reaches Valkey; the other goes on as ever"
    instances: ClassVar = ("a", "b")
    aims: ClassVar = ("b",)
    seeds = False
