"""A pytest plugin for the feature run: one kind of the rig's own actions takes no effect, and nothing says so."""

import os
from collections.abc import Callable
from typing import Any

from rig.stack.postgres import EmbeddedPostgres
from rig.stack.server import ServerInstance
from rig.stack.toxiproxy import Toxiproxy
from rig.stack.valkey import EmbeddedValkey

VARIABLE = "NO_EFFECT"


def nothing(*_: Any, **__: Any) -> None:
    """What the action does now."""


def valkey_never_stops() -> None:
    EmbeddedValkey.kill = Toxiproxy.set_enabled = nothing  # type: ignore[assignment]


def valkey_never_comes_back() -> None:
    """Once stopped; its first start is the stack's own."""
    kill, start, set_enabled = EmbeddedValkey.kill, EmbeddedValkey.start, Toxiproxy.set_enabled
    killed: set[int] = set()

    def kill_for_good(self: EmbeddedValkey) -> None:
        killed.add(id(self))
        kill(self)

    EmbeddedValkey.kill = kill_for_good  # type: ignore[method-assign]
    EmbeddedValkey.start = lambda self: None if id(self) in killed else start(self)  # type: ignore[method-assign]
    Toxiproxy.set_enabled = (  # type: ignore[method-assign]
        lambda self, name, enabled: None if enabled else set_enabled(self, name, enabled)
    )


def environment_never_arrives() -> None:
    """The server runs on the quiet defaults, whatever the scenario asked for."""
    environment = ServerInstance._environment

    def without_overrides(self: ServerInstance, env: Any) -> dict[str, str]:
        self.overrides = {}
        return environment(self, {})

    ServerInstance._environment = without_overrides  # type: ignore[method-assign]


def postgres_never_stops() -> None:
    EmbeddedPostgres.stop = nothing  # type: ignore[assignment]


KINDS: dict[str, Callable[[], None]] = {
    kind.__name__: kind
    for kind in (valkey_never_stops, valkey_never_comes_back, environment_never_arrives, postgres_never_stops)
}
KINDS[os.environ[VARIABLE]]()
