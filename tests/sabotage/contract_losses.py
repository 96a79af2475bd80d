"""Defects that show when Valkey forgets its scripts, or cuts the connections of subscribers."""

from typing import Any

from tests.sabotage.entry import sabotage

RACES = ("--stage", "races")


@sabotage(
    "scripts-loaded-once",
    "Once Valkey has forgotten a script, what needs it is answered with 500.",
    "OUTAGE-06",
    by=RACES,
)
def scripts_loaded_once() -> None:
    from redis.exceptions import NoScriptError

    from server.mirror import client

    load = client.Valkey._load
    known: set[str] = set()

    async def once(self: Any, script: str) -> str:
        if script in known:
            raise RuntimeError("this script was loaded before") from NoScriptError()
        known.add(script)
        return await load(self, script)

    client.Valkey._load = once  # type: ignore[method-assign]


@sabotage(
    "settings-end-with-a-cut",
    "Once a subscriber's connection was cut, no setting changes any more.",
    "OUTAGE-07",
    by=RACES,
)
def settings_end_with_a_cut() -> None:
    from server.mirror.settings import Subscriber

    hear = Subscriber._hear

    async def of_the_first_connection(self: Any, message: dict[str, Any]) -> None:
        self.connections = getattr(self, "connections", 0) + (message["type"] == "subscribe")
        if self.connections == 1:
            await hear(self, message)
        else:
            self._config._take = lambda values: None  # Postgres notifies of changes too

    Subscriber._hear = of_the_first_connection  # type: ignore[method-assign]
