"""What the probes saw in which Valkey forgets, hangs or is away, and those in which Postgres is restored."""

from typing import NamedTuple

from rig.record.lines.base import Json
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


class ChangedTwice(NamedTuple):
    """Two values of the maximum one after the other, and their answers.

    `room`: whether a mitra with one chat has room under the second one. `listed`: whether each instance lists her as available.
    """

    first: int
    second: int
    answers: list[int | None]
    room: bool
    listed: list[bool]


class SettingsInARow(Seen, frozen=True, kw_only=True):
    """Changes of one setting one right after the other. `taken`: the answer to the accept of the mitra's chat."""

    taken: int | None
    rounds: list[ChangedTwice]


class TimedPing(NamedTuple):
    """One ping: when it began, in seconds after the moment that its list names, how long it took, and the answer."""

    at_s: float
    seconds: float
    status: int | None
    code: Json


class HungValkey(Seen, frozen=True, kw_only=True):
    """Pings around a time in which Valkey hangs for every instance, with all connections open.

    `early`, `late`: pings of a mitra who was deactivated before it, and of one who was deactivated in it; `at_s` counts
    from the answer to the deactivation. `after`: pings of both once it was over. `steady`, `locked`: pings meanwhile of a
    mitra who is online, and of one whose row the rig had locked for `locked_s`; `at_s` counts from the begin. `seed_s`:
    seconds from the end to the first seed line, None without one. `planted`: whether an id that was planted in
    `mitras:online` during the hang was there at last.
    """

    deactivated: list[int | None]
    early: list[TimedPing]
    late: list[TimedPing]
    after: list[TimedPing]
    steady: list[TimedPing]
    locked: list[TimedPing]
    locked_s: float
    hung_s: float
    seed_s: float | None
    planted: bool


class SeedUnderChanges(Seen, frozen=True, kw_only=True):
    """A start seeds over a slow connection while others read and change.

    `looks`: how many looks at `mitras:online` there were, `empty` of them found it empty. `changes`: changes that were
    answered until the seed line, `late` of them within `slow_s` (one way to Valkey) before it; `refused`: answers
    that were no 200. `differ`: what Valkey holds otherwise than Postgres a second after the last change.
    """

    ready: bool
    online: int = 0
    looks: int = 0
    empty: int = 0
    changes: int = 0
    late: int = 0
    refused: list[Answered] = []
    slow_s: float = 0.0
    differ: list[str] = []


class Restored(Seen, frozen=True, kw_only=True):
    """Postgres was restored from an older copy, and what the mirror was afterwards.

    `ready`: whether the instance came up on it; `changed`: statuses of what was done after the copy. `seed_s`: seconds from
    the restore, or from the first write after it, to a seed line; `lines`: lines of the log since then that are about it.
    `differ`: what Valkey holds otherwise than Postgres then.
    """

    changed: list[int | None]
    ready: bool = True
    seed_s: float | None = None
    lines: list[str] = []
    differ: list[str] = []


class OneOutage(Seen, frozen=True, kw_only=True):
    """One of several outages: how Valkey was away, for how many seconds, and what came after it.

    `served`: the answers to what was done meanwhile. `seeds`: the seed lines of all instances, in seconds since Valkey was back.
    `differ`: what Valkey holds otherwise than Postgres then. `readers`: what does not use Valkey again, by instance.
    """

    how: str
    away_s: float
    served: list[Answered]
    seeds: list[float]
    differ: list[str]
    readers: list[str]
    running: bool


class LongOutages(Seen, frozen=True, kw_only=True):
    """The outages in their order."""

    outages: list[OneOutage]
