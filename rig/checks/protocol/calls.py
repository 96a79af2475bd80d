"""The scripts of the protocol, known by the keys and arguments of their calls: not by their text, which a server may change."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from rig.contract import CAPACITY, DEACTIVATED, HEARTBEAT, ONLINE
from rig.record.lines.chaos import ScriptTaken

PROTOCOL_VERSION = 1  # increase it when the scripts get other keys or arguments, or docs/protocol.md other rules

EPOCH, VERSIONS, SEED = "mirror:epoch", "mirror:versions", "mirror:seed"
MARK = "mirror:leaving:"  # and a mitra's id
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ID_LENGTH = 36
READS = frozenset(
    {"EXISTS", "GET", "HGET", "HGETALL", "HMGET", "MGET", "SISMEMBER", "SMEMBERS", "SMISMEMBER", "TYPE", "PTTL", "TTL"}
)
DELETES = frozenset({"DEL", "UNLINK"})
NOT_WRITES = READS | {"SCAN", "SCARD", "SDIFF", "SRANDMEMBER", "SSCAN", "DBSIZE", "STRLEN", "TIME"}


@dataclass(frozen=True)
class Call:
    """A call of a script, and what it did."""

    taken: ScriptTaken
    reads: frozenset[str] = field(init=False)  # keys that it looked at
    writes: tuple[tuple[str, ...], ...] = field(init=False)

    def __post_init__(self) -> None:
        looked = [args[1:] for args in self.taken.ran if args[0] in READS]
        object.__setattr__(self, "reads", frozenset(word for words in looked for word in words))
        object.__setattr__(self, "writes", tuple(tuple(args) for args in self.taken.ran if args[0] not in NOT_WRITES))

    @property
    def at(self) -> float:
        return self.taken.t

    @property
    def instance(self) -> str | None:
        return self.taken.instance

    @property
    def refused(self) -> bool:
        """Valkey did not run it."""
        return not self.taken.ran

    def wrote(self, verb: str, key: str, member: str | None = None) -> bool:
        """Whether it ran this command on this key, with this first member or field."""
        return any(w[0] == verb and w[1] == key and (member is None or member in w[2:]) for w in self.writes)

    def deleted(self, key: str) -> bool:
        return any(write[0] in DELETES and key in write[1:] for write in self.writes)


@dataclass(frozen=True)
class Apply(Call):
    """*apply*: one mitra's row, as committed under its version."""

    @property
    def prefix(self) -> str:
        return self.taken.args[0]

    @property
    def id(self) -> str:
        return self.taken.args[1]

    @property
    def version(self) -> int:
        return int(self.taken.args[2])

    @property
    def row(self) -> tuple[bool, bool]:
        """Online and active."""
        return self.taken.args[3] == "1", self.taken.args[4] == "1"

    @property
    def load(self) -> str:
        return self.taken.args[5]


@dataclass(frozen=True)
class Ping(Call):
    """*ping*: all pings of one batch."""

    @property
    def prefix(self) -> str:
        return self.taken.args[0]

    @property
    def now(self) -> str:
        return self.taken.args[1]

    @property
    def latest(self) -> str:
        return self.taken.args[2]

    @property
    def dead_mark(self) -> str:
        return self.taken.args[3]

    @property
    def ids(self) -> list[str]:
        return self.taken.args[4:]


@dataclass(frozen=True)
class SecondLook(Call):
    """*second look*: the mark of a sweep."""

    @property
    def prefix(self) -> str:
        return self.taken.args[0]

    @property
    def id(self) -> str:
        return self.taken.args[1]

    @property
    def seen(self) -> str:
        return self.taken.args[2]

    @property
    def version(self) -> int:
        return int(self.taken.args[3])

    @property
    def mark(self) -> str:
        return self.taken.args[4]

    @property
    def life_ms(self) -> int:
        return int(self.taken.args[5])

    @property
    def marked(self) -> bool:
        return self.wrote("SET", MARK + self.id)


@dataclass(frozen=True)
class SeedBegin(Call):
    """*begin* of a seed."""

    @property
    def nonce(self) -> str:
        return self.taken.args[0]

    @property
    def prefix(self) -> str:
        return self.taken.args[1]


@dataclass(frozen=True)
class SeedStep(Call):
    """*step* of a seed: some mitras, as they were read."""

    @property
    def nonce(self) -> str:
        return self.taken.args[0]

    @property
    def number(self) -> int:
        """How many steps came before."""
        return int(self.taken.args[1])

    @property
    def grace(self) -> bool:
        return self.taken.args[3] == "1"

    @property
    def rows(self) -> list[tuple[str, bool, bool, int]]:
        """Of each mitra: id, online, active, version."""
        ids, states, versions = self.taken.args[5], self.taken.args[6], self.taken.args[7].split(",")
        return [
            (ids[ID_LENGTH * n : ID_LENGTH * (n + 1)], state in "ob", state in "o-", int(versions[n]))
            for n, state in enumerate(states)
        ]

    @property
    def touched(self) -> frozenset[str]:
        """Keys of mitras that it wrote or deleted."""
        return frozenset(word for write in self.writes for word in write[1:] if word.startswith((HEARTBEAT, CAPACITY)))


@dataclass(frozen=True)
class SeedSwap(Call):
    """*swap*: the new mirror is put in use."""

    @property
    def nonce(self) -> str:
        return self.taken.args[0]

    @property
    def steps(self) -> int:
        return int(self.taken.args[1])

    @property
    def epoch(self) -> str:
        return self.taken.args[2]

    @property
    def grace(self) -> bool:
        return self.taken.args[3] == "1"


@dataclass(frozen=True)
class Strays(Call):
    """*strays*: keys of mitras who are not online are removed."""

    @property
    def prefix(self) -> str:
        return self.taken.args[0]

    @property
    def nonce(self) -> str:
        return self.taken.args[3]


@dataclass(frozen=True)
class SeedEnd(Call):
    """*end*: the next seed may begin."""

    @property
    def nonce(self) -> str:
        return self.taken.args[0]


@dataclass(frozen=True)
class OtherScript(Call):
    """A script that the protocol of availability does not speak of: it changes no mitra's state."""


def call_of(taken: ScriptTaken) -> Call:
    """The call as what it is by its keys and arguments."""
    keys, args = taken.keys, taken.args
    return _kind(keys, args)(taken)


def _kind(keys: Sequence[str], args: Sequence[str]) -> type[Call]:
    first, count = tuple(keys[:4]), (len(keys), len(args))
    if count == (8, 9) and first == (EPOCH, VERSIONS, ONLINE, DEACTIVATED) and keys[6].startswith(MARK):
        return Apply
    if first == (EPOCH, DEACTIVATED, ONLINE) and len(args) >= 5 and all(map(ID.fullmatch, args[4:])):
        return Ping
    if count == (4, 6) and keys[2].startswith(MARK):
        return SecondLook
    if count == (6, 4) and first[:2] == (EPOCH, VERSIONS):
        return SeedBegin
    if count == (7, 10) and keys[6] == SEED:
        return SeedStep
    if count == (12, 4) and first == (EPOCH, ONLINE, DEACTIVATED, VERSIONS):
        return SeedSwap
    if count == (4, 4) and first[:2] == (EPOCH, ONLINE) and keys[3] == SEED:
        return Strays
    if count == (1, 1) and keys[0] == SEED:
        return SeedEnd
    return OtherScript
