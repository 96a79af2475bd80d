"""A container with the manners of a process of ours: polled, waited for, signalled, and gone when the rig is.

It shares the host's network and listens on 127.0.0.1 itself. A published port would not do: the engine's forwarder
accepts for a proxy that refuses, so a refusal, the plainest of outages, could not be made.
"""

import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rig import caller
from rig.stack.errors import StackError
from rig.stack.processes.process import Process, Supervisor
from rig.waiting import poll_until

LABEL = "mirror-rig.run"
LOOK_EVERY_S = 0.01
ENGINE_S = 10.0
FOLLOWER_S = 2.0  # for the last lines of a log to come through
HELP = "docs/docker.md tells what --mode docker needs"

# Twice, as the engine may still have been making one while the rig was killed.
REMOVE_ALL = (
    'for turn in 1 2; do left=$(docker ps --all --quiet --filter "label=$0");'
    ' [ -z "$left" ] || docker rm --force --volumes $left; done'
)


def require_engine() -> None:
    """StackError unless there is a docker command and its engine answers: told before a run begins."""
    if not shutil.which("docker"):
        raise StackError(f"there is no docker command on PATH. {HELP}")
    try:
        command = ["docker", "info", "--format", "{{.ServerVersion}}"]
        done = subprocess.run(command, env=caller.own(engine=True), capture_output=True, text=True, timeout=ENGINE_S)
    except subprocess.TimeoutExpired:
        raise StackError(f"the Docker engine does not answer within {ENGINE_S:g} s. {HELP}") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise StackError(f"no Docker engine answers ({said[-1] if said else 'docker info failed'}): {HELP}")


def run_label(supervisor: Supervisor) -> str:
    """What marks every container of this run; it names the rig's process id."""
    return f"{LABEL}={supervisor.base.name}"


def remove_at_end(supervisor: Supervisor) -> None:
    """Have the supervisor remove the run's containers at its end, so after a SIGKILL of the rig too."""
    supervisor.at_end(["/bin/sh", "-c", REMOVE_ALL, run_label(supervisor)], env=caller.own(engine=True))


class Container:
    """Made at the first `start`; started again it is the same one, with the same files."""

    def __init__(
        self,
        supervisor: Supervisor,
        name: str,
        image: str,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        mounts: Mapping[Path, str] | None = None,
    ) -> None:
        self.name = f"{supervisor.base.name}-{name}"
        self.image = image
        self._supervisor = supervisor
        self._command = list(command)
        self._log = log
        self._environment = dict(environment or {})
        self._mounts = dict(mounts or {})
        self._made: Any = None
        self._follower: Process | None = None

    def start(self) -> "Container":
        """StackError when the engine does not answer, or the image cannot be had."""
        import docker.errors  # here and below: a stack without containers does not wait for these imports
        import requests

        started = time.time()
        try:
            if self._made is None:
                self._made = self._make()
            else:
                self._made.get_wrapped_container().start()
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise StackError(f"no container of {self.image}: {error}. {HELP}") from None
        self._follower = self._supervisor.spawn(
            f"{self.name}-log",
            ["docker", "logs", "--follow", "--since", f"{started:.6f}", self.name],
            env=caller.own(engine=True),
            log=self._log,
        )
        return self

    def _make(self) -> Any:
        from testcontainers.core.config import testcontainers_config
        from testcontainers.core.container import DockerContainer

        testcontainers_config.ryuk_disabled = True  # its reaper is one more image; the supervisor does its work
        remove_at_end(self._supervisor)
        key, _, value = run_label(self._supervisor).partition("=")
        made = DockerContainer(self.image, env=self._environment, name=self.name)
        made.with_command(self._command).with_kwargs(network_mode="host", labels={key: value})
        for source, target in self._mounts.items():
            made.with_volume_mapping(source, target, "rw")
        return made.start()

    def _state(self) -> dict[str, Any]:
        import docker.errors

        container = self._made.get_wrapped_container()
        try:
            container.reload()
        except docker.errors.NotFound:
            return {"Running": False, "ExitCode": 137, "Pid": 0}  # removed from outside
        state: dict[str, Any] = container.attrs["State"]
        return state

    @property
    def pid(self) -> int:
        """Of its first process, as the host numbers it; 0 when it does not run."""
        return int(self._state()["Pid"])

    def poll(self) -> int | None:
        """Its exit code (negative: a signal's number), None while it runs. Once told, the log is complete."""
        state = self._state()
        if state["Running"]:
            return None
        if self._follower is not None:
            try:
                self._follower.wait(FOLLOWER_S)
            except TimeoutError:
                self._follower.signal(9)
            self._follower = None
        code = int(state["ExitCode"])
        return 128 - code if code > 128 else code

    def wait(self, timeout: float) -> int:
        """Its exit code; TimeoutError after `timeout` seconds."""
        code = poll_until(self.poll, timeout, until=lambda code: code is not None, every_s=LOOK_EVERY_S)
        if code is None:
            raise TimeoutError(f"{self.name} still runs after {timeout:g} s")
        return code

    def signal(self, number: int, *, tree: bool = False) -> list[int]:
        """Send a signal to its first process, with which the others go; the process ids that were sent one."""
        import docker.errors

        pid = self.pid
        try:
            self._made.get_wrapped_container().kill(signal=int(number))
        except docker.errors.APIError as error:
            if error.status_code not in (404, 409):  # it has gone, or ended by itself
                raise StackError(f"signal {number} to {self.name}: {error}") from None
            return []
        return [pid]

    def remove(self) -> None:
        """With its files; nothing when it is gone or was never made."""
        import docker.errors

        if self._made is not None:
            try:
                self._made.stop(force=True, delete_volume=True)
            except docker.errors.NotFound:
                pass
