"""Faults of Valkey's process and of what it does with its clients."""

import time

from rig.faults.base import ENDED, SILENT, STILL_S, Fault, FaultContext, Observation, none_answers
from rig.faults.requirements import Requirement
from rig.stores.valkey import run

PAUSE_MS = 3000
PAUSED_S = 0.2
SUBSCRIBING = ("subscribe", "psubscribe", "ssubscribe", "spublish")  # the last shows from outside what is barred


class ValkeyKilled(Fault):
    name = "valkey killed"
    family = "reachability"
    shows = "Valkey dies by SIGKILL, no farewell to clients, and comes back on the same port without any key"
    noticed = True

    def inject(self, context: FaultContext) -> None:
        context.stack.valkey.kill()

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return none_answers(observation)

    def remove(self, context: FaultContext) -> None:
        context.stack.valkey.start()
        context.connect()


class OldSnapshot(ValkeyKilled):
    name = "old snapshot"
    family = "wrong"
    shows = "Valkey dies and comes back with the keys of the moment before: what happened meanwhile it has not seen"

    def inject(self, context: FaultContext) -> None:
        context.kept["snapshot"] = context.stack.valkey.save()
        context.stack.valkey.kill()

    def remove(self, context: FaultContext) -> None:
        if (snapshot := context.kept.pop("snapshot", None)) is not None:
            context.stand_still(STILL_S)  # just what changed since is wrong now
            context.stack.valkey.start(snapshot=snapshot)
            context.stand_still(STILL_S)  # from now on, however long that took
        super().remove(context)


class Hung(Fault):
    name = "hung"
    family = "silence"
    shows = "Valkey's process is stopped by SIGSTOP: it holds its connections and says nothing"

    def inject(self, context: FaultContext) -> None:
        context.stack.valkey.pause()

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen == SILENT for seen in observation.values())

    def remove(self, context: FaultContext) -> None:
        context.stack.valkey.resume()


class Paused(Fault):
    name = "client pause"
    requirements = (Requirement.CLIENT_PAUSE,)
    family = "silence"
    shows = f"CLIENT PAUSE ALL: every command waits; it ends by itself after {PAUSE_MS / 1000:g} s"
    lasts_s = PAUSE_MS / 1000

    def inject(self, context: FaultContext) -> None:
        context.kept["paused until"] = time.time() + PAUSE_MS / 1000
        run(context.valkey, "CLIENT", "PAUSE", PAUSE_MS, "ALL")

    def observe(self, context: FaultContext) -> Observation:
        return context.answers("PING", within_s=PAUSED_S)  # one without a login would be refused, not left waiting

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen == SILENT for seen in observation.values())

    def remove(self, context: FaultContext) -> None:
        """Nobody can take it back: UNPAUSE would wait as all else does. What comes late finds it over already."""
        until = context.kept.pop("paused until", None)
        if until is not None:
            time.sleep(max(0.0, until - time.time()))
            context.kept[ENDED] = until

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return all(map(is_pong, observation.values()))


class WritesPaused(Fault):
    name = "client pause write"
    requirements = (Requirement.CLIENT_PAUSE,)
    family = "silence"
    shows = "CLIENT PAUSE WRITE: reads are answered, every write waits"
    outage = False
    seeds = False

    def inject(self, context: FaultContext) -> None:
        run(context.valkey, "CLIENT", "PAUSE", 60_000, "WRITE")

    def observe(self, context: FaultContext) -> Observation:
        reads = {f"read {end}": seen for end, seen in context.answers("PING").items()}
        return {**reads, **context.answers("DEL", "rig:nothing", within_s=PAUSED_S)}

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        reads = [seen for end, seen in observation.items() if end.startswith("read ")]
        return all(seen == SILENT for seen in context.hits(observation)) and all(map(is_pong, reads))

    def remove(self, context: FaultContext) -> None:
        run(context.valkey, "CLIENT", "UNPAUSE")

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen == "0" for seen in context.hits(observation))


def is_pong(seen: str) -> bool:
    return seen in ("PONG", "True")


class ClientsKilled(Fault):
    name = "clients killed"
    family = "cuts"
    shows = "CLIENT KILL ends every ordinary connection of an instance; new ones are served"
    requirements = (Requirement.CLIENT_KILL, Requirement.CLIENT_LIST)
    outage = False
    noticed = True
    lasts_s = 0.0
    type = "normal"

    def inject(self, context: FaultContext) -> None:
        context.kept["clients"] = context.clients_to_end(self.type)
        for user in context.users():
            run(context.valkey, "CLIENT", "KILL", "TYPE", self.type, "USER", user)

    def observe(self, context: FaultContext) -> Observation:
        return context.clients_left(context.kept.get("clients", set()), self.type)

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return observation["connections left"] == "0" and observation["connections before"] != "0"

    def remove(self, context: FaultContext) -> None:
        """It is over as it happens."""

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return True


class SubscribersKilled(ClientsKilled):
    name = "subscribers killed"
    family = "partial"
    shows = "CLIENT KILL ends the subscriptions alone; all else goes on"
    seeds = False
    type = "pubsub"


class SubscriptionsBarred(Fault):
    name = "subscriptions barred"
    family = "partial"
    shows = "The subscriptions are cut and may not come back; all else goes on"
    outage = False
    seeds = False

    def inject(self, context: FaultContext) -> None:
        for user in context.users():
            run(context.valkey, "ACL", "SETUSER", user, *(f"-{command}" for command in SUBSCRIBING))
            run(context.valkey, "CLIENT", "KILL", "TYPE", "pubsub", "USER", user)

    def observe(self, context: FaultContext) -> Observation:
        return {"subscribed": str(len(context.clients("pubsub"))), **context.answers("SPUBLISH", "rig:nobody", "x")}

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return observation["subscribed"] == "0" and all(seen == "NOPERM" for seen in context.hits(observation))

    def remove(self, context: FaultContext) -> None:
        for user in context.users():
            run(context.valkey, "ACL", "SETUSER", user, "+@all")

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen == "0" for seen in context.hits(observation))
