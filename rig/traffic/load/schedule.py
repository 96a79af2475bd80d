"""The plan of a load: who sends what at which moment, spread evenly, from a random seed alone. Locust only carries it out."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

SHAPES = ("ramp", "spike", "square", "sustained")
# What each kind of user does. `storm` and `beacon` are the same request, of crowds of another temper.
STEADY = ("ping", "beacon", "storm", "dashboard")
WRITING = ("toggle", "chat")  # these cause SQL of their own, as they must
SPIKE_SHARE = 0.1  # of its period that a spike lasts
LULL_SHARE = 0.1  # of the peak that a storm keeps up between its bursts


@dataclass(frozen=True)
class LoadProfile:
    """How many of each, and how often, in seconds; rates in 1/s. A mitra's app pings twice a minute, as written."""

    mitras: int = 300
    ping_every_s: float = 30.0
    togglers: int = 4  # further mitras, who come and go
    toggle_every_s: float = 6.0
    customers: int = 100
    beacon_every_s: float = 5.0
    storm_shape: str = "square"
    storm_peak: float = 150.0
    storm_period_s: float = 20.0
    chats: int = 2  # customers who pay, each with a mitra of its own who accepts
    chat_every_s: float = 8.0
    dashboards: int = 1
    dashboard_every_s: float = 1.0

    def plain(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Phase:
    """A span of the plan: the arms that get the traffic, and which kinds of it."""

    name: str
    seconds: float
    arms: tuple[str, ...] = ()
    kinds: tuple[str, ...] = STEADY


@dataclass(frozen=True)
class LoadPlan:
    """The whole schedule; its moments are seconds since the begin of its first phase."""

    pace: LoadProfile
    phases: tuple[Phase, ...]
    random_seed: int
    starts: tuple[float, ...] = field(init=False)

    def __post_init__(self) -> None:
        starts, at = [], 0.0
        for phase in self.phases:
            starts.append(at)
            at += phase.seconds
        object.__setattr__(self, "starts", (*starts, at))

    @classmethod
    def of(cls, plain: dict[str, Any]) -> "LoadPlan":
        phases = tuple(
            Phase(one["name"], one["seconds"], tuple(one["arms"]), tuple(one["kinds"])) for one in plain["phases"]
        )
        return cls(LoadProfile(**plain["pace"]), phases, plain["random_seed"])

    def plain(self) -> dict[str, Any]:
        phases = [{**asdict(phase), "arms": list(phase.arms), "kinds": list(phase.kinds)} for phase in self.phases]
        return {"pace": self.pace.plain(), "phases": phases, "random_seed": self.random_seed}

    @property
    def seconds(self) -> float:
        return self.starts[-1]

    def arrivals(self, kind: str, lane: int = 0, lanes: int = 1) -> Iterator[tuple[float, int, int]]:
        """(moment, number of the actor, number of the phase) of each request of a kind, in order; a lane has each n-th.

        What falls into a phase without this kind is left out: the actors keep their places meanwhile.
        """
        moments = self._storm() if kind == "storm" else self._even(kind)
        phase = 0
        for number, (moment, actor) in enumerate(moments):
            while moment >= self.starts[phase + 1]:
                phase += 1
                if phase == len(self.phases):
                    return
            if number % lanes == lane and kind in self.phases[phase].kinds and self.phases[phase].arms:
                yield moment, actor, phase

    def _even(self, kind: str) -> Iterator[tuple[float, int]]:
        """Spread the actors evenly over the interval, in random order."""
        count, every_s = {
            "ping": (self.pace.mitras, self.pace.ping_every_s),
            "toggle": (self.pace.togglers, self.pace.toggle_every_s),
            "beacon": (self.pace.customers, self.pace.beacon_every_s),
            "chat": (self.pace.chats, self.pace.chat_every_s),
            "dashboard": (self.pace.dashboards, self.pace.dashboard_every_s),
        }[kind]
        order = list(range(count))
        random.Random(f"{self.random_seed}/{kind}").shuffle(order)
        turn = 0
        while count and (moment := (turn + 0.5) * every_s / count) < self.seconds:
            yield moment, order[turn % count]
            turn += 1

    def _storm(self) -> Iterator[tuple[float, int]]:
        """One arrival each time the integral of the rate has grown by one."""
        if self.pace.storm_peak <= 0:
            return
        at, owed, step, number = 0.0, 0.5, 0.01, 0
        while at < self.seconds:
            grown = rate(self.pace, at, self.seconds) * step
            while owed <= grown:
                yield at + step * owed / grown, number
                number += 1
                owed += 1.0
            owed -= grown
            at += step


def rate(pace: LoadProfile, at: float, seconds: float) -> float:
    """Polls a second of the storm at a moment: `ramp` grows all along, `spike` and `square` come back each period."""
    peak, share = pace.storm_peak, (at % pace.storm_period_s) / pace.storm_period_s
    if pace.storm_shape == "ramp":
        return peak * min(1.0, at / seconds)
    if pace.storm_shape == "spike":
        return peak if share < SPIKE_SHARE else LULL_SHARE * peak
    if pace.storm_shape == "square":
        return peak if share < 0.5 else LULL_SHARE * peak
    return peak


def blocks(count: int, seconds: float, conditions: Sequence[str]) -> list[tuple[str, float]]:
    """`count` blocks of each condition, in an order that mirrors itself (ABBA), so that a drift hits all alike."""
    order: list[str] = []
    for turn in range(count):
        order += conditions if turn % 2 == 0 else reversed(conditions)
    return [(condition, seconds) for condition in order]
