"""Valkey lives and says no: each in the words in which it does, with the connections standing."""

import threading
import time
from typing import Any, ClassVar

import redis

from rig.faults.base import CLOSES, ENDED, REFUSED, Fault, FaultContext, Observation
from rig.faults.requirements import Requirement
from rig.stores.valkey import run, setting

PROBE = ("SET", "rig:probe", "1", "PX", "50")  # a write that leaves nothing
DONE = ("True", "OK")
ENDLESS = "while true do end"
LOADING_KEYS, LOADING_DELAY_US = 4000, 1000


class Refusing(Fault):
    """Active when a write of an instance that is hit is refused with `word`, and heals when it is taken."""

    word: ClassVar[str]
    family = "refusing"

    def observe(self, context: FaultContext) -> Observation:
        return context.answers(*PROBE)

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen == self.word for seen in context.hits(observation))

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen in DONE for seen in observation.values())


class Configured(Refusing):
    """By settings of Valkey's, taken back as they were."""

    requirements = (Requirement.CONFIG_SET,)

    settings: ClassVar[dict[str, Any]]

    def inject(self, context: FaultContext) -> None:
        before = context.kept.setdefault("settings", {})
        for name, value in self.settings.items():
            before.setdefault(name, setting(context.valkey, name))
            context.valkey.config_set(name, value)

    def remove(self, context: FaultContext) -> None:
        for name, value in context.kept.pop("settings", {}).items():
            context.valkey.config_set(name, value)


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
    exempt_checks = ("INV-24",)


class ReadOnly(Refusing):
    name = "read-only"
    shows = "Valkey has become the replica of a server that is not there: writes get READONLY, no connection is cut"
    word = "READONLY"
    requirements = (Requirement.REPLICAOF,)

    def inject(self, context: FaultContext) -> None:
        run(context.valkey, "REPLICAOF", "127.0.0.1", "1")

    def remove(self, context: FaultContext) -> None:
        run(context.valkey, "REPLICAOF", "NO", "ONE")


class CannotSave(Refusing):
    name = "cannot save"
    shows = "A background save has failed: writes get MISCONF, reads are served"
    word = "MISCONF"
    requirements = (Requirement.EMBEDDED_VALKEY,)

    def inject(self, context: FaultContext) -> None:
        """A directory stands where the snapshot is to be: even root can't replace it by a file."""
        context.stack.valkey.obstruct_snapshot()
        context.valkey.config_set("save", "3600 1000000")
        context.valkey.bgsave()

    def remove(self, context: FaultContext) -> None:
        context.valkey.config_set("save", "")
        context.stack.valkey.clear_snapshot()


class Forbidden(Refusing):
    """By the rights of the users of the instances that are hit; their connections stand."""

    word = "NOPERM"
    requirements = (Requirement.ACL,)
    rules: ClassVar[tuple[str, ...]]

    def inject(self, context: FaultContext) -> None:
        for user in context.users():
            run(context.valkey, "ACL", "SETUSER", user, *self.rules)

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        others = [observation[f"through {name}"] for name in context.servers if name not in context.hit]
        return super().is_active(observation, context) and all(seen in DONE for seen in others)

    def remove(self, context: FaultContext) -> None:
        for user in context.users():
            run(context.valkey, "ACL", "SETUSER", user, "+@all")


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
    requirements = (Requirement.ACL, Requirement.CLIENT_KILL)
    shows = "The password of an instance's user is another one: its connections are ended, new ones get WRONGPASS"
    noticed = True
    word = "WRONGPASS"

    def inject(self, context: FaultContext) -> None:
        for user in context.users():
            run(context.valkey, "ACL", "SETUSER", user, "resetpass", ">another")
            run(context.valkey, "CLIENT", "KILL", "USER", user)

    def remove(self, context: FaultContext) -> None:
        for name in context.hit:
            user = context.stack.valkey.user(name)
            run(context.valkey, "ACL", "SETUSER", user.name, "resetpass", f">{user.password}")


