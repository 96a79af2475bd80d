"""The test bed of a benchmark: written cadences, and no record is kept."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rig.config import Settings
from rig.environment.stack_spec import stack_spec
from rig.environment.testbed import Testbed, open_testbed
from rig.record.null_recorder import NullRecorder
from rig.stack import Supervisor


@contextmanager
def benchmark_testbed(settings: Settings) -> Iterator[Testbed]:
    """A test bed whose logs are removed at the end. StackError when the stack does not start."""
    spec = stack_spec(settings, Path("."))
    with tempfile.TemporaryDirectory(prefix="rig-bench-") as logs, Supervisor.start() as supervisor:
        logged = replace(spec, logs=Path(logs))
        with open_testbed(logged, supervisor, "bench", NullRecorder(), settings, cadence="written") as testbed:
            yield testbed
