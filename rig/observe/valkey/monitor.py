"""Watches every command that Valkey takes, by its MONITOR, and tells which instance sent it."""

import bisect
import contextlib
import threading
import time
import uuid
from collections.abc import Callable
from typing import NoReturn

import redis

from rig.observe.errors import CannotObserve
from rig.observe.valkey.command import SCRIPT_COMMANDS, SIGN_IN_COMMANDS, Command, parse_line
from rig.observe.valkey.keyspace_events import Told
from rig.observe.valkey.monitor_socket import Wire
from rig.stores.closing import Closing
from rig.stores.valkey import OURS, connect, run

OBSERVER_TIMEOUT_S = 2.0
USERS_EVERY_S = 0.1
READ_SLICE_S = 0.05
RECONNECT_EVERY_S = 0.02


class Monitor(Closing):
    """A MONITOR connection in a thread, up before the constructor returns, renewed after a restart of Valkey.

    `instance_of` tells the instance of an ACL user; with `others`, whoever does not bear the rig's name (`rig-…`) is that
    instance, whatever its user. Connect before a fault: a paused or full Valkey takes no new
    connection. OSError when it cannot be reached at the start. Lines that could not be read are in `errors`, the
    spans in which commands may have been missed in `blind`.
    """

    def __init__(
        self, url: str, instance_of: Callable[[str], str | None] = lambda user: None, others: str | None = None
    ) -> None:
        self._url = url
        self._others = others
        self._named = instance_of
        self.errors: list[str] = []
        self._lock = threading.Condition()
        self._commands: list[Command] = []
        self._fences: set[str] = set()  # those that MONITOR has shown
        self._users: dict[str, str] = {}
        self._ours: set[str] = set()  # addresses of connections that bear the rig's name
        self._users_at = 0.0
        self._script: Command | None = None
        self._blind: list[tuple[float, float]] = []
        self._blind_from: float | None = None
        self._loss = ""
        self._connections = 1
        self._side = connect(url, f"{OURS}observer")
        self._wire: Wire | None = Wire.monitor(url, OBSERVER_TIMEOUT_S)
        self._seen_alive = time.time()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="valkey-monitor", daemon=True)
        self._thread.start()

    @property
    def connected(self) -> bool:
        return self._blind_from is None

    @property
    def blind(self) -> list[tuple[float, float]]:
        """Spans (epoch seconds, our clock) without a MONITOR connection; one that lasts ends now."""
        with self._lock:
            spans = list(self._blind)
            return spans if self._blind_from is None else [*spans, (self._blind_from, time.time())]

    def window(self, t0: float | None = None, t1: float | None = None) -> list[Command]:
        """Commands whose time (Valkey's clock) is in `[t0, t1]`, in the order in which Valkey took them."""
        with self._lock:
            first = 0 if t0 is None else bisect.bisect_left(self._commands, t0, key=command_time)
            last = None if t1 is None else bisect.bisect_right(self._commands, t1, key=command_time)
            return self._commands[first:last]

    def fence(self, within_s: float = 5.0) -> None:
        """Return once all that Valkey took before this is in `window`, or lost in a blind span.

        TimeoutError when Valkey does not answer for `within_s`; when it is gone there is nothing to wait for.
        """
        # Not `wait_until`: each round blocks on the condition for the time that is left.
        deadline = time.monotonic() + within_s
        why = "no look was taken"
        while time.monotonic() < deadline:
            mark, connection = f"rig-fence-{uuid.uuid4()}", self._connections
            try:
                run(self._side, "ECHO", mark)
            except redis.RedisError as error:
                if not self.connected:
                    return  # all that came before the loss of the connection has been read
                why = str(error)
                time.sleep(RECONNECT_EVERY_S)
                continue
            why = "it shows nothing" if self.connected else f"it is not connected ({self._loss})"
            if self._shows(mark, connection, deadline - time.monotonic()):
                return
        raise TimeoutError(f"Valkey's MONITOR did not come up to date within {within_s:g} s: {why}")

    def _shows(self, mark: str, connection: int, within_s: float) -> bool:
        """Whether MONITOR shows that ECHO. One that was lost in a blind span is not waited for."""
        with self._lock:
            self._lock.wait_for(lambda: mark in self._fences or self._connections != connection, within_s)
            return mark in self._fences

    def close(self) -> None:
        """End the thread and both connections."""
        self._stopping.set()
        self._thread.join(OBSERVER_TIMEOUT_S * 3)
        if self._thread.is_alive():
            raise TimeoutError("the MONITOR thread did not end")
        self._side.close()

    # --- in the thread ---

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if self._wire is None:
                    self._connect_again()
                else:
                    self._read()
            except OSError as error:
                self._lost(error)
            except Exception as error:  # the thread must outlive a line that it cannot read: the error is kept
                self.errors.append(f"{time.time():.6f} {type(error).__name__}: {error}")
        if self._wire is not None:
            self._wire.close()

    def _read(self) -> None:
        assert self._wire is not None
        lines = self._wire.lines(READ_SLICE_S)
        if time.monotonic() - self._users_at > USERS_EVERY_S:
            self._look_up_users()
        if lines:
            self._seen_alive = time.time()
        for line in lines:
            try:
                self._take(line)
            except ValueError as error:
                self.errors.append(f"{time.time():.6f} {error}")

    def _take(self, line: bytes) -> None:
        at, database, source, args = parse_line(line)
        lua = source == "lua"
        if lua:
            script = self._script
            client, user, instance = (script.client, script.user, script.instance) if script else (None,) * 3
        else:
            if source not in self._users or args[0].upper() in SIGN_IN_COMMANDS:
                self._look_up_users()
            client, user = source, self._users.get(source)
            instance = self._instance_of(client, user)
        command = Command(at, args, client, user, instance, lua, database)
        if not lua and command.verb in SCRIPT_COMMANDS:
            self._script = command
        with self._lock:
            if command.verb == "ECHO" and len(args) == 2 and args[1].startswith("rig-fence-"):
                self._fences.add(args[1])
                self._lock.notify_all()
            bisect.insort_right(self._commands, command, key=command_time)

    def _instance_of(self, client: str, user: str | None) -> str | None:
        if self._others is None:
            return self._named(user) if user else None
        return None if client in self._ours else self._others

    def _look_up_users(self) -> None:
        """Update which user each address belongs to. Closed ones are forgotten, because ports are reused."""
        self._users_at = time.monotonic()
        with contextlib.suppress(redis.RedisError):  # a hung Valkey takes no commands whose sender matters
            clients = self._side.client_list()
            self._users = {client["addr"]: client["user"] for client in clients}
            self._ours = {client["addr"] for client in clients if client["name"].startswith(OURS)}
            self._seen_alive = time.time()

    def _lost(self, error: OSError) -> None:
        if self._wire is not None:
            self._wire.close()
        with self._lock:
            self._wire, self._script, self._users = None, None, {}
            if self._blind_from is None:
                self._blind_from = self._seen_alive
            self._loss = str(error)

    def _connect_again(self) -> None:
        if self._stopping.wait(RECONNECT_EVERY_S):
            return
        wire = Wire.monitor(self._url, OBSERVER_TIMEOUT_S)
        with self._lock:
            self._wire = wire
            if self._blind_from is not None:
                self._blind.append((self._blind_from, time.time()))
            self._blind_from = None
            self._connections += 1
            self._seen_alive = time.time()
            self._lock.notify_all()


class NoMonitor:
    """Stands in for a monitor where MONITOR is not allowed: only the second witness knows of commands."""

    connected = False
    errors: tuple[str, ...] = ()

    def __init__(self, why: str, told: Told | None = None) -> None:
        self.why, self._told = why, told

    @property
    def blind(self) -> list[tuple[float, float]]:
        return [(0.0, time.time())]

    def window(self, t0: float | None = None, t1: float | None = None) -> NoReturn:
        raise CannotObserve(self.why)

    def changes(self, instance: str, since: float, until: float) -> list[Command]:
        """What the second witness knows of that time; CannotObserve where there is none either."""
        if self._told is None:
            raise CannotObserve(self.why)
        return self._told.window(instance, since, until)

    def fence(self, within_s: float = 0.0) -> None:
        """Wait until the second witness has heard all earlier events, if Valkey is up."""
        if self._told is not None:
            with contextlib.suppress(redis.RedisError, TimeoutError):
                self._told.fence()

    def close(self) -> None:
        if self._told is not None:
            self._told.close()


def command_time(command: Command) -> float:
    return command.at
