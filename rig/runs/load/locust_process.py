"""Runs Locust for a load: alone, in several processes, or as a master of workers here and on other machines."""

import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rig import caller
from rig.paths import shipped
from rig.record import RunDirectory
from rig.runs.load.plan import LoadOptions
from rig.stack.processes.ports import PORTS
from rig.stack.processes.process import Process, Supervisor
from rig.traffic.load.schedule import LoadPlan
from rig.waiting import poll_until

LOCUSTFILE = shipped("loadtest", "locustfile.py")
OVERTIME_S = 90.0  # what it may take to start, sign in, drain and end, beyond the plan
MASTER_PORT = 5557
STOP_S = 5.0


class Locust:
    """Locust processes that carry out one plan. Their record is read while it grows; `close` ends them."""

    def __init__(
        self, supervisor: Supervisor, directory: RunDirectory, options: LoadOptions, prepared: dict[str, Any]
    ) -> None:
        self._supervisor, self._directory, self._options = supervisor, directory, options
        seconds = LoadPlan.of(prepared["plan"]).seconds
        self.log = directory.logs / "locust.log"
        self._record = directory.path / "record-locust.jsonl"
        self._offset = 0
        self._port: int | None = None
        path = supervisor.temporary_directory("load") / "plan.json"
        path.touch(mode=0o600)  # it holds secrets
        path.write_text(json.dumps({"run": str(directory.path.resolve()), **prepared}))
        self._plan = path
        self._deadline = None if options.web else time.monotonic() + seconds + OVERTIME_S
        self._workers: list[Process] = []
        self._first = self._start()

    def _start(self) -> Process:
        options = self._options
        words = ["--html", str(self._directory.path / "locust.html")]
        words += ["--web-host", "127.0.0.1", "--web-port", str(options.web_port)] if options.web else ["--headless"]
        if options.workers or options.expect:
            self._port = MASTER_PORT if options.expect else PORTS.take()
            words += ["--master", "--expect-workers", str(options.workers + options.expect)]
            words += ["--master-bind-host", options.bind, "--master-bind-port", str(self._port)]
        elif options.processes > 1:
            self._port = PORTS.take()
            words += ["--processes", str(options.processes), "--master-bind-host", "127.0.0.1"]
            words += ["--master-bind-port", str(self._port), "--master-port", str(self._port)]
        first = self._spawn("locust", words)
        for number in range(options.workers):
            follow = ["--worker", "--master-host", "127.0.0.1", "--master-port", str(self._port)]
            self._workers.append(self._spawn(f"locust-worker-{number}", follow))
        return first

    def _spawn(self, name: str, words: list[str]) -> Process:
        command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--loglevel", "WARNING", "--only-summary"]
        command += ["--exit-code-on-error", "0", *words]
        return self._supervisor.spawn(
            name, command, env=caller.own({"RIG_INTERNAL_LOAD": str(self._plan)}), cwd=shipped(), log=self.log
        )

    def running(self) -> bool:
        """OSError when it takes longer than its plan could."""
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise OSError(f"Locust did not end in time ({self.log}): {self._tail()}")
        return self._first.poll() is None

    def new_lines(self) -> Iterator[dict[str, Any]]:
        """What it has recorded since the last look."""
        if not self._record.exists():
            return
        with self._record.open("rb") as file:
            file.seek(self._offset)
            whole = file.read().rpartition(b"\n")[0]
        if whole:
            self._offset += len(whole) + 1
            yield from map(json.loads, whole.split(b"\n"))

    def check(self) -> None:
        """OSError when it ended in another way than by the end of its plan."""
        if (code := self._first.poll()) not in (0, None):
            raise OSError(f"Locust ended with {code} ({self.log}): {self._tail()}")

    def close(self) -> None:
        for process in self._alive():
            process.signal(signal.SIGTERM, tree=True)
        poll_until(lambda: not self._alive(), STOP_S)
        for process in self._alive():
            process.signal(signal.SIGKILL, tree=True)
        if self._port is not None and not self._options.expect:
            PORTS.give_back(self._port)

    def _alive(self) -> list[Process]:
        return [process for process in (self._first, *self._workers) if process.poll() is None]

    def _tail(self) -> str:
        path: Path = self.log
        return (
            " / ".join(line.partition(" ")[2] for line in path.read_text().splitlines()[-6:]) if path.exists() else ""
        )
