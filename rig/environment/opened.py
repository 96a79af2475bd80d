"""Opens the kind of test bed that a stack asks for: for a server that the rig starts, or for one that runs already."""

from collections.abc import Iterator
from contextlib import contextmanager

from rig.config import Settings
from rig.environment.attached import AttachedTestbed
from rig.environment.cadence import Cadence
from rig.environment.outside import OutsideTestbed
from rig.environment.stack_spec import level_of, mapped_schema
from rig.environment.testbed import Testbed
from rig.record import RecordWriter
from rig.stack import StackSpec, Supervisor, open_stack


@contextmanager
def open_any_testbed(
    spec: StackSpec, supervisor: Supervisor, name: str, recorder: RecordWriter, settings: Settings, random_seed: int
) -> Iterator[Testbed]:
    """A test bed on a stack of its own; both end with the block. StackError when the stack does not start."""
    kind: type[Testbed] = Testbed
    if spec.attached:
        kind = OutsideTestbed if spec.outside else AttachedTestbed
    with open_stack(spec, supervisor, name) as stack:
        testbed = kind(
            stack, recorder, Cadence("fast"), random_seed, settings.ready_within_s, mapped_schema(settings),
            level_of(settings),
        )  # fmt: skip
        try:
            yield testbed
        finally:
            testbed.close()
