"""What a Valkey command touches, by its arguments alone: which of the contract's keys, and whether it writes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rig.contract import CAPACITY, DEACTIVATED, HEARTBEAT, ONLINE, SNAPSHOT


class HasArguments(Protocol):
    """A command's arguments; the first is its verb."""

    @property
    def args(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class CommandText:
    """A command of which only the arguments are known."""

    args: Sequence[str]


Command = HasArguments | Mapping[str, Any]

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


def arguments(command: Command) -> Sequence[str]:
    """The verb as it was written, and what follows it."""
    if isinstance(command, Mapping):
        args: Sequence[str] = command["args"]
        return args
    return command.args


def verb(command: Command) -> str:
    return arguments(command)[0].upper()


def contract_keys(command: Command) -> list[str]:
    """The contract's keys among its arguments, in order."""
    return [arg for arg in arguments(command)[1:] if arg in CONTRACT_KEYS or arg.startswith(CONTRACT_PREFIXES)]


def writes_key(command: Command, key: str) -> bool:
    """Whether it writes that key, its time to live included."""
    return verb(command) in WRITES and key in arguments(command)[1:]


def sets_key(command: Command, key: str) -> bool:
    return verb(command) in SETS and key in arguments(command)[1:]


def deletes_key(command: Command, key: str) -> bool:
    return verb(command) in DELETES and key in arguments(command)[1:]


def is_recompute(command: Command) -> bool:
    """The SDIFF from which availability is computed."""
    return verb(command) in ("SDIFF", "SDIFFSTORE") and ONLINE in arguments(command)


def touches_mirror(command: Command) -> bool:
    """Whether it reads or writes what the snapshot is computed from."""
    return verb(command) not in SCRIPTS and any(key != SNAPSHOT for key in contract_keys(command))
