"""A second source for a server's commands where MONITOR is not allowed: keyspace events and command counters."""

from typing import NamedTuple

from rig.observe.errors import CannotObserve
from rig.observe.valkey.command import Command
from rig.observe.valkey.commandstats import CommandStats, Rewrites

# Events by key: strings, sets, DEL and the like, keys that expired.
NEEDED = "K$sgx"
COUNTED = {
    "sdiff": ("SDIFF", "mitras:online", "mitras:deactivated")
}  # reads that no event tells, and that the rig never sends


class Reading(NamedTuple):
    """One look at the counters of commands."""

    at: float  # Valkey's clock
    calls: dict[str, int]


class Told:
    """Keyspace events and counters name neither client nor arguments, so this serves a single instance.

    `given`: keyspace events are on, and not ours to switch. CannotObserve where they cannot be had.
    """

    def __init__(self, url: str, *, given: bool) -> None:
        self._events = Rewrites(url, "*", needed=NEEDED, given=given)
        self._stats = CommandStats(url)
        self._readings: list[Reading] = []
        self.fence()

    def fence(self) -> None:
        """All that happened before this has been heard and counted. TimeoutError, redis.RedisError."""
        self._events.fence()
        counts = self._stats.read()
        self._readings.append(Reading(counts.server_us / 1e6, counts.calls))

    def window(self, instance: str, since: float, until: float) -> list[Command]:
        """A command for each change of a key, and for each that was counted between the fences around the window.

        CannotObserve when the subscription broke: what was missed nobody knows.
        """
        if self._events.error is not None:
            raise CannotObserve(f"keyspace events: {self._events.error}")
        commands = [
            Command(event.at, (event.name.upper(), event.key), None, None, instance, False)
            for event in self._events.events()
            if since <= event.at <= until
        ]
        before = max((one for one in self._readings if one.at <= since), default=self._readings[0])
        after = min((one for one in self._readings if one.at >= until), default=self._readings[-1])
        for name, words in COUNTED.items():
            number = after.calls.get(name, 0) - before.calls.get(name, 0)
            commands += [Command(after.at, words, None, None, instance, False)] * number
        return commands

    def close(self) -> None:
        self._events.close()
        self._stats.close()
