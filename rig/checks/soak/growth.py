"""Which series of a soak rise, how fast, and when they reach their headroom; which exceeded what they must not exceed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from statistics import median

from rig.checks.soak.series import Bounded, Growing, bounded, growing, scope_of
from rig.checks.soak.trend import Point, Trend, block_medians, holm, trend
from rig.record import Lines
from rig.record.lines.soak import SoakEvent, SoakPart, SoakSample

BLOCKS = 24
BLOCKS_OF_SEGMENT = 4
ALPHA = 0.01  # of a false alarm in a whole run, over all series
GAP = 5  # so many samples that are missing in a row are a gap


@dataclass(frozen=True)
class Rise:
    """What the trend test says of one series. `p` is corrected for the number of series; times are in seconds.

    `first` and `last`: the medians of the first and of the last block.
    """

    name: str
    how: Growing
    found: Trend
    p: float
    first: float
    last: float
    observed_s: float
    factor: float

    @property
    def rises(self) -> bool:
        """Whether it rises steadily, and by more than a rise that is too small to matter."""
        return self.significant and self.found.low > 0 and self.found.slope * self.observed_s >= self.how.grain

    @property
    def significant(self) -> bool:
        return self.p < ALPHA

    @property
    def reached_s(self) -> float:
        """After how long, from now on, it has used up its headroom. It must rise."""
        return max(0.0, self.how.headroom - (self.last - self.first)) / self.found.slope

    def told(self) -> str:
        """Its rate in words, with its interval and its headroom."""
        unit = f" {self.how.unit}" if self.how.unit else ""
        hourly = [value * 3600 / self.factor for value in (self.found.slope, self.found.low, self.found.high)]
        rate, low, high = (f"{value:.3g}" for value in hourly)
        at = " of the written cadences" if self.factor != 1 else ""
        return (
            f"{self.name} ({self.how.title}) rises by {rate}{unit} per hour{at} (95 %: {low} to {high}),"
            f" of a headroom of {self.how.headroom:g}{unit}: {self.how.why}"
        )


@dataclass(frozen=True)
class Excess:
    """A series that exceeded its bound from a moment on, and the highest value that it had then."""

    name: str
    how: Bounded
    at: float
    highest: float
    times: int


def factor_of(lines: Lines) -> float:
    part = lines.last(SoakPart)
    return part.factor if part else 1.0


@lru_cache(maxsize=8)  # each item asks for it
def observed_spans(lines: Lines) -> list[tuple[float, float]]:
    """The spans that were sampled, in order: a new one begins with each part and after each gap."""
    parts = {part.number: part for part in lines.of(SoakPart)}
    spans: list[tuple[float, float]] = []
    last: SoakSample | None = None
    for sample in lines.of(SoakSample):
        part = parts.get(sample.part)
        every_s = part.every_s if part else 10.0
        if last is None or last.part != sample.part or sample.t - last.t > GAP * every_s:
            spans.append((sample.t, sample.t))
        else:
            spans[-1] = spans[-1][0], sample.t
        last = sample
    return spans


def cadence_s(lines: Lines) -> float:
    """How many seconds of the written cadences the samples stand for."""
    return sum(end - begin for begin, end in observed_spans(lines)) * factor_of(lines)


def gaps(lines: Lines) -> list[tuple[float, float]]:
    """The spans between the first and the last sample in which nothing was sampled."""
    return [(before[1], after[0]) for before, after in pairwise(observed_spans(lines))]


@lru_cache(maxsize=8)
def points_by_series(lines: Lines) -> dict[str, list[Point]]:
    """The values of all series in calm samples, in order of time."""
    found: dict[str, list[Point]] = defaultdict(list)
    for sample in lines.of(SoakSample):
        if sample.calm:
            for name, value in sample.values.items():
                found[name].append((sample.t, value))
    return found


def segments(lines: Lines, name: str, how: Growing) -> list[list[Point]]:
    """The points of a series after warm-up, cut at the events of its scope and at each gap."""
    scopes = scope_of(name, how.scope)
    parts = lines.of(SoakPart)
    warm_up_s = parts[-1].warm_up_s if parts else 0.0
    cuts = {part.t: warm_up_s for part in parts}
    # A store or an instance that was restarted needs less: the machine and the rig are warm already.
    cuts |= {event.t: warm_up_s / 2 for event in lines.of(SoakEvent) if event.scope in scopes}
    cuts |= dict.fromkeys((after for _, after in gaps(lines)), warm_up_s / 2)
    points = points_by_series(lines).get(name, [])
    moments = sorted(cuts)
    ends = [*moments[1:], float("inf")]
    spans = [(begin + cuts[begin], end) for begin, end in zip(moments, ends, strict=True)] or [(0.0, float("inf"))]
    found = [[point for point in points if begin <= point[0] < end] for begin, end in spans]
    return [one for one in found if len(one) > 1]


def in_blocks(found: Sequence[Sequence[Point]]) -> list[list[Point]]:
    """The block medians of each segment; blocks are so short that a usual segment has several."""
    if not found:
        return []
    lengths = [points[-1][0] - points[0][0] for points in found]
    block_s = max(min(sum(lengths) / BLOCKS, median(lengths) / BLOCKS_OF_SEGMENT), 1e-3)
    return [block_medians(points, block_s) for points in found]


@lru_cache(maxsize=8)
def rises(lines: Lines) -> dict[str, Rise]:
    """The trend of each series that has one, by name, corrected for the number of series."""
    headroom: dict[str, float] = {}
    for part in lines.of(SoakPart):
        headroom |= part.headroom
    observed_s = sum(end - begin for begin, end in observed_spans(lines))
    found: dict[str, Rise] = {}
    for name in sorted(points_by_series(lines)):
        how = growing(name)
        blocks = in_blocks(segments(lines, name, how)) if how else []
        test = trend(blocks)
        if how is None or test is None:
            continue
        told = replace(how, headroom=headroom[name], why="the limit that the store tells") if name in headroom else how
        first, last = blocks[0][0][1], blocks[-1][-1][1]
        found[name] = Rise(name, told, test, test.p, first, last, observed_s, factor_of(lines))
    corrected = holm({name: rise.p for name, rise in found.items()})
    return {name: replace(rise, p=corrected[name]) for name, rise in found.items()}


@lru_cache(maxsize=8)
def excesses(lines: Lines) -> dict[str, Excess]:
    """The series that exceeded their bound in enough successive calm samples, by name."""
    found = {}
    for name, points in points_by_series(lines).items():
        how = bounded(name)
        if how is not None and (run := first_run_above(points, how)):
            over = [value for _, value in points if value > how.most]
            found[name] = Excess(name, how, run[0][0], max(over), len(over))
    return found


def first_run_above(points: Iterable[Point], how: Bounded) -> list[Point]:
    """The first points in a row that exceed the bound, as many as count; none if there are no such."""
    run: list[Point] = []
    for point in points:
        run = [*run, point] if point[1] > how.most else []
        if len(run) == how.times:
            return run
    return []
