"""One command as Valkey's MONITOR prints it, parsed back to what was sent."""

import re
from dataclasses import dataclass
from typing import Any

from rig.record.observations.parts import ValkeyCommand

# What runs a script or function: its inner commands follow it in MONITOR, and carry no client of their own.
SCRIPT_COMMANDS = frozenset({"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"})
# After these the connection may belong to another user than before.
SIGN_IN_COMMANDS = frozenset({"AUTH", "HELLO", "RESET"})

LINE = re.compile(rb"(\d+\.\d+) \[(\d+) (\S+)\] (\".*)", re.DOTALL)
ARGUMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


@dataclass(frozen=True, slots=True)
class Command:
    """A command that Valkey took (one that fails for its type included, one refused for its user not).

    `at` is Valkey's clock in epoch seconds. `client` is the address that sent it, the script's sender for a
    command inside a script (`lua`). `user` is None when the connection was gone before it could be looked up;
    `instance` is None for that and for the rig's own commands.
    """

    at: float
    args: tuple[str, ...]
    client: str | None
    user: str | None
    instance: str | None
    lua: bool
    database: int = 0

    @property
    def verb(self) -> str:
        return self.args[0].upper()

    def plain(self) -> dict[str, Any]:
        return {
            "at": self.at, "args": list(self.args), "client": self.client, "user": self.user,
            "instance": self.instance, "lua": self.lua, "database": self.database,
        }  # fmt: skip

    def seen(self) -> ValkeyCommand:
        """The command as a part of an observation."""
        return ValkeyCommand(at=self.at, args=list(self.args), instance=self.instance, lua=self.lua)

    def __str__(self) -> str:
        """Close to MONITOR's own line, with the user in place of an address that tells a reader nothing."""
        who = f"{self.user or self.client or '?'}{' lua' if self.lua else ''}"
        words = " ".join(f'"{arg}"' for arg in self.args)
        return f"{self.at:.6f} [{self.database} {who}] {words}"


def parse_line(line: bytes) -> tuple[float, int, str, tuple[str, ...]]:
    r"""`(time, database, source, args)` of a line without its `+`; the source is an address or `lua`.

    ValueError when it is no such line. Bytes that are not UTF-8 come out as `\xNN`.
    """
    match = LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"not a MONITOR line: {line[:200]!r}")
    at, database, source, rest = match.groups()
    args = tuple(unescape(argument) for argument in ARGUMENT.findall(rest))
    return float(at), int(database), source.decode(), args


def unescape(text: bytes) -> str:
    if b"\\" in text:
        text = ESCAPE.sub(lambda match: unescaped(match[1]), text)
    return text.decode("utf-8", errors="backslashreplace")


def unescaped(code: bytes) -> bytes:
    if len(code) == 3:
        return bytes.fromhex(code[1:].decode())
    return ESCAPED.get(code, code)
