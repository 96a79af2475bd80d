"""The rig's side of the supervisor: start it, ask it for processes and directories, close it."""

import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rig import caller
from rig.stack.errors import SpawnError, StackError, SupervisorGone
from rig.stores.closing import Closing

ENVIRONMENT_NAME = "RIG_SUPERVISOR"
PROGRAM = Path(__file__).with_name("supervisor.py")
START_S = 10.0
ANSWER_S = 15.0
CLOSE_S = 60.0  # processes are gone within 5 s; a slow disk may take its time over large directories
WAIT_SLICE_S = 5.0


class Running(Protocol):
    """What was launched, a process or a container: polled, waited for and signalled in the same way."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float) -> int: ...

    def signal(self, number: int, *, tree: bool = False) -> list[int]: ...


@dataclass(frozen=True)
class ProcessState:
    """What the supervisor tells of a process: times in epoch seconds, a negative exit code is a signal's number."""

    pid: int
    exit_code: int | None
    started: float
    exited: float | None
    read: bool  # whether anybody reads what it prints


class Process:
    """A process that the supervisor started. Ended at the latest when the rig is."""

    def __init__(self, supervisor: "Supervisor", name: str, state: ProcessState, log: Path | None) -> None:
        self._supervisor = supervisor
        self._state = state
        self.name = name
        self.log = log
        self.pid = state.pid
        self.started = state.started

    def poll(self) -> int | None:
        """Its exit code (negative: a signal's number), None while it runs. Once told, the log is complete."""
        if self._state.exit_code is None:
            self._ask_state("wait", timeout_s=0)
        return self._state.exit_code

    @property
    def exited(self) -> float | None:
        """Epoch seconds of its end, as the supervisor saw it."""
        self.poll()
        return self._state.exited

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; TimeoutError after `timeout` seconds (None: never)."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            left = WAIT_SLICE_S if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{self.name} (pid {self.pid}) still runs after {timeout:g} s")
            self._ask_state("wait", timeout_s=min(left, WAIT_SLICE_S))
        return code

    def read_output(self, read: bool) -> None:
        """From now on what it prints is read, or is not: then it waits in the pipe, which has room for little."""
        self._ask_state("output", read=read)

    @property
    def output_is_read(self) -> bool:
        self._ask_state("wait", timeout_s=0)
        return self._state.read

    def signal(self, number: int, *, tree: bool = False) -> list[int]:
        """Send a signal to it, or to it and all it started; the process ids that were sent one."""
        reply = self._supervisor.ask("signal", pid=self.pid, signal=int(number), tree=tree)
        signalled: list[int] = reply["signalled"]
        return signalled

    def _ask_state(self, op: str, **request: Any) -> None:
        self._state = ProcessState(**self._supervisor.ask(op, pid=self.pid, **request))


