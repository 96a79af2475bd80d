"""Valkey lives, answers, and is wrong: data changed behind the servers' back. All happens at once, nothing to take back."""

import time
from typing import Any

from rig.faults.base import BACK_S, Fault, Ground, Sight

BOGUS = "00000000-0000-4000-8000-0000000000ff"  # well-formed, and nobody's
EVICT_BYTES = 1


class Lie(Fault):
    """A command whose own reply tells that it took effect: a server may heal it at once."""

    outage = False  # over as it happens
    seeds = False
    lasts_s = 0.0
    reconcile_s = 3.0  # by the contract's word what was planted by hand is healed at the next seed
    family = "wrong"

    def commands(self, ground: Ground) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def inject(self, ground: Ground) -> None:
        """Until it takes effect: who was drawn may have left between the look at who is there and the command."""
        deadline = time.monotonic() + BACK_S
        while True:
            with ground.valkey.pipeline(transaction=True) as together:
                for command in self.commands(ground):
                    together.execute_command(*command)
                ground.kept["replies"] = together.execute()
            if not ground.alone or self.bites(self.look(ground), ground) or time.monotonic() >= deadline:
                return
            time.sleep(0.02)  # between two tries

    def look(self, ground: Ground) -> Sight:
        return {"replies": " ".join(map(str, ground.kept.get("replies", ["none"])))}

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return sight["replies"] not in ("none", "0")

    def remove(self, ground: Ground) -> None:
        """The mirror has to heal it."""

    def healed(self, sight: Sight, ground: Ground) -> bool:
        return True


class Flushed(Lie):
    name = "flushdb"
    shows = "FLUSHDB: every key is gone, no connection is closed, nobody is told"
    reconcile_s = None
    seeds = True
    noticed = True  # by the contract's word, within 5 s

    def commands(self, ground: Ground) -> list[tuple[Any, ...]]:
        return [("FLUSHDB",), ("DBSIZE",)]

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return sight["replies"] in ("True 0", "OK 0")


class HeartbeatDeleted(Lie):
    name = "heartbeat deleted"
    shows = "The heartbeat of one online mitra is gone"
    excuses = ("INV-07",)  # a sweep that comes before her next ping takes her offline, as the contract has it

    def commands(self, ground: Ground) -> list[tuple[Any, ...]]:
        return [("DEL", f"mitra:heartbeat:{somebody_online(ground)}")]


class CapacityDeleted(Lie):
    name = "capacity deleted"
    shows = "The capacity of one online mitra is gone"

    def commands(self, ground: Ground) -> list[tuple[Any, ...]]:
        return [("DEL", f"mitra:capacity:{somebody_online(ground)}")]


class CapacityOverwritten(Lie):
    name = "capacity overwritten"
    shows = "The capacity of one online mitra says 99"

    def commands(self, ground: Ground) -> list[tuple[Any, ...]]:
        return [("SET", f"mitra:capacity:{somebody_online(ground)}", "99")]


class MemberLost(Lie):
    name = "member removed"
    shows = "One online mitra is no longer a member of mitras:online"

    def commands(self, ground: Ground) -> list[tuple[Any, ...]]:
        return [("SREM", "mitras:online", somebody_online(ground))]


class MemberMade(Lie):
    name = "member added"
    shows = "An id that is nobody's is a member of mitras:online"
    brings = ("SEEN-03",)

    def commands(self, ground: Ground) -> list[tuple[Any, ...]]:
        return [("SADD", "mitras:online", BOGUS)]


class ShutOutByHand(Lie):
    name = "deactivated by hand"
    shows = "One online mitra is a member of mitras:deactivated, though Postgres has her active"
    excuses = ("INV-18",)  # until the next seed she is refused

    def commands(self, ground: Ground) -> list[tuple[Any, ...]]:
        return [("SADD", "mitras:deactivated", somebody_online(ground))]


class Evicted(Lie):
    name = "eviction"
    needs = ("CONFIG SET",)
    shows = "Under allkeys-lru the memory runs out: keys of the mirror are evicted, silently"
    excuses = ("INV-24",)

    def inject(self, ground: Ground) -> None:
        before = ground.valkey.info("stats")["evicted_keys"]
        ground.valkey.set("rig:ballast", "x")  # an empty Valkey has something to lose, too
        with ground.valkey.pipeline(transaction=False) as together:
            together.config_set("maxmemory-policy", "allkeys-lru")
            together.config_set("maxmemory", EVICT_BYTES)
            together.set("rig:ballast", "y")
            together.config_set("maxmemory", 0)
            together.execute(raise_on_error=False)
        ground.kept["replies"] = [ground.valkey.info("stats")["evicted_keys"] - before]

    def remove(self, ground: Ground) -> None:
        ground.valkey.config_set("maxmemory", 0)
        ground.valkey.config_set("maxmemory-policy", "noeviction")


class EvictionAllowed(Fault):
    """Nothing is evicted yet: the day on which it would be is the wrong one to learn of the policy."""

    name = "eviction allowed"
    needs = ("CONFIG SET",)
    family = "wrong"
    shows = "The policy is allkeys-lru while there is memory enough: nothing is evicted yet, and it has to be cried out"
    outage = False
    seeds = False

    def inject(self, ground: Ground) -> None:
        ground.valkey.config_set("maxmemory-policy", "allkeys-lru")

    def look(self, ground: Ground) -> Sight:
        memory = ground.valkey.info("memory")
        return {"policy": memory["maxmemory_policy"], "maxmemory": str(memory["maxmemory"])}

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return sight == {"policy": "allkeys-lru", "maxmemory": "0"}

    def remove(self, ground: Ground) -> None:
        ground.valkey.config_set("maxmemory-policy", "noeviction")

    def healed(self, sight: Sight, ground: Ground) -> bool:
        return sight["policy"] == "noeviction"


def somebody_online(ground: Ground) -> str:
    """One of them, drawn; an id that nobody has when nobody is online."""
    online = sorted(ground.valkey.smembers("mitras:online"))
    return ground.random.choice(online) if online else BOGUS
