"""What managed products do differently from a Valkey of one's own, as data: refused commands, settings, versions.

Sources are pages below cloud.google.com/memorystore/docs, named in `Profile.sources`. Where copies of a page disagree, or
a page does not say it, there are two readings: the narrow one refuses, the one called `-wide` allows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rig.stack.errors import SpecError
from rig.stores.valkey import ABILITIES, CONFIG_LOST, EVENTS_LOST, MONITOR_LOST

# Refused by Memorystore for Redis, which gives the name of no command that it refuses: each is renamed.
# SLAVEOF is the old name of REPLICAOF and would stay open.
REDIS_BLOCKED = (
    "ACL", "BGREWRITEAOF", "BGSAVE", "CLUSTER", "COMMAND", "CONFIG", "DEBUG", "LASTSAVE", "MIGRATE", "MONITOR", "OBJECT",
    "REPLICAOF", "SAVE", "SHUTDOWN", "SLAVEOF",
)  # fmt: skip
REDIS_UNCLEAR = ("CLIENT", "SLOWLOG", "SWAPDB")
# NO-TOUCH is left out: a Redis 7.0 does not know it.
CLIENT_ALLOWED = (
    "caching", "getname", "getredir", "help", "id", "info", "kill", "list", "reply", "setname", "tracking", "trackinginfo",
)  # fmt: skip
COMMAND_ALLOWED = ("count", "docs", "getkeys", "getkeysandflags", "help", "info", "list")
# Refused by Memorystore for Valkey, which refuses what it does not list: by rights, so with NOPERM.
VALKEY_BLOCKED = (
    "acl", "bgrewriteaof", "bgsave", "cluster", "debug", "failover", "lastsave", "migrate", "module", "psync", "replconf",
    "replicaof", "save", "shutdown", "slaveof", "sync",
)  # fmt: skip
VALKEY_UNCLEAR = ("monitor", "object", "slowlog", "swapdb")

GIGABYTE = 1024**3
# What the rig may do by its secret names, to inject faults into the whole store. No observer uses them.
FOR_FAULTS = ("CONFIG GET", "CONFIG SET", "REPLICAOF", "CLIENT PAUSE", "DEBUG")


@dataclass(frozen=True)
class Profile:
    """One product towards a client. `settings` are lines of the configuration; `rules` are ACL rules of its only user.

    `away_s`: how long a failover takes, by kind, in seconds.
    """

    name: str
    product: str
    offered: tuple[str, ...]  # versions
    renamed: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    away_s: Mapping[str, float] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    redis: bool = False  # whether the product is Redis; a Redis on PATH is then nearer to it than a Valkey
    cluster: bool = False

    def refuses(self, *words: str) -> str | None:
        """The first word of the refusal, without the command's arguments; None for a command that is allowed."""
        command, sub = words[0].lower(), words[1].lower() if len(words) > 1 else ""
        if command.upper() in self.renamed:
            return f"unknown command '{command.upper()}'"
        if f"-{command}" not in self.rules or f"+{command}|{sub}" in self.rules:
            return None
        return "no permissions"

    @property
    def lacking(self) -> dict[str, str]:
        """By ability, what the product refuses and what is lost by it."""
        probes = {name: (ability.probe, ability.lost) for name, ability in ABILITIES.items()}
        probes["MONITOR"] = (("MONITOR",), MONITOR_LOST)
        probes["CONFIG SET"] = (("CONFIG", "SET"), CONFIG_LOST)
        found = {
            name: f"{self.name} refuses {words[0]} ({said}): {lost}"
            for name, (words, lost) in probes.items()
            if (said := self.refuses(*words)) is not None
        }
        if "CONFIG SET" in found:
            found["keyspace events"] = f"{self.name} has notify-keyspace-events off: {EVENTS_LOST}"
        return found


def denied(command: str, *allowed: str) -> tuple[str, ...]:
    """ACL rules that refuse a command but for these subcommands."""
    return (f"-{command}", *(f"+{command}|{sub}" for sub in allowed))


def all_denied(*commands: str) -> tuple[str, ...]:
    return tuple(f"-{command}" for command in commands)


SETTINGS = {"databases": 16, "maxmemory": GIGABYTE, "maxmemory-policy": "volatile-lru", "notify-keyspace-events": '""'}
# Both products let their user set an idle timeout, and no page tells the default: 300 s in one reading, none in the other.
IDLE, NEVER_IDLE = {"timeout": 300}, {"timeout": 0}

REDIS = Profile(
    name="memorystore-redis",
    product="Memorystore for Redis, Standard Tier",
    offered=("3.2", "4.0", "5.0", "6.x", "7.0", "7.2"),
    renamed=(*REDIS_BLOCKED, *REDIS_UNCLEAR),
    settings={**SETTINGS, **IDLE, "maxclients": 65_000},
    away_s={"repair": 30.0, "maintenance": 15.0},
    sources=(
        "redis/product-constraints", "redis/supported-commands", "redis/redis-configs", "redis/high-availability", "redis/quotas",
        "redis/auth-overview", "redis/in-transit-encryption", "redis/supported-versions",
    ),
    redis=True,
)  # fmt: skip
VALKEY = Profile(
    name="memorystore-valkey",
    product="Memorystore for Valkey, cluster mode disabled",
    offered=("7.2", "8.0", "9.0"),
    rules=(
        *all_denied(*VALKEY_BLOCKED, *VALKEY_UNCLEAR), *denied("client", *CLIENT_ALLOWED), *denied("command", *COMMAND_ALLOWED),
        *denied("config", "help"),
    ),
    settings={**SETTINGS, **IDLE, "maxclients": 16_000},
    away_s={"repair": 30.0, "maintenance": 15.0},  # of the Redis product: no page tells it for this one
    sources=(
        "valkey/supported-commands", "valkey/supported-instance-configurations", "valkey/quotas", "valkey/product-overview",
        "valkey/supported-versions", "valkey/about-in-transit-encryption",
    ),
)  # fmt: skip
PROFILES = {
    profile.name: profile
    for profile in (
        REDIS,
        replace(
            REDIS,
            name="memorystore-redis-wide",
            renamed=REDIS_BLOCKED,
            rules=denied("client", *CLIENT_ALLOWED),
            settings={**REDIS.settings, **NEVER_IDLE},
        ),
        VALKEY,
        replace(
            VALKEY,
            name="memorystore-valkey-wide",
            rules=tuple(rule for rule in VALKEY.rules if rule not in all_denied(*VALKEY_UNCLEAR)),
            settings={**VALKEY.settings, **NEVER_IDLE},
        ),
        replace(
            VALKEY,
            name="memorystore-cluster",
            product="Memorystore for Valkey, cluster mode enabled",
            rules=tuple(rule for rule in VALKEY.rules if rule != "-cluster"),
            settings={**VALKEY.settings, "databases": 1, "cluster-enabled": "yes"},
            cluster=True,
        ),
    )
}


def profile_named(name: str) -> Profile:
    """SpecError for a name that is none."""
    if name not in PROFILES:
        raise SpecError(f"--valkey-profile {name!r} is none of {', '.join(PROFILES)}")
    return PROFILES[name]