class Supervisor(Closing):
    """A handle on the supervisor. Safe to use from any thread: each question is a connection of its own."""

    def __init__(self, base: Path, popen: subprocess.Popen[bytes] | None = None) -> None:
        self.base = base
        self.socket = base / "supervisor.sock"
        self._popen = popen

    @classmethod
    def start(cls) -> "Supervisor":
        """A new supervisor for this process: when we end, in whatever way, all it started ends within 5 s."""
        base = parent_directory() / f"mirror-rig-{os.getpid()}-{secrets.token_hex(4)}"
        ready, ready_write = os.pipe()
        try:
            popen = subprocess.Popen(
                [sys.executable, "-I", "-S", str(PROGRAM), str(base), str(ready_write)],
                env=caller.own(),
                stdin=subprocess.PIPE,  # the lifeline: it reads end of file when we are gone
                pass_fds=(ready_write,),
                start_new_session=True,  # Ctrl-C is for the rig, which then closes in order
            )
        finally:
            os.close(ready_write)
        with os.fdopen(ready, "rb") as stream:
            heard = select.select([stream], [], [], START_S)[0] and stream.read()
        if not heard:
            popen.kill()
            popen.wait()
            raise StackError(f"the supervisor did not start ({sys.executable} {PROGRAM}); is {base.parent} writable?")
        return cls(base, popen)

    @classmethod
    def attach(cls, socket_path: str | Path) -> "Supervisor":
        """Use the supervisor of another process of this rig (named by RIG_SUPERVISOR), which closes it."""
        supervisor = cls(Path(socket_path).parent)
        supervisor.ask("running")
        return supervisor

    def ask(self, op: str, **request: Any) -> dict[str, Any]:
        """One question to the supervisor; SpawnError when it refuses, SupervisorGone without an answer."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(ANSWER_S + request.get("timeout_s", 0))
                connection.connect(str(self.socket))
                connection.sendall(json.dumps({"op": op, **request}).encode() + b"\n")
                with connection.makefile("rb") as stream:
                    reply: dict[str, Any] = json.loads(stream.readline() or "{}")
        except OSError as error:
            raise SupervisorGone(f"the rig's supervisor ({self.socket}) does not answer: {error}") from None
        if not reply:
            raise SupervisorGone(f"the rig's supervisor ({self.socket}) hung up: it was ended from outside")
        if "error" in reply:
            raise SpawnError(f"{op} {request.get('name', '')}: {reply['error']}")
        return reply

    def spawn(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        user: str | None = None,
        log: Path | None,
        last_signal: int = signal.SIGKILL,
    ) -> Process:
        """Start a process in a session of its own, its output stamped line by line into `log`.

        Without a log it writes where the rig writes. `user` needs root. `last_signal` is what it gets at the
        end of the run; any but SIGKILL gives it 1.5 s to leave by itself. SpawnError says what was wrong
        with the command.
        """
        if log is not None:
            log = log.absolute()
            log.parent.mkdir(parents=True, exist_ok=True)
            log.touch()
        words = [str(word) for word in argv]
        state = self.ask(
            "spawn", name=name, argv=words, env=dict(env), cwd=str(cwd) if cwd else None, user=user,
            log=str(log) if log else None, last_signal=int(last_signal),
        )  # fmt: skip
        return Process(self, name, ProcessState(**state), log)

    def temporary_directory(self, name: str) -> Path:
        """A new directory, removed at the end of the run, after a SIGKILL of the rig too."""
        return Path(self.ask("directory", name=name)["path"])

    def at_end(self, argv: Sequence[str | Path], env: Mapping[str, str]) -> None:
        """Have a command run at the end of the run, in whatever way that comes, after all processes have ended.

        It tidies what is not a process of ours; it has 6 s, nobody reads its output, twice the same counts once.
        """
        self.ask("at_end", argv=[str(word) for word in argv], env=dict(env))

    def running(self) -> list[dict[str, Any]]:
        """`{"name", "pid"}` of each process that still runs."""
        running: list[dict[str, Any]] = self.ask("running")["running"]
        return running

    @property
    def environment(self) -> dict[str, str]:
        """What another process of this rig needs in its environment to attach."""
        return {ENVIRONMENT_NAME: str(self.socket)}

    def close(self) -> None:
        """End every process and remove every directory of the run; nothing on an attached handle."""
        if self._popen is None:
            return
        assert self._popen.stdin is not None
        self._popen.stdin.close()
        try:
            self._popen.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            raise StackError(
                f"the supervisor (pid {self._popen.pid}) did not end within {CLOSE_S:g} s: see {self.base}"
            ) from None


def parent_directory() -> Path:
    """Where the run's directory goes: the usual temporary one, unless root's Postgres could not pass through it."""
    usual = Path(tempfile.gettempdir()).resolve()
    if os.geteuid() != 0 or all(path.stat().st_mode & 0o001 for path in (usual, *usual.parents)):
        return usual
    return Path("/tmp")
