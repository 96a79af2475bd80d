"""How a probe is declared and run: it does one thing to the stack and returns what it saw, which its check judges."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

import httpx
import msgspec
import psycopg

from rig.checks.contract.probes import HOMES, judge_probe, load_probe_checks
from rig.environment.step_errors import Unmet
from rig.environment.testbed import Testbed
from rig.record.lines.base import Json
from rig.record.lines.contract import Probe
from rig.record.observations.parts import Seen
from rig.stack import StackError
from rig.stores import Lacks

AGAIN_S = (1.0, 3.0, 9.0)
# What ends a probe whose server answers, or does not answer, in a way that it does not expect.
UNDOABLE = (
    LookupError, TypeError, ValueError, AttributeError, TimeoutError, Unmet, StackError, httpx.HTTPError, psycopg.Error,
)  # fmt: skip
Look = Callable[[Testbed], Seen | Mapping[str, Json]]


@dataclass(frozen=True)
class DeclaredProbe:
    """A probe of one of the stages `races`, `edges`, `environment`, `numbers`, `growth` and `outages`."""

    name: str
    stage: str
    function: Look

    @property
    def sentences(self) -> tuple[str, ...]:
        return load_probe_checks()[self.name].sentences


PROBES: dict[str, DeclaredProbe] = {}


def probe(name: str, stage: str) -> Callable[[Look], Look]:
    """Declare a probe: a function of the test bed that returns what it saw, best as the class that its check reads.

    ValueError on a second one.
    """

    def declare(function: Look) -> Look:
        if name in PROBES:
            raise ValueError(f"two probes are called {name}")
        PROBES[name] = DeclaredProbe(name, stage, function)
        return function

    return declare


def probes() -> dict[str, DeclaredProbe]:
    """Every declared probe, by name."""
    for home in HOMES:
        import_module(f"rig.runs.contract.probes.{home}")
    return PROBES


def run_probe(testbed: Testbed, declared: DeclaredProbe, again_s: Sequence[float] = AGAIN_S) -> Probe:
    """Run it, up to four times where the rig itself stood still; the last try is recorded and returned."""
    for pause_s in (*again_s, None):
        began, error, lacks, seen = time.time(), "", "", dict[str, Json]()
        try:
            seen = msgspec.to_builtins(declared.function(testbed))
        except Lacks as lack:
            lacks = str(lack)
        except UNDOABLE as failure:  # the server did not do what the probe builds on: its own sentence tells that
            error = f"it could not be done: {type(failure).__name__}: {failure}"
        lag_s = round(testbed.lag.worst(began, time.time()), 3)
        line = Probe(t=began, probe=declared.name, seen=seen, error=error, lacks=lacks, lag_s=lag_s)
        if error or lacks or pause_s is None or not judge_probe(line).doubts:
            break
        time.sleep(pause_s)
    testbed.recorder.add(line)
    return line
