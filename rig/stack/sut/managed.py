"""The server under test: a command, an environment, two ports, and identities of its own in both stores."""

import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from rig import caller
from rig.stack.errors import CapabilityMissing, NotReady, ServerDied, StackError
from rig.stack.processes.ports import is_free
from rig.stack.processes.process import Process, Supervisor
from rig.stack.sut.readiness import await_ready
from rig.stack.sut.resolver import Resolver
from rig.waiting import WaitTimeout

OTP_CODE = "123456"
READY_S = 15.0
STOP_S = 10.0

# Every cadence at an hour: a scenario shortens the one that it is about, and all others stay out of its way.
QUIET = {
    "MITRA_AUTO_OFFLINE_SWEEP_SECONDS": "3600",
    "HEARTBEAT_MIRROR_INTERVAL_SECONDS": "3600",
    "VALKEY_ONLINE_MIRROR_SWEEP_SECONDS": "3600",
    "GOODBYE_WINDOW_SECONDS": "60",
}


@dataclass(frozen=True)
class Secrets:
    """What the servers of one stack share, so that a token of one is good at the other."""

    jwt_secret: str
    internal_token: str
    otp_code: str = OTP_CODE


@dataclass(frozen=True)
class Seat:
    """What an instance name stands for while the stack is open: identities, ports and a proxy of its own."""

    name: str
    role: str  # Postgres login role
    database_url: str
    valkey_user: str
    valkey_url: str  # as the server gets it: through its proxy, unless it asked for the direct way
    proxy: str | None  # its name in Toxiproxy; None when not proxied
    direct: str  # why no proxy can stand between it and Valkey; "" where one can
    public_port: int
    internal_port: int
    log: Path
    clock: "Clock | None" = None
    resolver: Resolver | None = None


