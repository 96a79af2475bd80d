"""Faults of Valkey's process and of what it does with its clients."""

import time

from rig.faults.base import ENDED, SILENT, STILL_S, Fault, Ground, Sight, none_answers

PAUSE_MS = 3000
PAUSED_S = 0.2
SUBSCRIBING = ("subscribe", "psubscribe", "ssubscribe", "spublish")  # the last shows from outside what is barred


class ValkeyKilled(Fault):
    name = "valkey killed"
    family = "reachability"
    shows = "Valkey dies by SIGKILL, no farewell to clients, and comes back on the same port without any key"
    noticed = True

    def inject(self, ground: Ground) -> None:
        ground.stack.valkey.kill()

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return none_answers(sight)

    def remove(self, ground: Ground) -> None:
        ground.stack.valkey.start()
        ground.connect()


class OldSnapshot(ValkeyKilled):
    name = "old snapshot"
    family = "wrong"
    shows = "Valkey dies and comes back with the keys of the moment before: what happened meanwhile it has not seen"

    def inject(self, ground: Ground) -> None:
        ground.kept["snapshot"] = ground.stack.valkey.save()
        ground.stack.valkey.kill()

    def remove(self, ground: Ground) -> None:
        if (snapshot := ground.kept.pop("snapshot", None)) is not None:
            ground.stand_still(STILL_S)  # just what changed since is wrong now
            ground.stack.valkey.start(snapshot=snapshot)
            ground.stand_still(STILL_S)  # from now on, however long that took
        super().remove(ground)


class Hung(Fault):
    name = "hung"
    family = "silence"
    shows = "Valkey's process is stopped by SIGSTOP: it holds its connections and says nothing"

    def inject(self, ground: Ground) -> None:
        ground.stack.valkey.pause()

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return all(seen == SILENT for seen in sight.values())

    def remove(self, ground: Ground) -> None:
        ground.stack.valkey.resume()


class Paused(Fault):
    name = "client pause"
    needs = ("CLIENT PAUSE",)
    family = "silence"
    shows = f"CLIENT PAUSE ALL: every command waits; it ends by itself after {PAUSE_MS / 1000:g} s"
    lasts_s = PAUSE_MS / 1000

    def inject(self, ground: Ground) -> None:
        ground.kept["paused until"] = time.time() + PAUSE_MS / 1000
        ground.valkey.execute_command("CLIENT", "PAUSE", PAUSE_MS, "ALL")

    def look(self, ground: Ground) -> Sight:
        return ground.answers("PING", within_s=PAUSED_S)  # one without a login would be refused, not left waiting

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return all(seen == SILENT for seen in sight.values())

    def remove(self, ground: Ground) -> None:
        """Nobody can take it back: UNPAUSE would wait as all else does. What comes late finds it over already."""
        until = ground.kept.pop("paused until", None)
        if until is not None:
            time.sleep(max(0.0, until - time.time()))
            ground.kept[ENDED] = until

    def healed(self, sight: Sight, ground: Ground) -> bool:
        return all(map(is_pong, sight.values()))


class WritesPaused(Fault):
    name = "client pause write"
    needs = ("CLIENT PAUSE",)
    family = "silence"
    shows = "CLIENT PAUSE WRITE: reads are answered, every write waits"
    outage = False
    seeds = False

    def inject(self, ground: Ground) -> None:
        ground.valkey.execute_command("CLIENT", "PAUSE", 60_000, "WRITE")

    def look(self, ground: Ground) -> Sight:
        reads = {f"read {end}": seen for end, seen in ground.answers("PING").items()}
        return {**reads, **ground.answers("DEL", "rig:nothing", within_s=PAUSED_S)}

    def bites(self, sight: Sight, ground: Ground) -> bool:
        reads = [seen for end, seen in sight.items() if end.startswith("read ")]
        return all(seen == SILENT for seen in ground.hits(sight)) and all(map(is_pong, reads))

    def remove(self, ground: Ground) -> None:
        ground.valkey.execute_command("CLIENT", "UNPAUSE")

    def healed(self, sight: Sight, ground: Ground) -> bool:
        return all(seen == "0" for seen in ground.hits(sight))


def is_pong(seen: str) -> bool:
    return seen in ("PONG", "True")


class ClientsKilled(Fault):
    name = "clients killed"
    family = "cuts"
    shows = "CLIENT KILL ends every ordinary connection of an instance; new ones are served"
    needs = ("CLIENT KILL", "CLIENT LIST")
    outage = False
    noticed = True
    lasts_s = 0.0
    type = "normal"

    def inject(self, ground: Ground) -> None:
        ground.kept["clients"] = ground.clients_to_end(self.type)
        for user in ground.users():
            ground.valkey.execute_command("CLIENT", "KILL", "TYPE", self.type, "USER", user)

    def look(self, ground: Ground) -> Sight:
        return ground.clients_left(ground.kept.get("clients", set()), self.type)

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return sight["connections left"] == "0" and sight["connections before"] != "0"

    def remove(self, ground: Ground) -> None:
        """It is over as it happens."""

    def healed(self, sight: Sight, ground: Ground) -> bool:
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

    def inject(self, ground: Ground) -> None:
        for user in ground.users():
            ground.valkey.execute_command("ACL", "SETUSER", user, *(f"-{command}" for command in SUBSCRIBING))
            ground.valkey.execute_command("CLIENT", "KILL", "TYPE", "pubsub", "USER", user)

    def look(self, ground: Ground) -> Sight:
        return {"subscribed": str(len(ground.clients("pubsub"))), **ground.answers("SPUBLISH", "rig:nobody", "x")}

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return sight["subscribed"] == "0" and all(seen == "NOPERM" for seen in ground.hits(sight))

    def remove(self, ground: Ground) -> None:
        for user in ground.users():
            ground.valkey.execute_command("ACL", "SETUSER", user, "+@all")

    def healed(self, sight: Sight, ground: Ground) -> bool:
        return all(seen == "0" for seen in ground.hits(sight))
