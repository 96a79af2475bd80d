"""Lines of a soak: its parts, what was sampled, what happened meanwhile, and how latencies were spread."""

from rig.record.lines.base import Line


class SoakPart(Line, frozen=True, kw_only=True, tag="soak_part"):
    """A start of the soak: the first one, or one that resumed it. Times are in seconds.

    `factor`: how much shorter each cadence is than the written one. `left_s`: what was still to be soaked.
    """

    number: int
    factor: float
    every_s: float
    warm_up_s: float
    planned_s: float
    left_s: float
    faults: str
    mirror_every_s: float
    headroom: dict[str, float] = {}  # limits that the stores tell, by series: it replaces the stated one


class SoakSample(Line, frozen=True, kw_only=True, tag="soak_sample"):
    """The values of one sample, by series. A series that could not be read is left out.

    `calm`: nothing was disturbed by the run itself, and the rig itself did not stand still.
    """

    part: int
    values: dict[str, float]
    calm: bool = True
    missed: dict[str, str] = {}  # why a group of series could not be read


class SoakEvent(Line, frozen=True, kw_only=True, tag="soak_event"):
    """Something that explains a step or a gap. `scope`: the series that it separates (`run`, `valkey`, `a`).

    `ours`: the run did it itself. `seconds` is how long it lasted, 0 for a moment.
    """

    name: str
    scope: str
    text: str
    ours: bool = False
    seconds: float = 0.0


class SoakDifference(Line, frozen=True, kw_only=True, tag="soak_difference"):
    """A difference between mirror and truth that is over: what it was, and how old it became, in seconds."""

    what: str
    since: float
    age_s: float
    calm: bool = True


class SoakLatency(Line, frozen=True, kw_only=True, tag="soak_latency"):
    """The latencies of a span, by action: counts by bucket of `rig.record.histogram`."""

    part: int
    since: float
    histograms: dict[str, dict[str, int]]
    failed: int


class Pressure(Line, frozen=True, kw_only=True, tag="pressure"):
    """A neighbour filled Valkey under one policy: what broke, whether it was noticed, when it was healed.

    Seconds count from the moment at which Valkey was full, `healed_s` from the moment at which the neighbour was gone.
    """

    policy: str
    evicts: bool  # whether this policy may evict keys of the mirror
    filled_mb: float
    evicted: int
    refused: int
    lost: list[str]  # the structures of the mirror that differed from the truth
    failed: int  # requests without an answer, or with a 5xx
    alert: str
    alert_s: float | None
    healed_s: float | None
