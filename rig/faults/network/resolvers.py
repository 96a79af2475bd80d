"""The resolver does not answer, and connections are lost: whoever looks a name up for each new one waits for ever."""

from rig.faults.base import ANSWERS, SILENT, Ground, Sight
from rig.faults.requirements import RESOLVER
from rig.faults.servers.processes import OfAServer

LOOK_S = 0.2


class ResolverSilent(OfAServer):
    """Bites when it answers neither us nor an instance that has asked. Of all instances: they have the same one."""

    name = "resolver silent"
    shows = "The resolver answers no more, and the connections to Valkey, which is known by a name, are cut at once"
    also = ("way",)
    aims = ()
    down = False
    beyond = True
    noticed = True
    seeds = True
    needs = ("a server of ours", RESOLVER)

    def inject(self, ground: Ground) -> None:
        resolver = ground.stack.resolver
        ground.kept["asked before"] = resolver.in_vain
        resolver.silent.set()
        for proxy in ground.proxies():
            ground.stack.toxiproxy.set_enabled(proxy, False)
            ground.stack.toxiproxy.set_enabled(proxy, True)

    def look(self, ground: Ground) -> Sight:
        resolver = ground.stack.resolver
        asked = resolver.in_vain - ground.kept.get("asked before", resolver.in_vain)
        return {"resolver": ANSWERS if resolver.ask(LOOK_S) else SILENT, "look-ups in vain": str(asked)}

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return sight["resolver"] == SILENT and sight["look-ups in vain"] != "0"

    def remove(self, ground: Ground) -> None:
        ground.stack.resolver.silent.clear()

    def healed(self, sight: Sight, ground: Ground) -> bool:
        return sight["resolver"] == ANSWERS
