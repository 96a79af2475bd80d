"""Embedded Valkey: the real server from the wheel as our child; a restart empties it and keeps its users."""

import secrets
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import redis

from rig import caller
from rig.stack.embedded.postgres import role_of
from rig.stack.embedded.valkey_binaries import binary as binary
from rig.stack.embedded.valkey_users import User, rules, url_of
from rig.stack.errors import StackError, tail
from rig.stack.external.given import ask_valkey
from rig.stack.processes.ports import PORTS
from rig.stack.processes.process import Running, Supervisor
from rig.stack.processes.starting import await_start
from rig.stores.valkey import OURS, ValkeyFacts, connect, run
from rig.waiting import NotYet, poll_until

OBSERVER = "rig"
SNAPSHOT = "dump.rdb"
FIRST_USERS = ("sut-a", "sut-b", "sut-c")
STEERS = f"{OURS}stack"
READY_S = 10.0
STOP_S = 5.0

# Nothing is saved: a restart comes up empty, as a lost node does. DEBUG is for faults such as a busy server.
# A replica gets its keys at once: by default a primary waits 5 s for others.
SETTINGS = """\
bind 127.0.0.1
port {port}
dir {directory}
save ""
appendonly no
maxmemory-policy noeviction
enable-debug-command local
repl-diskless-sync-delay 0
user default off
"""


def user_of(instance: str) -> str:
    return role_of(instance).replace("_", "-", 1)


def client(url: str) -> redis.Redis:
    """A client for the rig's own use."""
    return connect(url, STEERS)