@dataclass(frozen=True)
class Clock:
    """An instance's own clock, by a library that reads from a file how far it is from ours."""

    library: str
    file: Path

    def set(self, ahead_s: float) -> None:
        """Whole or not at all: the instance may be reading."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{ahead_s:+g}s\n")
        fresh.replace(self.file)

    @property
    def environment(self) -> dict[str, str]:
        """What is counted in seconds that have passed goes by the machine's clock, as where a real one is set."""
        return {
            "LD_PRELOAD": self.library, "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }  # fmt: skip


@dataclass
class ServerInstance:
    """One instance, not started yet. Its log grows over restarts, each line stamped with its arrival."""

    managed: ClassVar[bool] = True  # ours to start, stop and configure

    seat: Seat
    command: list[str]
    directory: Path
    secrets: Secrets
    supervisor: Supervisor = field(repr=False)
    inherited: Mapping[str, str] = field(repr=False, default_factory=caller.for_servers)  # of the caller's
    overrides: dict[str, str] = field(default_factory=dict)
    started: float | None = None  # epoch seconds of the last start of the process
    ready: float | None = None  # epoch seconds of the first 200 of /readyz after it

    def __post_init__(self) -> None:
        self._process: Process | None = None
        self.env: dict[str, str] = self._environment({})

    @property
    def name(self) -> str:
        return self.seat.name

    @property
    def public_url(self) -> str:
        return f"http://127.0.0.1:{self.seat.public_port}"

    @property
    def internal_url(self) -> str:
        return f"http://127.0.0.1:{self.seat.internal_port}"

    @property
    def role(self) -> str:
        return self.seat.role

    @property
    def valkey_user(self) -> str:
        return self.seat.valkey_user

    @property
    def proxy(self) -> str | None:
        """CapabilityMissing where there can be none."""
        if self.seat.direct:
            raise CapabilityMissing(f"a proxy before Valkey: {self.seat.direct}")
        return self.seat.proxy

    @property
    def log(self) -> Path:
        return self.seat.log

    @property
    def clock(self) -> Clock | None:
        return self.seat.clock

    @property
    def jwt_secret(self) -> str:
        return self.secrets.jwt_secret

    @property
    def internal_token(self) -> str:
        return self.secrets.internal_token

    @property
    def otp_code(self) -> str:
        return self.secrets.otp_code

    @property
    def process(self) -> Process | None:
        return self._process

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Of the last start; negative: a signal's number; None while it runs or before the first start."""
        return self._process.poll() if self._process is not None else None

    def start(self, env: Mapping[str, str] | None = None, ready_within_s: float = READY_S) -> None:
        """Start it and wait for its /readyz; `env` counts for this start only.

        ServerDied when it exits before, NotReady (and killed) after the deadline; both show the log's end.
        """
        self.spawn(env)
        self.wait_ready(ready_within_s)

    def spawn(self, env: Mapping[str, str] | None = None) -> None:
        """Start the process without waiting: for starts that are meant to fail, or to be slow."""
        if self.running:
            raise StackError(f"server {self.name} runs already (pid {self.pid}): stop it before starting it again")
        for port in (self.seat.public_port, self.seat.internal_port):
            if not is_free(port, lingering_ok=True):
                raise StackError(f"port {port} for server {self.name} is taken{holder(port)}: end that and try again")
        self.env = self._environment(env or {})
        self.ready = None
        resolver = self.seat.resolver
        self._process = self.supervisor.spawn(
            f"server-{self.name}",
            resolver.wrapped(self.command) if resolver else self.command,
            env=caller.server(self.inherited, resolver.named(self.env) if resolver else self.env),
            cwd=self.directory,
            log=self.log,
        )
        self.started = self._process.started

    def wait_ready(self, within_s: float = READY_S) -> None:
        """Wait until GET /readyz of the internal listener answers 200; see `start` for what it raises."""
        assert self._process is not None, "spawn it first"
        try:
            await_ready(self.internal_url, within_s, self._refuse_if_ended)
        except WaitTimeout as late:
            seen = f"{late.seen}{self._listens_elsewhere()}"
            self.kill()
            raise NotReady(self.name, within_s, seen, self.log) from None
        self.ready = time.time()

    def _refuse_if_ended(self) -> None:
        """ServerDied if the process has exited; what it started is killed then."""
        assert self._process is not None, "spawn it first"
        code = self._process.poll()
        if code is not None:
            self._process.signal(signal.SIGKILL, tree=True)
            raise ServerDied(self.name, code, " ".join(self.command), self.log)

    def _listens_elsewhere(self) -> str:
        """What ports it listens on, if those it was given are not all among them: a likely reason, and easily mended."""
        import psutil  # here, as only this error needs it

        given = {self.seat.public_port, self.seat.internal_port}
        ports: set[int] = set()
        try:
            process = psutil.Process(self.pid)
            for each in (process, *process.children(recursive=True)):
                ports |= {c.laddr.port for c in each.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
        except (psutil.Error, OSError):
            return ""
        if given <= ports:
            return ""
        listened = ", ".join(map(str, sorted(ports))) or "no port"
        return (
            f" (it was given PUBLIC_PORT={self.seat.public_port} and INTERNAL_PORT={self.seat.internal_port},"
            f" and listens on {listened})"
        )

    def stop(self, timeout_s: float = STOP_S) -> int:
        """SIGTERM to the process itself, and its exit code: -9 if it was still there after `timeout_s`.

        What it started gets the signal only if it hands it on; whatever is left of it is killed afterwards.
        """
        if self._process is None:
            raise StackError(f"server {self.name} was never started")
        self._process.signal(signal.SIGTERM)
        try:
            code = self._process.wait(timeout_s)
        except TimeoutError:
            self._process.signal(signal.SIGKILL, tree=True)
            return self._process.wait(STOP_S)
        self._process.signal(signal.SIGKILL, tree=True)
        return code

    def kill(self) -> int | None:
        """SIGKILL to it and all it started; its exit code, None if it was never started."""
        if self._process is None:
            return None
        self._process.signal(signal.SIGKILL, tree=True)
        return self._process.wait(STOP_S)

    def close(self) -> None:
        """Whatever of it is left ends."""
        self.kill()

    def describe(self) -> dict[str, object]:
        return {
            "public_url": self.public_url, "internal_url": self.internal_url, "pid": self.pid,
            "role": self.role, "valkey_user": self.valkey_user, "proxy": self.seat.proxy, "log": str(self.log),
            "jwt_secret": self.jwt_secret, "internal_token": self.internal_token, "otp_code": self.otp_code,
        }  # fmt: skip

    def _environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """What the contract says a server reads: defaults, then the instance's own, then this start's."""
        return {
            **QUIET,
            "APP_ENV": "test",
            "HOST": "127.0.0.1",
            "PUBLIC_PORT": str(self.seat.public_port),
            "INTERNAL_PORT": str(self.seat.internal_port),
            "DATABASE_URL": self.seat.database_url,
            "VALKEY_URL": self.seat.valkey_url,
            "JWT_SECRET": self.jwt_secret,
            "INTERNAL_API_TOKEN": self.internal_token,
            "OTP_DEV_CODE": self.otp_code,
            **(self.clock.environment if self.clock else {}),
            **self.overrides,
            **env,
        }


def holder(port: int) -> str:
    """` by NAME (pid N)` of who listens on a port, as far as this user may see it."""
    import psutil  # here, as only this error needs it

    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr
            if listens and listens.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return " by another process"
