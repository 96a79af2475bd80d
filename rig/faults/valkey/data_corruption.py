"""Valkey lives, answers, and is wrong: data changed behind the servers' back. All happens at once, nothing to take back."""

from typing import ClassVar

from rig.faults.base import BACK_S, Fault, FaultContext, Observation
from rig.faults.requirements import Requirement
from rig.stores.valkey import Word, run, setting, text
from rig.waiting import poll_until

BOGUS = "00000000-0000-4000-8000-0000000000ff"  # well-formed, and nobody's
EVICT_BYTES = 1
MEMORY_SETTINGS = ("maxmemory", "maxmemory-policy")


class DataCorruption(Fault):
    """A command whose own reply tells that it took effect: a server may heal it at once."""

    outage = False  # over as it happens
    seeds = False
    lasts_s = 0.0
    reconcile_s: ClassVar[float | None] = (
        3.0  # by the contract's word what was planted by hand is healed at the next seed
    )
    family = "wrong"

    def commands(self, context: FaultContext) -> list[tuple[Word, ...]]:
        raise NotImplementedError

    def inject(self, context: FaultContext) -> None:
        """Repeat it until it takes effect: a mitra who was drawn may have left before the command reached Valkey."""

        def took_effect() -> bool:
            with context.valkey.pipeline(transaction=True) as pipeline:
                for command in self.commands(context):
                    run(pipeline, *command)
                context.kept["replies"] = pipeline.execute()
            return not context.alone or self.is_active(self.observe(context), context)

        poll_until(took_effect, BACK_S)

    def observe(self, context: FaultContext) -> Observation:
        return {"replies": " ".join(map(str, context.kept.get("replies", ["none"])))}

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return observation["replies"] not in ("none", "0")

    def remove(self, context: FaultContext) -> None:
        """The mirror has to heal it."""

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return True


class Flushed(DataCorruption):
    name = "flushdb"
    shows = "FLUSHDB: every key is gone, no connection is closed, nobody is told"
    reconcile_s = None
    seeds = True
    noticed = True  # by the contract's word, within 5 s

    def commands(self, context: FaultContext) -> list[tuple[Word, ...]]:
        return [("FLUSHDB",), ("DBSIZE",)]

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return observation["replies"] in ("True 0", "OK 0")


class HeartbeatDeleted(DataCorruption):
    name = "heartbeat deleted"
    shows = "The heartbeat of one online mitra is gone"
    exempt_checks = ("INV-07",)  # a sweep that comes before her next ping takes her offline, as the contract has it

    def commands(self, context: FaultContext) -> list[tuple[Word, ...]]:
        return [("DEL", f"mitra:heartbeat:{somebody_online(context)}")]


class CapacityDeleted(DataCorruption):
    name = "capacity deleted"
    shows = "The capacity of one online mitra is gone"

    def commands(self, context: FaultContext) -> list[tuple[Word, ...]]:
        return [("DEL", f"mitra:capacity:{somebody_online(context)}")]


class CapacityOverwritten(DataCorruption):
    name = "capacity overwritten"
    shows = "The capacity of one online mitra says 99"

    def commands(self, context: FaultContext) -> list[tuple[Word, ...]]:
        return [("SET", f"mitra:capacity:{somebody_online(context)}", "99")]


class MemberLost(DataCorruption):
    name = "member removed"
    shows = "One online mitra is no longer a member of mitras:online"

    def commands(self, context: FaultContext) -> list[tuple[Word, ...]]:
        return [("SREM", "mitras:online", somebody_online(context))]


class MemberMade(DataCorruption):
    name = "member added"
    shows = "An id that is nobody's is a member of mitras:online"
    expects_events = ("SEEN-03",)

    def commands(self, context: FaultContext) -> list[tuple[Word, ...]]:
        return [("SADD", "mitras:online", BOGUS)]


class ShutOutByHand(DataCorruption):
    name = "deactivated by hand"
    shows = "One online mitra is a member of mitras:deactivated, though Postgres has her active"
    exempt_checks = ("INV-18",)  # until the next seed she is refused

    def commands(self, context: FaultContext) -> list[tuple[Word, ...]]:
        return [("SADD", "mitras:deactivated", somebody_online(context))]


class Evicted(DataCorruption):
    name = "eviction"
    requirements = (Requirement.CONFIG_SET,)
    shows = "Under allkeys-lru the memory runs out: keys of the mirror are evicted, silently"
    exempt_checks = ("INV-24",)

    def inject(self, context: FaultContext) -> None:
        before = context.valkey.info("stats")["evicted_keys"]
        remember_settings(context)
        context.valkey.set("rig:ballast", "x")  # an empty Valkey has something to lose, too
        with context.valkey.pipeline(transaction=False) as together:
            together.config_set("maxmemory-policy", "allkeys-lru")
            together.config_set("maxmemory", EVICT_BYTES)
            together.set("rig:ballast", "y")
            together.config_set("maxmemory", context.kept["settings"]["maxmemory"])
            together.execute(raise_on_error=False)
        context.kept["replies"] = [context.valkey.info("stats")["evicted_keys"] - before]

    def remove(self, context: FaultContext) -> None:
        put_settings_back(context)


class EvictionAllowed(Fault):
    """Nothing is evicted yet: the day on which it would be is the wrong one to learn of the policy."""

    name = "eviction allowed"
    requirements = (Requirement.CONFIG_SET,)
    family = "wrong"
    shows = "The policy is allkeys-lru while there is memory enough: nothing is evicted yet, and it has to be cried out"
    outage = False
    seeds = False

    def inject(self, context: FaultContext) -> None:
        remember_settings(context)
        context.valkey.config_set("maxmemory-policy", "allkeys-lru")

    def observe(self, context: FaultContext) -> Observation:
        memory = context.valkey.info("memory")
        room = memory["maxmemory"] == 0 or memory["used_memory"] < memory["maxmemory"] / 2
        return {"policy": memory["maxmemory_policy"], "memory": "enough" if room else "scarce"}

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return observation == {"policy": "allkeys-lru", "memory": "enough"}

    def remove(self, context: FaultContext) -> None:
        put_settings_back(context)

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return not observation["policy"].startswith("allkeys")


def remember_settings(context: FaultContext) -> None:
    """What Valkey does when its memory is full, as it was before the fault."""
    for name in MEMORY_SETTINGS:
        context.kept.setdefault("settings", {}).setdefault(name, setting(context.valkey, name))


def put_settings_back(context: FaultContext) -> None:
    for name, value in context.kept.pop("settings", {}).items():
        context.valkey.config_set(name, value)


def somebody_online(context: FaultContext) -> str:
    """One of them, drawn; an id that nobody has when nobody is online."""
    online = sorted(map(text, context.valkey.smembers("mitras:online")))
    return context.random.choice(online) if online else BOGUS
