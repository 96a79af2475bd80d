"""Actions of the rig's own that take no effect, and nothing says so: boxes that hang on them must not be judged.

The boxes are some of several sections, with and without an action box before them.
"""

from typing import Any

from tests.sabotage.entry import ineffective


def nothing(*_: Any, **__: Any) -> None:
    """What the action does now."""


@ineffective(
    "valkey-never-stops", "A stop of Valkey takes no effect.",
    "B-07", "B-08", "C-09", "C-10", "F-06", "G-08", "G-09", "H-06", "H-07", "J-01", "J-03",
)  # fmt: skip
def valkey_never_stops() -> None:
    from rig.stack.embedded.toxiproxy import Toxiproxy
    from rig.stack.embedded.valkey import EmbeddedValkey

    EmbeddedValkey.kill = Toxiproxy.set_enabled = nothing  # type: ignore[assignment]


@ineffective("valkey-never-comes-back", "A Valkey that was stopped is never started again.", "B-08", "J-05", "J-06")
def valkey_never_comes_back() -> None:
    """Its first start is the stack's own."""
    from rig.stack.embedded.toxiproxy import Toxiproxy
    from rig.stack.embedded.valkey import EmbeddedValkey

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


@ineffective(
    "environment-never-arrives", "The server runs on the quiet defaults, whatever the scenario asked for.",
    "D-06", "D-07", "G-01", "G-06", "H-02", "H-03", "I-05", "I-06", "K-05",
)  # fmt: skip
def environment_never_arrives() -> None:
    from rig.stack.sut.managed import ServerInstance

    environment = ServerInstance._environment

    def without_overrides(self: ServerInstance, env: Any) -> dict[str, str]:
        self.overrides = {}
        return environment(self, {})

    ServerInstance._environment = without_overrides  # type: ignore[method-assign]


@ineffective("postgres-never-stops", "A stop of Postgres takes no effect.", "C-08", "F-12")
def postgres_never_stops() -> None:
    from rig.stack.embedded.postgres import EmbeddedPostgres

    EmbeddedPostgres.stop = nothing  # type: ignore[assignment]
