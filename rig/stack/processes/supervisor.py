"""The process that starts all others: it outlives even a SIGKILL of the rig, ends them, tidies and leaves.

Run by path, by the interpreter alone (`python -I -S supervisor.py BASE READY_FD`): it imports the standard
library and two modules beside it that do the same, so that it is up in some 20 ms and can start what finds out
that a package is missing.
"""

import contextlib
import json
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rig.stack.processes.process_tree import adopt_orphans, descendants, parents
    from rig.stack.processes.supervised_child import Child
else:  # with -I nobody finds what stands beside it; at the end, so that nothing hides a module of the standard library
    sys.path.append(str(Path(__file__).parent))
    from process_tree import adopt_orphans, descendants, parents
    from supervised_child import Child

GRACE_S = 1.5  # for those that asked for a last signal before SIGKILL
KILL_S = 3.0  # how long we go on killing what still forks
DRAIN_S = 1.0  # for all logs together; a pipe that somebody else holds has no end to wait for
LAST_COMMAND_S = 6.0  # for a command that tidies outside our processes


def identity(user: str | None) -> dict[str, Any]:
    """Popen's arguments to run as another user, without our supplementary groups."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


class Supervisor:
    """The state behind the socket. Children are started and reaped under one lock: no id is ever mistaken."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.changed = threading.Condition()
        self.children: dict[int, Child] = {}
        self.closing = False
        self.last_commands: list[dict[str, Any]] = []

    def spawn(self, request: dict[str, Any]) -> dict[str, Any]:
        log = Path(request["log"]) if request["log"] else None
        output = subprocess.PIPE if log else None
        with self.changed:
            if self.closing:
                raise RuntimeError("the supervisor is closing: it starts nothing more")
            popen = subprocess.Popen(
                request["argv"],
                env=request["env"],
                cwd=request["cwd"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if log else None,
                start_new_session=True,  # a group of its own, and no share in the terminal's Ctrl-C
                **identity(request["user"]),
            )
            child = Child(request["name"], popen, request["last_signal"], log)
            self.children[child.pid] = child
        return child.state()

    def wait(self, request: dict[str, Any]) -> dict[str, Any]:
        """A child's state after at most `timeout_s`; an exit is told once its last lines are in the log."""
        child = self.children[request["pid"]]
        with self.changed:
            self.changed.wait_for(lambda: child.exit_code is not None, request["timeout_s"])
        if child.exit_code is not None and child.pump is not None:
            child.pump.join(0.3)  # a grandchild may hold the pipe open: then there is no end to wait for
        return child.state()

    def signal(self, request: dict[str, Any]) -> dict[str, Any]:
        with self.changed:
            child = self.children[request["pid"]]
            targets = {child.pid} if child.exit_code is None else set()
            if request["tree"]:
                table = parents()
                ours = descendants(os.getpid(), table)
                targets |= descendants(child.pid, table) if targets else set()
                targets |= {pid for pid in ours if table[pid][1] == child.pid}
            for pid in targets:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, request["signal"])
        return {"signalled": sorted(targets)}

    def output(self, request: dict[str, Any]) -> dict[str, Any]:
        """From now on what a child prints is read, or is not."""
        child = self.children[request["pid"]]
        (child.read.set if request["read"] else child.read.clear)()
        return child.state()

    def directory(self, request: dict[str, Any]) -> dict[str, Any]:
        """A new directory that goes when we go; numbered when the name is taken."""
        for number in range(1, 1000):
            path = self.base / (request["name"] if number == 1 else f"{request['name']}-{number}")
            with contextlib.suppress(FileExistsError):
                path.mkdir(mode=0o700)
                return {"path": str(path)}
        raise RuntimeError(f"a thousand directories named {request['name']!r}: something opens them in a loop")

    def at_end(self, request: dict[str, Any]) -> dict[str, Any]:
        """Keep a command to be run once all processes have ended; the same one again counts once."""
        with self.changed:
            if request not in self.last_commands:
                self.last_commands.append(request)
        return {"kept": len(self.last_commands)}

    def running(self, _: dict[str, Any]) -> dict[str, Any]:
        children = [child for child in self.children.values() if child.exit_code is None]
        return {"running": [{"name": child.name, "pid": child.pid} for child in children]}

    def answer(self, connection: socket.socket) -> None:
        # whoever asked may have died: closing the stream flushes, so it too may find a broken pipe
        with contextlib.suppress(OSError), connection, connection.makefile("rw", encoding="utf-8") as stream:
            try:
                request = json.loads(stream.readline())
                operations = (
                    self.spawn, self.wait, self.signal, self.output, self.directory, self.at_end, self.running,
                )  # fmt: skip
                reply = {op.__name__: op for op in operations}[request.pop("op")](request)
            except Exception as error:
                reply = {"error": f"{type(error).__name__}: {error}"}
            stream.write(json.dumps(reply) + "\n")

    def serve(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def reap(self) -> None:
        with self.changed:
            with contextlib.suppress(ChildProcessError):
                while True:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                    if pid == 0:
                        break
                    if pid in self.children:
                        self.children[pid].reaped(status)
            self.changed.notify_all()

    def close(self) -> None:
        """End every process below us and remove what was ours on disk, within GRACE_S + KILL_S and the last commands' time."""
        with self.changed:
            self.closing = True
            alive = [child for child in self.children.values() if child.exit_code is None]
        graced = [child for child in alive if child.last_signal != signal.SIGKILL]
        for child in graced:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, child.last_signal)
                os.kill(child.pid, signal.SIGCONT)  # a stopped one could not take it
        self.end([child.pid for child in alive if child not in graced], within_s=0.0)
        self.until(lambda: all(child.exit_code is not None for child in graced), GRACE_S)
        self.end([child.pid for child in graced if child.exit_code is None], within_s=KILL_S)
        self.drain()
        for command in self.last_commands:
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                subprocess.run(
                    command["argv"], env=command["env"], timeout=LAST_COMMAND_S,
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )  # fmt: skip
        shutil.rmtree(self.base, ignore_errors=True)

    def drain(self) -> None:
        """Let the pumps write what the dead left in their pipes: last words tell the most."""
        deadline = time.monotonic() + DRAIN_S
        for child in self.children.values():
            child.read.set()
            if child.pump is not None:
                child.pump.join(max(0.0, deadline - time.monotonic()))

    def end(self, pids: list[int], within_s: float) -> None:
        """SIGKILL these and their groups; with time given, all below us, until there is nothing left."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)

        def nothing_left() -> bool:
            left = descendants(os.getpid(), parents())
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not left

        if within_s:
            self.until(nothing_left, within_s)

    def until(self, condition: Callable[[], bool], within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
            self.reap()


def stop_by_signals() -> threading.Event:
    """Set by the signals that end a program. Handled, not ignored as a background shell has it: or our children inherit that."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def watch(supervisor: Supervisor, lifeline: int, stop: threading.Event) -> None:
    """Reap children until the rig closes its end of the lifeline, or a signal says to stop."""
    wake, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while not stop.is_set():
        ready, _, _ = select.select([lifeline, wake], [], [], 1.0)
        if wake in ready:
            os.read(wake, 4096)
        supervisor.reap()
        if lifeline in ready and not os.read(lifeline, 4096):
            return


def main(base: Path, ready_fd: int) -> None:
    stop = stop_by_signals()
    adopt_orphans()
    base.mkdir(mode=0o711)  # other users may pass through (Postgres is not run by root) but not look around
    base.chmod(0o711)
    os.umask(0o022)
    supervisor = Supervisor(base)
    try:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(base / "supervisor.sock"))
        os.chmod(base / "supervisor.sock", 0o600)
        listener.listen(128)
        threading.Thread(target=supervisor.serve, args=(listener,), daemon=True).start()
        os.write(ready_fd, b"ready\n")
        os.close(ready_fd)
        watch(supervisor, sys.stdin.fileno(), stop)
    finally:
        supervisor.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