class EmbeddedValkey:
    """One server on 127.0.0.1. `kill` and `start` lose all keys and keep port and users."""

    managed = True
    of_a_process: ClassVar[tuple[str, ...]] = ("_name", "_log", "_process", "_directory", "_configuration", "_data")

    def __init__(self, supervisor: Supervisor, name: str, logs: Path, *, wheel: str | None = None) -> None:
        self._supervisor, self._stack, self._logs, self._wheel = supervisor, name, logs, wheel
        self._name = f"{name}-valkey"
        self._log = logs / f"{self._name}.log"
        self._passwords: dict[str, str] = {user: secrets.token_hex(12) for user in (OBSERVER, *FIRST_USERS)}
        self._process: Running | None = None
        self._facts: ValkeyFacts | None = None
        self.host = "127.0.0.1"
        self.port = PORTS.take()
        self._directory = supervisor.temporary_directory(self._name)
        self._configuration = self._directory / "valkey.conf"
        self._data = self._directory
        self.listens_on = self.port  # the server's own port
        self._retired: list[EmbeddedValkey] = []  # demoted primaries that still have clients

    @property
    def url(self) -> str:
        """Direct, as the rig's own user."""
        return f"redis://{OBSERVER}:{self._passwords[OBSERVER]}@{self.host}:{self.port}/0"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self.alive() else None

    def create(self) -> None:
        self.start()

    def twin(self, name: str = "second") -> "EmbeddedValkey":
        """A further, empty server with the same users, up: to be its replica, or a store of its own. Close it."""
        other = self._sibling(f"{self._stack}-{name}-{secrets.token_hex(2)}")
        other._passwords = dict(self._passwords)
        other.create()
        return other

    def _sibling(self, stack: str) -> "EmbeddedValkey":
        return type(self)(self._supervisor, stack, self._logs, wheel=self._wheel)

    def follow(self, primary: "EmbeddedValkey") -> None:
        """Be its replica and have all its keys; StackError after READY_S."""
        with self.for_faults(STEERS) as connection:
            connection.config_set("masteruser", OBSERVER)
            connection.config_set("masterauth", primary._passwords[OBSERVER])
            connection.replicaof(primary.host, primary.listens_on)

            def caught_up() -> bool:
                return bool(connection.info("replication").get("master_link_status") == "up")

            if not poll_until(caught_up, READY_S, every_s=0.01):
                raise StackError(f"Valkey on {self.port} did not catch up with {primary.port} in {READY_S:g} s")

    def lead(self) -> None:
        """Be nobody's replica, with the keys that it has."""
        with self.for_faults(STEERS) as connection:
            connection.replicaof("NO", "ONE")
            connection.config_set("masteruser", "")
            connection.config_set("masterauth", "")

    def exchange(self, other: "EmbeddedValkey") -> None:
        """Take the other's process to this port, and give it this one's process and its own port.

        No connection is cut: those that are open stay with the process that has them.
        """
        theirs = other.for_faults(STEERS, single_connection_client=True)
        ours = self.for_faults(STEERS, single_connection_client=True) if self.alive() else None
        if ours is not None:
            ours.config_set("port", 0)
        theirs.config_set("port", self.listens_on)
        if ours is not None:
            ours.config_set("port", other.listens_on)
            ours.close()
        theirs.close()
        for name in self.of_a_process:
            mine = getattr(self, name)
            setattr(self, name, getattr(other, name))
            setattr(other, name, mine)

    def retire(self, other: "EmbeddedValkey") -> None:
        """Let it live on until this one is closed."""
        self._retired.append(other)

    def run_id(self) -> str:
        with client(self.url) as connection:
            return str(connection.info("server")["run_id"])

    def save(self) -> bytes:
        """All keys as they are now, to be started with again."""
        with self.for_faults(STEERS) as connection:
            connection.save()
        snapshot = self._directory / SNAPSHOT
        kept = snapshot.read_bytes()
        snapshot.unlink()  # a start without one is to be empty
        return kept

    def obstruct_snapshot(self) -> None:
        """From now on no save succeeds, until `clear_snapshot`."""
        self.clear_snapshot()
        (self._directory / SNAPSHOT).mkdir()

    def clear_snapshot(self) -> None:
        """No snapshot, nor what is in the way of one."""
        place = self._directory / SNAPSHOT
        if place.is_dir():
            place.rmdir()
        place.unlink(missing_ok=True)

    def start(
        self, snapshot: bytes | None = None, settings: Mapping[str, object] | None = None, *, ready: bool = True
    ) -> None:
        """Start it, empty or with what `save` gave, on its port and wait for its PONG; nothing when it runs.

        `settings` go on top of ours; without `ready` it does not wait, and `await_ready` has to be called.
        """
        if self.alive():
            return
        self.clear_snapshot()  # a replica keeps what its primary sent
        if snapshot is not None:
            (self._directory / SNAPSHOT).write_bytes(snapshot)
        self._spawn(settings or {})
        if ready:
            self.await_ready()

    def _spawn(self, settings: Mapping[str, object]) -> None:
        self._configuration.touch(mode=0o600)
        self._configuration.write_text(self._settings(settings))
        self._process = self._launch()

    def _settings(self, more: Mapping[str, object]) -> str:
        """The text of its configuration."""
        users = "".join(f"user {user} {rules(password)}\n" for user, password in self._passwords.items())
        told = "".join(f"{name} {value}\n" for name, value in more.items())
        return SETTINGS.format(port=self.listens_on, directory=self._data) + told + users

    def await_ready(self) -> None:
        """Until it answers, everything loaded. StackError after READY_S, or when it exits."""
        assert self._process is not None, "start it first"
        with client(self.url) as probe:

            def answers() -> bool:
                try:
                    probe.ping()
                except redis.RedisError as error:
                    raise NotYet(str(error)) from None
                return True

            await_start("Valkey", self._process, self._log, answers, READY_S)
        self.clear_snapshot()  # the next start is to be empty

    def kill(self) -> None:
        """SIGKILL, as a lost node goes: no farewell to clients, all keys lost."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, as an operator stops it: all keys are lost here too."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """SIGSTOP: it holds its connections and answers nobody."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def alive(self) -> bool:
        """Whether its process is there (a paused one too)."""
        return self._process is not None and self._process.poll() is None

    @property
    def facts(self) -> ValkeyFacts:
        """What it is and lets us do, asked once."""
        if self._facts is None:
            self._facts = ask_valkey(self.url)
        return self._facts

    def for_faults(self, name: str, **more: Any) -> redis.Redis:
        """A client that may do everything, to inject faults and to steer the server. Observers use `url`."""
        return connect(self.url, name, **more)

    @property
    def facts_for_faults(self) -> ValkeyFacts:
        """What a fault may do by `for_faults`."""
        return self.facts

    users_of_their_own = True

    def instance_of(self, user: str) -> str | None:
        return user.removeprefix("sut-") if user.startswith("sut-") else None

    def why_direct(self, proxy_host: str) -> str:
        """Why no proxy may stand between it and a server: nothing is in the way of one."""
        return ""

    def user(self, instance: str) -> User:
        """The user of a server instance, made at the first call and kept over restarts."""
        name = user_of(instance)
        if name not in self._passwords:
            password = secrets.token_hex(12)
            with client(self.url) as connection:
                run(connection, "ACL", "SETUSER", name, *rules(password).split())
            self._passwords[name] = password
        return User(name, self._passwords[name])

    def url_of(self, user: User, address: str) -> str:
        """The URL by which that user reaches `address`: ours, or a proxy before it."""
        return url_of(user, address, like=self.url)

    def close(self) -> None:
        for other in self._retired:
            other.close()
        self.kill()
        PORTS.give_back(self.port)

    def _launch(self) -> Running:
        command = [binary(self._wheel), self._configuration]
        return self._supervisor.spawn(self._name, command, env=caller.bare(), cwd=self._directory, log=self._log)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.signal(number)

    def _end(self, number: signal.Signals) -> None:
        """Nothing when it does not run. One that does not heed the signal is killed and reported."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.signal(number)
        process.signal(signal.SIGCONT)  # a paused one could not take SIGTERM
        try:
            process.wait(STOP_S)
        except TimeoutError:
            process.signal(signal.SIGKILL)
            process.wait(STOP_S)
            raise StackError(f"Valkey did not stop within {STOP_S:g} s ({self._log}):\n{tail(self._log)}") from None
