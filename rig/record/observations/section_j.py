"""What the scenarios of section J observed: an outage of Valkey and its end."""

from rig.record.observations.parts import (
    AnswerCount,
    CountedStatement,
    HttpExchange,
    MirrorState,
    Part,
    PostgresState,
    Seen,
    SqlStatement,
    ValkeyReach,
)
from rig.record.observations.section_f import Offers


class BeaconInOutage(Seen, frozen=True, kw_only=True):
    """J-02: polls before and in an outage, and the availability queries in both windows.

    `expected` is the number of mitras that Postgres has available.
    """

    valkey: ValkeyReach
    before: list[AnswerCount]
    polls: list[HttpExchange]
    expected: int
    asked_before: list[CountedStatement]
    asked: list[CountedStatement]


class BlastInOutage(Offers, frozen=True, kw_only=True):
    """J-03: a payment in an outage, its availability queries, and the acceptance by `mitra`."""

    valkey: ValkeyReach
    expected: list[str]
    accepted: HttpExchange
    mitra: str
    asked: list[CountedStatement]


class PingsInOutage(Seen, frozen=True, kw_only=True):
    """J-04: pings in an outage, the number of fallback lines, and what was written meanwhile."""

    valkey: ValkeyReach
    pings: list[HttpExchange]
    lines: int
    wrote: list[SqlStatement]
    unknown: list[CountedStatement]


class ToggleInOutage(Part, frozen=True, kw_only=True):
    """A toggle in an outage: the `is_online` that it wants, the row after it, and the log lines with `text`."""

    toggle: HttpExchange
    online: bool
    text: str
    rows: list[list[bool | None]]
    lines: list[str]


class TogglesInOutage(Seen, frozen=True, kw_only=True):
    """J-05: toggles by the mitra's name, and the members of mitras:online after Valkey's return."""

    valkey: ValkeyReach
    toggles: dict[str, ToggleInOutage]
    members: dict[str, bool]
    back_at: float
    healed_at: float | None


class Invalidation(Part, frozen=True, kw_only=True):
    """How often config:invalidate was published, and whether the snapshot was gone after it."""

    told: int
    gone: bool


class Restored(Offers, frozen=True, kw_only=True):
    """J-06: both stores after the seed that ended the outage, and requests after it, up to the exit.

    `at_once` is a ping right after the seed line; `sets` and `recomputes` count the heartbeats and SDIFF of the
    requests, `asked` their availability queries, `seeds` further seeds. `expected` are the ids that Postgres has
    available, `expected_before` those before the setting changed.
    """

    truth: PostgresState
    mirror: MirrorState
    stopped_at: float
    back_from: float
    back_at: float
    seeded_at: float | None
    exit_code: int | None
    at_once: HttpExchange
    pings: list[AnswerCount]
    polls: list[HttpExchange]
    expected: list[str]
    expected_before: list[str]
    sets: int
    recomputes: int
    asked: list[CountedStatement]
    seeds: int
    lines: list[str]
    blind_s: float
    invalidation: Invalidation
