"""More than one Valkey: a replica that lags and is promoted, instances that have a store each, one that is cut off."""

import time
from typing import ClassVar

import redis

from rig.faults.base import Fault, Ground, Sight, told_by
from rig.faults.network.proxies import Refused
from rig.faults.network.toxics import RequestsLost

LAG_S = 1.0  # of writes that the replica never gets


class Elsewhere(Fault):
    """The ways of the instances that are hit lead to a second Valkey. Bites when they meet its run_id."""

    layer = "valkey"
    also = ("way",)
    needs = ("embedded valkey",)

    def second(self, ground: Ground):
        if "second" not in ground.kept:
            ground.kept["second"] = ground.stack.valkey.twin()
            ground.kept["run ids"] = {ground.stack.valkey.run_id(): "first", ground.kept["second"].run_id(): "second"}
        return ground.kept["second"]

    def lead(self, ground: Ground, address: str) -> None:
        for proxy in ground.proxies():
            ground.stack.toxiproxy.set_upstream(proxy, address)

    def look(self, ground: Ground) -> Sight:
        known = ground.kept.get("run ids", {})
        found = {}
        for name, server in ground.servers.items():
            seen = told_by(server.env["VALKEY_URL"], 1.0, run_id)
            found[f"through {name}"] = known.get(seen, seen)
        return found

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return all(seen == "second" for seen in ground.hits(sight))

    def healed(self, sight: Sight, ground: Ground) -> bool:
        return all(seen == "first" for seen in ground.hits(sight))

    def drop_second(self, ground: Ground) -> None:
        second = ground.kept.pop("second", None)
        if second is not None:
            self.lead(ground, ground.valkey_address)
            second.close()


def run_id(connection: redis.Redis) -> str:
    return str(connection.info("server")["run_id"])


class Failover(Elsewhere):
    name = "failover to a lagging replica"
    family = "wrong"
    shows = f"A replica that lacks the last {LAG_S:g} s of writes is promoted and takes over; later it fails back"
    noticed = True  # every connection ends
    outage = False

    def inject(self, ground: Ground) -> None:
        second = self.second(ground)
        second.follow(ground.stack.valkey)
        second.lead()
        time.sleep(LAG_S)  # what is written meanwhile is lost
        self.lead(ground, f"{second.host}:{second.port}")

    def remove(self, ground: Ground) -> None:
        if "second" in ground.kept:
            ground.stack.valkey.follow(ground.kept["second"])
            ground.stack.valkey.lead()
            self.drop_second(ground)


class TwoStores(Elsewhere):
    name = "two stores"
    family = "partial"
    shows = "One of two instances is led to a Valkey of its own: each believes a mirror that the other does not write"
    instances = ("a", "b")
    aims = ("b",)
    noticed = True
    outage = False
    parts = True

    def inject(self, ground: Ground) -> None:
        second = self.second(ground)
        self.lead(ground, f"{second.host}:{second.port}")

    def remove(self, ground: Ground) -> None:
        self.drop_second(ground)


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