class Full(Refusing):
    name = "no more clients"
    requirements = (Requirement.CONFIG_SET, Requirement.CLIENT_KILL)
    shows = "Valkey has as many clients as it takes: an instance's connections are ended and new ones refused"
    noticed = True
    word = "ERR"

    def inject(self, context: FaultContext) -> None:
        context.kept.setdefault("maxclients", setting(context.valkey, "maxclients"))
        others = (
            context.valkey.info("clients")["connected_clients"]
            - len(context.clients())
            - len(context.clients("pubsub"))
        )
        context.valkey.config_set("maxclients", others)
        for user in context.users():
            run(context.valkey, "CLIENT", "KILL", "USER", user)

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen in (self.word, CLOSES, REFUSED) for seen in context.hits(observation))

    def remove(self, context: FaultContext) -> None:
        if (before := context.kept.pop("maxclients", None)) is not None:
            context.valkey.config_set("maxclients", before)


class Busy(Refusing):
    name = "busy script"
    requirements = (Requirement.CONFIG_SET,)
    shows = "A script runs without end: every command gets BUSY"
    word = "BUSY"

    def inject(self, context: FaultContext) -> None:
        context.kept.setdefault("threshold", setting(context.valkey, "busy-reply-threshold"))
        context.valkey.config_set("busy-reply-threshold", 20)
        runner = threading.Thread(target=run_endless, args=(context.stack.valkey.url,), daemon=True)
        context.kept["script"] = runner
        runner.start()

    def observe(self, context: FaultContext) -> Observation:
        return context.answers("PING")

    def remove(self, context: FaultContext) -> None:
        try:
            context.valkey.script_kill()
        except redis.ResponseError as error:
            if "NOTBUSY" not in str(error):
                raise
        if (runner := context.kept.pop("script", None)) is not None:
            runner.join(5)
        if (threshold := context.kept.pop("threshold", None)) is not None:
            context.valkey.config_set("busy-reply-threshold", threshold)

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen in ("True", "PONG") for seen in observation.values())


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

    def inject(self, context: FaultContext) -> None:
        with context.valkey.pipeline(transaction=True) as together:
            together.script_flush()
            together.info("memory")
            _, memory = together.execute()
        context.kept["scripts"] = memory["number_of_cached_scripts"]

    def observe(self, context: FaultContext) -> Observation:
        """As it was in the same moment: a server brings its scripts back with its next call."""
        return {"scripts after the flush": str(context.kept.get("scripts", "not flushed"))}

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return observation["scripts after the flush"] == "0"

    def remove(self, context: FaultContext) -> None:
        """It is over as it happens."""

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return True


class Loading(Refusing):
    name = "loading"
    shows = "Valkey has been restarted and loads a large snapshot: every command gets LOADING for a while"
    noticed = True
    word = "LOADING"
    lasts_s = 2.0  # below the four seconds that it takes
    requirements = (Requirement.EMBEDDED_VALKEY,)

    def inject(self, context: FaultContext) -> None:
        """The keys that there are, and as many others as take four seconds to load."""
        run(context.valkey, "DEBUG", "POPULATE", LOADING_KEYS, "rig:ballast")
        snapshot = context.stack.valkey.save()
        context.stack.valkey.kill()
        slow = {"key-load-delay": LOADING_DELAY_US, "loading-process-events-interval-bytes": 1024}
        context.kept["loading"] = True
        context.stack.valkey.start(snapshot=snapshot, settings=slow, ready=False)

    def remove(self, context: FaultContext) -> None:
        """The ballast goes, and what made the loading slow: a snapshot is no fault of its own."""
        if not context.kept.pop("loading", False):
            return
        context.stack.valkey.await_ready()
        context.kept[ENDED] = time.time()
        context.connect()
        for key in context.valkey.scan_iter("rig:ballast:*", count=1000):
            context.valkey.unlink(key)
        context.valkey.config_set("key-load-delay", 0)
        context.valkey.config_set("loading-process-events-interval-bytes", 2 * 1024 * 1024)
