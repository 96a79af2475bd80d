"""The resolver does not answer, and connections are lost: whoever looks a name up for each new one waits for ever."""

from rig.faults.base import ANSWERS, SILENT, FaultContext, Observation
from rig.faults.requirements import Requirement
from rig.faults.servers.processes import OfAServer

LOOK_S = 0.2


class ResolverSilent(OfAServer):
    """Active when it answers neither us nor an instance that has asked. Of all instances: they have the same one."""

    name = "resolver silent"
    shows = "The resolver answers no more, and the connections to Valkey, which is known by a name, are cut at once"
    also = ("way",)
    aims = ()
    down = False
    beyond = True
    noticed = True
    seeds = True
    requirements = (Requirement.OWN_SERVER, Requirement.OWN_RESOLVER)

    def inject(self, context: FaultContext) -> None:
        resolver = context.stack.resolver
        context.kept["asked before"] = resolver.in_vain
        resolver.silent.set()
        for proxy in context.proxies():
            context.stack.toxiproxy.set_enabled(proxy, False)
            context.stack.toxiproxy.set_enabled(proxy, True)

    def observe(self, context: FaultContext) -> Observation:
        resolver = context.stack.resolver
        asked = resolver.in_vain - context.kept.get("asked before", resolver.in_vain)
        return {"resolver": ANSWERS if resolver.ask(LOOK_S) else SILENT, "look-ups in vain": str(asked)}

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return observation["resolver"] == SILENT and observation["look-ups in vain"] != "0"

    def remove(self, context: FaultContext) -> None:
        context.stack.resolver.silent.clear()

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return observation["resolver"] == ANSWERS
