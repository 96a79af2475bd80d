"""Says what a Valkey command touches, from its words alone: which of the contract's keys, and whether it writes them."""

from collections.abc import Iterable, Mapping
from typing import Any

from rig.contract import CAPACITY, DEACTIVATED, HEARTBEAT, ONLINE, SNAPSHOT

Command = Mapping[str, Any]

CONTRACT_KEYS = (ONLINE, DEACTIVATED, SNAPSHOT)
CONTRACT_PREFIXES = (CAPACITY, HEARTBEAT)

# A script names its keys too, but what it does to them follows as commands of its own.
SCRIPTS = frozenset({"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"})
SETS = frozenset({"SET", "SETEX", "PSETEX", "SETNX", "GETSET", "MSET", "MSETNX"})
DELETES = frozenset({"DEL", "UNLINK", "GETDEL"})
WRITES = SETS | DELETES | frozenset({
    "APPEND", "COPY", "DECR", "DECRBY", "EXPIRE", "EXPIREAT", "GETEX", "INCR", "INCRBY", "INCRBYFLOAT", "MOVE",
    "PERSIST", "PEXPIRE", "PEXPIREAT", "RENAME", "RENAMENX", "RESTORE", "SADD", "SDIFFSTORE", "SETRANGE",
    "SINTERSTORE", "SMOVE", "SPOP", "SREM", "SUNIONSTORE",
})  # fmt: skip


def verb(command: Command) -> str:
    word: str = command["args"][0]
    return word.upper()


def contract_keys(command: Command) -> list[str]:
    """The contract's keys among its arguments, in their order."""
    return [arg for arg in command["args"][1:] if arg in CONTRACT_KEYS or arg.startswith(CONTRACT_PREFIXES)]


def writes_key(command: Command, key: str) -> bool:
    """Whether it writes that key, its time to live included."""
    return verb(command) in WRITES and key in command["args"][1:]


def sets_key(command: Command, key: str) -> bool:
    return verb(command) in SETS and key in command["args"][1:]


def deletes_key(command: Command, key: str) -> bool:
    return verb(command) in DELETES and key in command["args"][1:]


def is_recompute(command: Command) -> bool:
    """The SDIFF from which availability is computed."""
    return verb(command) in ("SDIFF", "SDIFFSTORE") and "mitras:online" in command["args"]


def touches_mirror(command: Command) -> bool:
    """Whether it reads or writes what the snapshot is computed from."""
    return verb(command) not in SCRIPTS and any(key != SNAPSHOT for key in contract_keys(command))


def times(commands: Iterable[Command]) -> list[float]:
    return [command["at"] for command in commands]
