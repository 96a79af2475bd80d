"""A manual session: a stack and its servers, and what a user may do to them while they run."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import redis

from rig.errors import UsageError
from rig.runs.manual.client import Request
from rig.runs.manual.lines import ACTIONS_LOG
from rig.runs.manual.options import variables
from rig.stack import ServerInstance, Stack, StackError
from rig.stack.errors import ServerDied, tail
from rig.stack.sut.managed import STOP_S
from rig.stores.valkey import OURS, connect

STORES_S = 30.0  # Valkey's stop and start, or its connection's deadline
NOT_OURS = "an external Valkey is not ours to {}: `rig valkey {}` does the same at the proxy"


class Session:
    """What `rig serve` runs; its servers are started by `rig serve` itself, or by `start`."""

    def __init__(
        self, stack: Stack, servers: Mapping[str, ServerInstance], logs: Path, *, ready_within_s: float
    ) -> None:
        self.stack, self.servers, self.ready_within_s = stack, dict(servers), ready_within_s
        self._first = {name: dict(server.overrides) for name, server in self.servers.items()}
        self.actions = logs / "actions.log"
        self.actions.touch()
        self._stopped: set[str] = set()  # by a command, so that their end is expected

    @property
    def limit_s(self) -> float:
        """How long any action may take: stop all servers, start them, wait for the stores."""
        return len(self.servers) * (self.ready_within_s + STOP_S) + STORES_S

    @property
    def logs(self) -> dict[str, Path]:
        """The log of each server by its name, and that of what was done by command."""
        return {**{name: server.log for name, server in self.servers.items()}, ACTIONS_LOG: self.actions}

    @property
    def ended_by_itself(self) -> list[ServerInstance]:
        """Servers that do not run although nobody stopped them."""
        return [one for name, one in self.servers.items() if not one.running and name not in self._stopped]

    def act(self, request: Request) -> list[str]:
        """Carry out a request and tell what came of it. UsageError for one that cannot be, StackError where it failed."""
        name = request.get("instance")
        if name is not None and name not in self.servers:
            raise UsageError(f"there is no server {name!r}: there is {', '.join(self.servers)}")
        chosen = [self.servers[name]] if name else list(self.servers.values())
        if request["what"] == "valkey":
            lines = self._valkey(request["action"], name, chosen)
        else:
            lines = self._server(request["action"], chosen, request.get("env", ()))
        for line in lines:
            self._note(line)
        return lines

    def _note(self, line: str) -> None:
        with self.actions.open("a") as file:
            file.write(f"{time.time():.6f} {line}\n")

    # --- Valkey ----------------------------------------------------------------------------------------------

    def _valkey(self, action: str, name: str | None, chosen: Sequence[ServerInstance]) -> list[str]:
        if name is not None and action not in ("cut", "heal"):
            raise UsageError(
                f"`rig valkey {action}` is for all servers: leave {name!r} out (`rig valkey cut {name}` is for one)"
            )
        actions: dict[str, Callable[[], list[str]]] = {
            "stop": self._stop_valkey,
            "start": self._start_valkey,
            "flush": self._flush_valkey,
            "cut": lambda: [self._switch_proxy(server, works=False) for server in chosen],
            "heal": lambda: [self._switch_proxy(server, works=True) for server in chosen],
        }
        return actions[action]()

    def _stop_valkey(self) -> list[str]:
        if not self.stack.valkey.managed:
            raise UsageError(NOT_OURS.format("stop", "cut"))
        if not self.stack.valkey.alive():
            return ["Valkey is stopped already"]
        self.stack.valkey.stop()
        return ["Valkey is stopped and has lost its keys; `rig valkey start` starts it empty"]

    def _start_valkey(self) -> list[str]:
        if not self.stack.valkey.managed:
            raise UsageError(NOT_OURS.format("start", "heal"))
        if self.stack.valkey.alive():
            return ["Valkey runs already"]
        self.stack.valkey.start()
        return ["Valkey runs, empty: now the servers have 5 s in which to seed it"]

    def _flush_valkey(self) -> list[str]:
        try:
            with connect(self.stack.valkey.url, f"{OURS}session") as client:
                client.flushdb()
        except redis.RedisError as error:
            raise StackError(f"Valkey took no FLUSHDB: {error}") from None
        return ["Valkey is empty (FLUSHDB)"]

    def _switch_proxy(self, server: ServerInstance, *, works: bool) -> str:
        """Let the server's proxy to Valkey work or refuse; CapabilityMissing where there can be no proxy."""
        self.stack.toxiproxy.set_enabled(server.proxy, works)
        if works:
            return f"server {server.name} reaches Valkey again"
        return f"server {server.name} is cut off from Valkey: its connections are closed, new ones are refused"

    # --- servers ---------------------------------------------------------------------------------------------

    def _server(self, action: str, chosen: Sequence[ServerInstance], env: Iterable[str]) -> list[str]:
        changes = variables(env)
        lines = [] if action == "start" else self._stop(chosen)
        if action == "stop":
            return lines
        return lines + self.start([server for server in chosen if not server.running], changes)

    def _stop(self, chosen: Sequence[ServerInstance]) -> list[str]:
        lines = []
        for server in chosen:
            self._stopped.add(server.name)
            if not server.running:
                lines.append(f"server {server.name} is stopped already")
                continue
            began = time.monotonic()
            code = server.stop()
            lines.append(f"server {server.name} has stopped: exit code {code} after {time.monotonic() - began:.1f} s")
        return lines

    def start(self, chosen: Sequence[ServerInstance], changes: Mapping[str, str] | None = None) -> list[str]:
        """Start servers side by side, with `changes` to their variables from now on, and wait until all are ready.

        An empty value is the one that the session began with.

        A server that does not get ready keeps its old variables, so that it can be started again.
        """
        if not chosen:
            return ["every server runs already"]
        began = time.monotonic()
        before = {server.name: dict(server.overrides) for server in chosen}
        for server in chosen:
            for variable, value in (changes or {}).items():
                server.overrides[variable] = value or self._first[server.name][variable]
            self._stopped.add(server.name)  # until it is ready: its end is then the error of this command
            try:
                server.spawn()
            except StackError:  # its port was taken meanwhile
                server.overrides = before[server.name]
                raise
        errors = [error for server in chosen if (error := self._await_ready(server, before[server.name]))]
        if errors:
            raise StackError(f"{'; '.join(errors)} (`rig server start` tries again, with --env for other variables)")
        told = "".join(f" {name}={chosen[0].overrides[name]}" for name in changes or {})
        took = f"after {time.monotonic() - began:.1f} s{' with' if told else ''}{told}"
        return [f"server {server.name} is ready at {server.public_url} {took}" for server in chosen]

    def _await_ready(self, server: ServerInstance, before: dict[str, str]) -> str | None:
        """Wait until it serves; else why it does not, in one line, and its variables are those of `before` again."""
        try:
            server.wait_ready(self.ready_within_s)
        except StackError as error:
            server.overrides = before
            return why_not_ready(server, error)
        self._stopped.discard(server.name)
        return None


def why_not_ready(server: ServerInstance, error: StackError) -> str:
    """One line: what happened, and the last line that the server printed."""
    last = tail(server.log, lines=1).strip()
    if isinstance(error, ServerDied):
        return f"server {server.name} exited with code {error.exit_code} before it was ready: {last}"
    return f"{str(error).partition('. Its last lines')[0]}; its last line is: {last}"
