"""Valkey lives and says no: each in the words in which it does, with the connections standing."""

import threading
import time
from typing import Any, ClassVar

import redis

from rig.faults.base import CLOSES, ENDED, REFUSED, Fault, Ground, Sight

PROBE = ("SET", "rig:probe", "1", "PX", "50")  # a write that leaves nothing
DONE = ("True", "OK")
ENDLESS = "while true do end"
LOADING_KEYS, LOADING_DELAY_US = 4000, 1000


class Refusing(Fault):
    """Bites when a write of an instance that is hit is refused with `word`, and heals when it is taken."""

    word: ClassVar[str]
    family = "refusing"

    def look(self, ground: Ground) -> Sight:
        return ground.answers(*PROBE)

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return all(seen == self.word for seen in ground.hits(sight))

    def healed(self, sight: Sight, ground: Ground) -> bool:
        return all(seen in DONE for seen in sight.values())


class Configured(Refusing):
    """By settings of Valkey's, taken back as they were."""

    needs = ("CONFIG SET",)

    settings: ClassVar[dict[str, Any]]

    def inject(self, ground: Ground) -> None:
        before = ground.kept.setdefault("settings", {})
        for name, value in self.settings.items():
            before.setdefault(name, ground.valkey.config_get(name)[name])
            ground.valkey.config_set(name, value)

    def remove(self, ground: Ground) -> None:
        for name, value in ground.kept.pop("settings", {}).items():
            ground.valkey.config_set(name, value)


class OutOfMemory(Configured):
    name = "out of memory"
    shows = "Valkey is full under noeviction: writes get OOM, reads are served"
    word = "OOM"
    settings: ClassVar = {"maxmemory-policy": "noeviction", "maxmemory": 1}


class VolatileFull(Configured):
    name = "out of memory, volatile-lru"
    shows = "Valkey is full of keys without a TTL under volatile-lru: the snapshot is evicted, then writes get OOM"
    word = "OOM"
    settings: ClassVar = {"maxmemory-policy": "volatile-lru", "maxmemory": 1}
    excuses = ("INV-24",)


class ReadOnly(Refusing):
    name = "read-only"
    shows = "Valkey has become the replica of a server that is not there: writes get READONLY, no connection is cut"
    word = "READONLY"
    needs = ("REPLICAOF",)

    def inject(self, ground: Ground) -> None:
        ground.valkey.execute_command("REPLICAOF", "127.0.0.1", "1")

    def remove(self, ground: Ground) -> None:
        ground.valkey.execute_command("REPLICAOF", "NO", "ONE")


class CannotSave(Refusing):
    name = "cannot save"
    shows = "A background save has failed: writes get MISCONF, reads are served"
    word = "MISCONF"
    needs = ("embedded valkey",)

    def inject(self, ground: Ground) -> None:
        """A directory stands where the snapshot is to be: even root can't replace it by a file."""
        ground.stack.valkey.obstruct_snapshot()
        ground.valkey.config_set("save", "3600 1000000")
        ground.valkey.bgsave()

    def remove(self, ground: Ground) -> None:
        ground.valkey.config_set("save", "")
        ground.stack.valkey.clear_snapshot()


class Forbidden(Refusing):
    """By the rights of the users of the instances that are hit; their connections stand."""

    word = "NOPERM"
    needs = ("ACL",)
    rules: ClassVar[tuple[str, ...]]

    def inject(self, ground: Ground) -> None:
        for user in ground.users():
            ground.valkey.execute_command("ACL", "SETUSER", user, *self.rules)

    def bites(self, sight: Sight, ground: Ground) -> bool:
        others = [sight[f"through {name}"] for name in ground.servers if name not in ground.hit]
        return super().bites(sight, ground) and all(seen in DONE for seen in others)

    def remove(self, ground: Ground) -> None:
        for user in ground.users():
            ground.valkey.execute_command("ACL", "SETUSER", user, "+@all")


class WritesForbidden(Forbidden):
    name = "writes forbidden"
    family = "partial"
    shows = "The user of an instance may read and not write: NOPERM for the one, answers for the other"
    rules = ("-@write",)


class AllForbidden(Forbidden):
    name = "everything forbidden"
    shows = "The user of an instance may do nothing any more: NOPERM for each command"
    rules = ("-@all",)


class WrongPassword(Refusing):
    name = "password changed"
    needs = ("ACL", "CLIENT KILL")
    shows = "The password of an instance's user is another one: its connections are ended, new ones get WRONGPASS"
    noticed = True
    word = "WRONGPASS"

    def inject(self, ground: Ground) -> None:
        for user in ground.users():
            ground.valkey.execute_command("ACL", "SETUSER", user, "resetpass", ">another")
            ground.valkey.execute_command("CLIENT", "KILL", "USER", user)

    def remove(self, ground: Ground) -> None:
        for name in ground.hit:
            user = ground.stack.valkey.user(name)
            ground.valkey.execute_command("ACL", "SETUSER", user.name, "resetpass", f">{user.password}")


