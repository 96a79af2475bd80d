"""What a Valkey command touches, by its arguments alone: which of the contract's keys, and whether it writes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rig.contract import CAPACITY, DEACTIVATED, HEARTBEAT, ONLINE, SNAPSHOT


class HasArguments(Protocol):
    """A command's arguments; the first is its verb."""

    @property
    def args(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class CommandText:
    """A command of which only the arguments are known."""

    args: Sequence[str]


CONTRACT_KEYS = (ONLINE, DEACTIVATED, SNAPSHOT)
CONTRACT_PREFIXES = (CAPACITY, HEARTBEAT)

# A script names its keys too, but MONITOR shows its commands separately.
SCRIPTS = frozenset({"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"})
SETS = frozenset({"SET", "SETEX", "PSETEX", "SETNX", "GETSET", "MSET", "MSETNX"})
DELETES = frozenset({"DEL", "UNLINK", "GETDEL"})
WRITES = SETS | DELETES | frozenset({
    "APPEND", "COPY", "DECR", "DECRBY", "EXPIRE", "EXPIREAT", "GETEX", "INCR", "INCRBY", "INCRBYFLOAT", "MOVE",
    "PERSIST", "PEXPIRE", "PEXPIREAT", "RENAME", "RENAMENX", "RESTORE", "SADD", "SDIFFSTORE", "SETRANGE",
    "SINTERSTORE", "SMOVE", "SPOP", "SREM", "SUNIONSTORE",
})  # fmt: skip


def verb(command: HasArguments) -> str:
    return command.args[0].upper()


def contract_keys(command: HasArguments) -> list[str]:
    """The contract's keys among its arguments, in order."""
    return [arg for arg in command.args[1:] if arg in CONTRACT_KEYS or arg.startswith(CONTRACT_PREFIXES)]


def writes_key(command: HasArguments, key: str) -> bool:
    """Whether it writes that key, its time to live included."""
    return verb(command) in WRITES and key in command.args[1:]


def sets_key(command: HasArguments, key: str) -> bool:
    return verb(command) in SETS and key in command.args[1:]


def deletes_key(command: HasArguments, key: str) -> bool:
    return verb(command) in DELETES and key in command.args[1:]


def is_recompute(command: HasArguments) -> bool:
    """The SDIFF from which availability is computed."""
    return verb(command) in ("SDIFF", "SDIFFSTORE") and ONLINE in command.args


def touches_mirror(command: HasArguments) -> bool:
    """Whether it reads or writes what the snapshot is computed from."""
    return verb(command) not in SCRIPTS and any(key != SNAPSHOT for key in contract_keys(command))
