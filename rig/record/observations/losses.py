"""What the probes saw that have Valkey forget its scripts, or cut subscribers."""

from rig.record.observations.parts import Seen
from rig.record.observations.races import Answered


class FlushedScripts(Seen, frozen=True, kw_only=True):
    """The answers, each right after the scripts were flushed, and what the mirror held of the mitra at last."""

    answers: list[Answered]
    online: bool
    capacity: str | None


class CutSubscribers(Seen, frozen=True, kw_only=True):
    """Whether each instance lists a mitra with one chat as available, before and after the maximum became 1.

    `again`: the same after it was changed back some seconds later. `cut`: how many connections were cut. `after_s`: seconds that were waited for it.
    """

    taken: int | None
    before: list[bool]
    cut: int
    changed: int | None
    after: list[bool]
    after_s: float
    again: list[bool]