class Full(Refusing):
    name = "no more clients"
    needs = ("CONFIG SET", "CLIENT KILL")
    shows = "Valkey has as many clients as it takes: an instance's connections are ended and new ones refused"
    noticed = True
    word = "ERR"

    def inject(self, ground: Ground) -> None:
        ground.kept.setdefault("maxclients", ground.valkey.config_get("maxclients")["maxclients"])
        others = (
            ground.valkey.info("clients")["connected_clients"] - len(ground.clients()) - len(ground.clients("pubsub"))
        )
        ground.valkey.config_set("maxclients", others)
        for user in ground.users():
            ground.valkey.execute_command("CLIENT", "KILL", "USER", user)

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return all(seen in (self.word, CLOSES, REFUSED) for seen in ground.hits(sight))

    def remove(self, ground: Ground) -> None:
        if (before := ground.kept.pop("maxclients", None)) is not None:
            ground.valkey.config_set("maxclients", before)


class Busy(Refusing):
    name = "busy script"
    needs = ("CONFIG SET",)
    shows = "A script runs without end: every command gets BUSY"
    word = "BUSY"

    def inject(self, ground: Ground) -> None:
        ground.kept.setdefault("threshold", ground.valkey.config_get("busy-reply-threshold")["busy-reply-threshold"])
        ground.valkey.config_set("busy-reply-threshold", 20)
        runner = threading.Thread(target=run_endless, args=(ground.stack.valkey.url,), daemon=True)
        ground.kept["script"] = runner
        runner.start()

    def look(self, ground: Ground) -> Sight:
        return ground.answers("PING")

    def remove(self, ground: Ground) -> None:
        try:
            ground.valkey.script_kill()
        except redis.ResponseError as error:
            if "NOTBUSY" not in str(error):
                raise
        if (runner := ground.kept.pop("script", None)) is not None:
            runner.join(5)
        if (threshold := ground.kept.pop("threshold", None)) is not None:
            ground.valkey.config_set("busy-reply-threshold", threshold)

    def healed(self, sight: Sight, ground: Ground) -> bool:
        return all(seen in ("True", "PONG") for seen in sight.values())


def run_endless(url: str) -> None:
    with redis.Redis.from_url(url, protocol=2, socket_timeout=None, retry=None) as connection:
        try:
            connection.eval(ENDLESS, 0)
        except redis.RedisError:
            pass  # killed, as it is meant to be


class ScriptsForgotten(Fault):
    name = "scripts forgotten"
    family = "refusing"
    shows = "SCRIPT FLUSH: the next EVALSHA of each script gets NOSCRIPT"
    outage = False
    seeds = False
    lasts_s = 0.0

    def inject(self, ground: Ground) -> None:
        with ground.valkey.pipeline(transaction=True) as together:
            together.script_flush()
            together.info("memory")
            _, memory = together.execute()
        ground.kept["scripts"] = memory["number_of_cached_scripts"]

    def look(self, ground: Ground) -> Sight:
        """As it was in the same moment: a server brings its scripts back with its next call."""
        return {"scripts after the flush": str(ground.kept.get("scripts", "not flushed"))}

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return sight["scripts after the flush"] == "0"

    def remove(self, ground: Ground) -> None:
        """It is over as it happens."""

    def healed(self, sight: Sight, ground: Ground) -> bool:
        return True


class Loading(Refusing):
    name = "loading"
    shows = "Valkey has been restarted and loads a large snapshot: every command gets LOADING for a while"
    noticed = True
    word = "LOADING"
    lasts_s = 2.0  # below the four seconds that it takes
    needs = ("embedded valkey",)

    def inject(self, ground: Ground) -> None:
        """The keys that there are, and as many others as take four seconds to load."""
        ground.valkey.execute_command("DEBUG", "POPULATE", LOADING_KEYS, "rig:ballast")
        snapshot = ground.stack.valkey.save()
        ground.stack.valkey.kill()
        slow = {"key-load-delay": LOADING_DELAY_US, "loading-process-events-interval-bytes": 1024}
        ground.kept["loading"] = True
        ground.stack.valkey.start(snapshot=snapshot, settings=slow, ready=False)

    def remove(self, ground: Ground) -> None:
        """The ballast goes, and what made the loading slow: a snapshot is no fault of its own."""
        if not ground.kept.pop("loading", False):
            return
        ground.stack.valkey.await_ready()
        ground.kept[ENDED] = time.time()
        ground.connect()
        for key in ground.valkey.scan_iter("rig:ballast:*", count=1000):
            ground.valkey.unlink(key)
        ground.valkey.config_set("key-load-delay", 0)
        ground.valkey.config_set("loading-process-events-interval-bytes", 2 * 1024 * 1024)
