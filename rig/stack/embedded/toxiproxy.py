"""Toxiproxy: the real server as our child, and the one module that speaks its HTTP API.

The package toxiproxy-python is unmaintained, waits without a timeout and keeps the server's address in a
global, so two stacks in one process would share it: a few lines of httpx take its place.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from rig import caller
from rig.stack.embedded.toxiproxy_binary import toxiproxy_binary
from rig.stack.errors import StackError
from rig.stack.http import http_client
from rig.stack.processes.ports import PORTS
from rig.stack.processes.process import Running, Supervisor
from rig.stack.processes.starting import await_start

READY_S = 10.0
TIMEOUT_S = 5.0


class Toxiproxy:
    """A Toxiproxy server's API. Proxies go by name; changes act on open connections too."""

    managed = False

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.host = urlsplit(self.url).hostname or "127.0.0.1"
        self._client = http_client(TIMEOUT_S, base_url=self.url)

    def proxies(self) -> dict[str, dict[str, Any]]:
        """Name → the proxy as Toxiproxy tells it: listen, upstream, enabled, toxics."""
        found: dict[str, dict[str, Any]] = self._call("GET", "/proxies")
        return found

    def create_proxy(self, name: str, port: int, upstream: str) -> str:
        """Listen on `port` for `upstream` (host:port), replacing one of that name; what to connect to."""
        listen = f"{'127.0.0.1' if self.host in ('127.0.0.1', 'localhost') else '0.0.0.0'}:{port}"
        self._call("POST", "/populate", [{"name": name, "listen": listen, "upstream": upstream, "enabled": True}])
        return f"{self.host}:{port}"

    def delete_proxy(self, name: str) -> None:
        self._call("DELETE", f"/proxies/{name}")

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Disabled, it refuses new connections and has cut the open ones; the only way to a refusal."""
        self._call("POST", f"/proxies/{name}", {"enabled": enabled})

    def set_upstream(self, name: str, upstream: str) -> None:
        """Lead it elsewhere (host:port); its open connections end."""
        self._call("POST", f"/proxies/{name}", {"upstream": upstream, "enabled": True})

    def toxics(self, proxy: str) -> set[str]:
        return {toxic["name"] for toxic in self._call("GET", f"/proxies/{proxy}/toxics")}

    def add_toxic(
        self, proxy: str, name: str, type: str, stream: str, attributes: dict[str, Any], toxicity: float = 1.0
    ) -> None:
        """`stream`: `upstream` (to Valkey) or `downstream`; `toxicity`: share of connections it acts on."""
        toxic = {"name": name, "type": type, "stream": stream, "toxicity": toxicity, "attributes": attributes}
        self._call("POST", f"/proxies/{proxy}/toxics", toxic)

    def remove_toxic(self, proxy: str, name: str) -> None:
        self._call("DELETE", f"/proxies/{proxy}/toxics/{name}")

    def reset(self) -> None:
        """Enable every proxy and remove every toxic."""
        self._call("POST", "/reset")

    def version(self) -> str:
        """What it calls itself; `git` when built by `go install`."""
        return str(self._call("GET", "/version").get("version"))

    def alive(self) -> bool:
        try:
            self._call("GET", "/version")
        except StackError:
            return False
        return True

    def close(self) -> None:
        self._client.close()

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        """StackError names the call and what came back."""
        try:
            response = self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise StackError(f"Toxiproxy at {self.url} does not answer {method} {path}: {error!r}") from None
        if response.is_error:
            raise StackError(f"Toxiproxy refused {method} {path}: {response.status_code} {response.text.strip()}")
        return response.json() if response.content else {}


class EmbeddedToxiproxy(Toxiproxy):
    """Our own server, gone with the stack."""

    managed = True

    def __init__(self, supervisor: Supervisor, name: str, logs: Path) -> None:
        self._supervisor = supervisor
        self._name = f"{name}-toxiproxy"
        self._log = logs / f"{self._name}.log"
        self._process: Running | None = None
        self._prepare()
        self.port = PORTS.take()
        super().__init__(f"http://127.0.0.1:{self.port}")

    def _prepare(self) -> None:
        # Here, in the caller's thread: a first run builds it for half a minute, and Ctrl-C has to end that at once.
        self._program = toxiproxy_binary(self._supervisor)

    def _launch(self) -> Running:
        command: list[str | Path] = [self._program, "-host", "127.0.0.1", "-port", str(self.port)]
        return self._supervisor.spawn(self._name, command, env=caller.bare(), log=self._log)

    def create(self) -> None:
        """Start the server and wait for its API."""
        self._process = self._launch()
        await_start("Toxiproxy", self._process, self._log, self.alive, READY_S)

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def close(self) -> None:
        super().close()
        if self._process is not None:
            self._process.signal(9)
            self._process.wait(TIMEOUT_S)
        PORTS.give_back(self.port)
