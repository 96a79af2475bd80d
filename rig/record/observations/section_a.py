"""What the scenarios of section A observed: the seed."""

import msgspec

from rig.record.observations.parts import Seen


class SeedLinesOfStart(Seen, frozen=True, kw_only=True):
    """A-01: the seed lines from a start to the exit that completed the log."""

    lines: list[str]
    exit_code: int | None


class SeedCounts(Seen, frozen=True, kw_only=True):
    """A-02: the last seed line, and the same three counts in Postgres."""

    line: str | None
    online: int
    deactivated: int
    with_sessions: int


class SetMembers(Seen, frozen=True, kw_only=True):
    """A-03, A-06: the ids in Postgres and in the set of Valkey."""

    postgres: list[str]
    valkey: list[str]


class SeededHeartbeats(Seen, frozen=True, kw_only=True):
    """A-04: the ids online in Postgres, the heartbeat keys, and the span of the seed. `until` is None without a seed."""

    online: list[str]
    heartbeats: dict[str, str | None]
    since: float = msgspec.field(name="from")
    until: float | None


class SeededCapacities(Seen, frozen=True, kw_only=True):
    """A-05: the ids online and the loads in Postgres, and the capacity keys."""

    online: list[str]
    loads: dict[str, int]
    capacities: dict[str, str | None]


class SeedAfterFlush(Seen, frozen=True, kw_only=True):
    """A-07: when Valkey was flushed, and the time of the seed line after it, if any."""

    flushed_at: float
    seeded_at: float | None
