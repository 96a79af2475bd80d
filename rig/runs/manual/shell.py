"""A bash in which the steps of a manual session are typed: variables and functions last from one to the next."""

import os
import secrets
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from shutil import which
from typing import IO, Self

from rig import caller
from rig.errors import UsageError

CLOSE_S = 5.0
READ_BYTES = 1 << 16


class Hangs(Exception):
    """What was typed has not ended in time."""


class Shell:
    """One bash process. `session`: the name of the session that every `rig` command in it means."""

    def __init__(self, session: str, directory: Path) -> None:
        if (program := which("bash")) is None:
            raise UsageError("bash is not on PATH: `rig tour --print` shows what to type into another shell")
        self._directory = directory
        self._bash = subprocess.Popen(
            [program, "--noprofile", "--norc"],
            env=caller.own({"RIG_SESSION": session}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that a command that hangs can be ended with all that it started
        )
        # This rig, whatever is on PATH.
        self.type(f'rig() {{ {shlex.quote(sys.executable)} -m rig "$@"; }}', within_s=CLOSE_S)

    def type(self, text: str, *, within_s: float, heard: Callable[[str], None] = lambda line: None) -> str:
        """What these lines print, both streams; `heard` gets each line as it comes. Hangs when they do not end."""
        file = self._directory / "typed.sh"
        file.write_text(text + "\n", encoding="utf-8")
        end = f"end-{secrets.token_hex(8)}"
        self._write(f". {shlex.quote(str(file))} </dev/null; printf '%s\\n' {end}\n")
        output = b""
        told = 0
        deadline = time.monotonic() + within_s
        while not output.endswith(f"{end}\n".encode()):
            left = deadline - time.monotonic()
            if left <= 0 or not (chunk := self._read(left)):
                raise Hangs(output.decode(errors="replace"))
            output += chunk
            whole = output.removesuffix(f"{end}\n".encode()).decode(errors="replace").split("\n")[:-1]
            for line in whole[told:]:
                heard(line)
            told = len(whole)
        return output.removesuffix(f"{end}\n".encode()).decode(errors="replace")

    def expand(self, text: str) -> str:
        """The text with the shell's variables in it."""
        return self.type(f'printf "%s\\n" "{text.translate(QUOTED)}"', within_s=CLOSE_S).removesuffix("\n")

    def close(self) -> None:
        """End it and all that it started."""
        try:
            os.killpg(self._bash.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._bash.wait(CLOSE_S)
        for pipe in (self._bash.stdin, self._bash.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, text: str) -> None:
        pipe = opened(self._bash.stdin)
        pipe.write(text.encode())
        pipe.flush()

    def _read(self, within_s: float) -> bytes:
        """What has come; nothing when nothing comes in time, or bash has ended."""
        descriptor = opened(self._bash.stdout).fileno()
        if not select.select([descriptor], [], [], within_s)[0]:
            return b""
        return os.read(descriptor, READ_BYTES)


QUOTED: Mapping[int, str] = str.maketrans({'"': '\\"', "\\": "\\\\", "`": "\\`"})


def opened(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None, "both were asked for"
    return pipe
