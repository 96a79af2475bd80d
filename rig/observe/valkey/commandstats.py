"""Counts Valkey's commands by its own counters: at a load that MONITOR would slow down, and that costs it nothing."""

import threading
import time
from typing import NamedTuple

import redis

from rig.observe.errors import CannotObserve
from rig.stores.closing import Closing
from rig.stores.urls import ValkeyUrl
from rig.stores.valkey import OURS, connect, setting, subscriber
from rig.waiting import poll_until

TIMEOUT_S = 2.0
READ_SLICE_S = 0.2
FENCE_S = 5.0
FENCE_CHANNEL = "rig-fence"
# K: events named by key; $: writes of strings; g: DEL, EXPIRE and the like; x: a key that expired.
NEEDED = "K$gx"
ALL = "g$lshzxetdm"  # what the flag A stands for; Valkey answers with A where all of them are on


class Counts(NamedTuple):
    """`server_us`: Valkey's own clock, epoch microseconds. `calls` and `cpu_us` by command (`set`, `config|get`)."""

    server_us: int
    run_id: str  # another one means that the counters began anew
    calls: dict[str, int]
    cpu_us: dict[str, int]


class CommandStats(Closing):
    """Reads `commandstats`: all clients together, commands inside scripts too. A user cannot be told from it."""

    def __init__(self, url: str) -> None:
        self._client = connect(url, f"{OURS}observer")

    def read(self) -> Counts:
        """One round trip; the reading itself is counted as `info` from the next one on. redis.RedisError."""
        pipeline = self._client.pipeline(transaction=True)  # nothing comes between clock and counters
        pipeline.info("server")
        pipeline.info("commandstats")
        try:
            server, stats = pipeline.execute()
        except redis.ResponseError as error:
            raise CannotObserve(f"Valkey's counters: INFO was refused ({error}); give a user who may +info") from None
        named = {name.removeprefix("cmdstat_"): facts for name, facts in stats.items()}
        return Counts(
            server_us=int(server["server_time_usec"]),
            run_id=str(server["run_id"]),
            calls={name: int(facts["calls"]) for name, facts in named.items()},
            cpu_us={name: int(facts["usec"]) for name, facts in named.items()},
        )

    def close(self) -> None:
        self._client.close()


class Event(NamedTuple):
    """What happened to the key (`set`, `expire`, `del`, `expired`, ...) and when we heard of it, epoch seconds."""

    at: float
    name: str
    key: str


class Rewrites(Closing):
    """A thread that hears every change of one key, or of all that begin so (`key` ends in `*`), scripts' included.

    It hears them from before the constructor returns.
    It asks Valkey for keyspace notifications, on top of those that are on, and puts the setting back at its close;
    with `given`, somebody else has switched them on. CannotObserve where CONFIG is refused. What was missed because the connection broke is told by `error`: the count
    is then no count. FLUSHDB makes no event.
    """

    def __init__(self, url: str, key: str, *, needed: str = NEEDED, given: bool = False) -> None:
        database = ValkeyUrl.parse(url).database
        self._space, self._needed = f"__keyspace@{database}__:", needed
        self.channel = f"{self._space}{key}"
        self.error: str | None = None
        self._client = connect(url, f"{OURS}observer")
        self._lock = threading.Condition()
        self._events: list[Event] = []
        self._fences: set[str] = set()
        self._stopping = threading.Event()
        try:
            self._before = None if given else self._ask_for_events()
            self._pubsub = subscriber(self._client)
            self._subscribe()
        except BaseException:
            self._client.close()
            raise
        self._thread = threading.Thread(target=self._listen, name="valkey-rewrites", daemon=True)
        self._thread.start()

    def events(self, name: str | None = None) -> list[Event]:
        """All so far in their order, or those of one name. `fence` first to have all that happened before."""
        with self._lock:
            return [event for event in self._events if name is None or event.name == name]

    def count(self, name: str = "set", t0: float | None = None, t1: float | None = None) -> int:
        """How many of that name were heard of in `[t0, t1]` (epoch seconds, our clock)."""
        return sum((t0 is None or e.at >= t0) and (t1 is None or e.at <= t1) for e in self.events(name))

    def fence(self, within_s: float = FENCE_S) -> None:
        """Return once everything that happened before this has been heard. TimeoutError, with the thread's error."""
        mark = f"{time.time_ns()}-{threading.get_ident()}"
        self._client.publish(FENCE_CHANNEL, mark)
        with self._lock:
            if not self._lock.wait_for(lambda: mark in self._fences or self.error is not None, within_s):
                raise TimeoutError(f"Valkey's events of {self.channel}: nothing heard for {within_s:g} s")
        if self.error is not None:
            raise TimeoutError(f"Valkey's events of {self.channel}: the subscription broke: {self.error}")

    def close(self) -> None:
        """Stop listening and put the setting back; a Valkey that is gone needs nothing back."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._thread.join(TIMEOUT_S + READ_SLICE_S)
        try:
            if self._before is not None:
                self._client.config_set("notify-keyspace-events", self._before)
        except redis.RedisError as error:
            self.error = self.error or str(error)
        self._pubsub.close()
        self._client.close()

    def _ask_for_events(self) -> str:
        """The setting as it was."""
        try:
            before = setting(self._client, "notify-keyspace-events")
            self._client.config_set("notify-keyspace-events", with_needed(before, self._needed))
        except (redis.ResponseError, KeyError) as error:
            raise CannotObserve(
                f"keyspace notifications: CONFIG was refused ({error}); set notify-keyspace-events to {self._needed} yourself"
                " and give a user who may +config|get +config|set"
            ) from None
        return before

    def _subscribe(self) -> None:
        """Both channels, confirmed: what happens from now on is heard."""
        self._pubsub.subscribe(FENCE_CHANNEL)
        (self._pubsub.psubscribe if self.channel.endswith("*") else self._pubsub.subscribe)(self.channel)
        confirmed: list[str] = []

        def both() -> bool:
            message = self._pubsub.get_message(timeout=READ_SLICE_S)
            if message is not None and message["type"] in ("subscribe", "psubscribe"):
                confirmed.append(message["channel"])
            return len(confirmed) == 2

        if not poll_until(both, TIMEOUT_S, every_s=0.0):
            raise CannotObserve(f"keyspace notifications: Valkey did not confirm SUBSCRIBE {self.channel}")

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                message = self._pubsub.get_message(ignore_subscribe_messages=True, timeout=READ_SLICE_S)
            except (redis.RedisError, OSError, ValueError) as error:
                with self._lock:
                    self.error = f"{type(error).__name__}: {error}"
                    self._lock.notify_all()
                return  # a silent new subscription would hide what was missed
            if message is None:
                continue
            with self._lock:
                if message["channel"].startswith(self._space):
                    key = message["channel"].removeprefix(self._space)
                    self._events.append(Event(time.time(), message["data"], key))
                else:
                    self._fences.add(message["data"])
                    self._lock.notify_all()


def with_needed(flags: str, needed: str = NEEDED) -> str:
    """The flags that are on, and those that we need; Valkey takes them in any order, but each once."""
    spelt = flags.replace("A", ALL)
    return spelt + "".join(flag for flag in needed if flag not in spelt)
