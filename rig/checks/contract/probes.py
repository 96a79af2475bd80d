"""How a probe is judged: one check per probe, which says of each of its sentences whether what was seen keeps it. Pure."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TypeVar

import msgspec

from rig.checks.framework import LAG_VOID_S
from rig.record.lines.base import Json
from rig.record.lines.contract import Probe

Seen = Mapping[str, Json]  # what a probe saw, as it is saved
Read = TypeVar("Read")  # the same as its check reads it: a class of rig/record/observations
# Where checks of probes are declared, beside this module. The probes themselves have modules of the same names.
HOMES = (
    "at_once",
    "edges",
    "generated",
    "values",
    "time_up",
    "refusals",
    "starts",
    "stops",
    "truth_away",
    "places",
    "numbers",
    "losses",
    "growth",
    "mirror.copies",
    "mirror.cycles",
    "mirror.hangs",
    "mirror.outages",
    "mirror.pings",
    "mirror.restores",
    "mirror.seeding",
    "mirror.sweeps",
    "connections.heads",
    "stores.versions",
    "stores.unfit",
    "stores.own_keys",
)


@dataclass
class ProbeJudge:
    """Collects, by sentence, what a probe shows. `doubts`: why it shows nothing of that sentence; `lacks`: what it needs."""

    judged: dict[str, int] = field(default_factory=dict)
    broken: list[tuple[str, str]] = field(default_factory=list)
    doubts: list[tuple[str, str]] = field(default_factory=list)
    lacks: list[tuple[str, str]] = field(default_factory=list)

    def require(self, sentence: str, holds: object, message: str) -> bool:
        """The server must have done this; `message` says what it did instead."""
        self.judged[sentence] = self.judged.get(sentence, 0) + 1
        if not holds:
            self.broken.append((sentence, message))
        return bool(holds)

    def assume(self, sentence: str, holds: object, message: str) -> bool:
        """What the rig needs in order to judge the sentence at all."""
        if not holds:
            self.doubts.append((sentence, message))
        return bool(holds)


@dataclass(frozen=True)
class ProbeCheck:
    """`sentences` are all that the check may speak of. `reads` is the class as which it reads what was seen.

    `judge` may raise ValueError for what it cannot read.
    """

    probe: str
    sentences: tuple[str, ...]
    reads: object
    judge: Callable[[ProbeJudge, Seen], None]


PROBES: dict[str, ProbeCheck] = {}


def probe_check(
    probe: str, *sentences: str
) -> Callable[[Callable[[ProbeJudge, Read], None]], Callable[[ProbeJudge, Read], None]]:
    """Declare the check of one probe. ValueError on a second one.

    The annotation of its second parameter names the class as which it reads what was seen.
    """

    def declare(function: Callable[[ProbeJudge, Read], None]) -> Callable[[ProbeJudge, Read], None]:
        if probe in PROBES:
            raise ValueError(f"the probe {probe} has two checks")
        _, parameter = inspect.signature(function).parameters.values()
        reads: type[Read] = parameter.annotation

        def judge_saved(judge: ProbeJudge, seen: Seen) -> None:
            function(judge, msgspec.convert(seen, reads))

        PROBES[probe] = ProbeCheck(probe, sentences, reads, judge_saved)
        return function

    return declare


def load_probe_checks() -> dict[str, ProbeCheck]:
    """Every declared check of a probe, by the probe's name."""
    for home in HOMES:
        import_module(f"rig.checks.contract.{home}")
    return PROBES


def judge_probe(line: Probe) -> ProbeJudge:
    """What this probe shows. While the rig itself stood still nothing counts; what cannot be read is a doubt."""
    judge = ProbeJudge()
    declared = load_probe_checks().get(line.probe)
    if declared is None:
        raise ValueError(f"no check is declared for the probe {line.probe}")
    if line.lacks:
        judge.lacks += [(sentence, line.lacks) for sentence in declared.sentences]
        return judge
    if line.error:
        judge.doubts += [(sentence, line.error) for sentence in declared.sentences]
        return judge
    try:
        declared.judge(judge, line.seen)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        reason = f"the check of {line.probe} cannot read what was seen: {type(error).__name__}: {error}"
        judge.doubts += [(sentence, reason) for sentence in declared.sentences]
    if line.lag_s > LAG_VOID_S and judge.broken:
        lost = f"the rig itself stood still for {line.lag_s:.2f} s"
        judge.doubts += [(sentence, f"{lost}: {message}") for sentence, message in judge.broken]
        judge.broken = []
    return judge
