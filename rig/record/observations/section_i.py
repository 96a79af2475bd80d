"""What the scenarios of section I observed: the reconciliation."""

import msgspec

from rig.record.observations.parts import BothStores, LogLine, Part, Seen
from rig.record.observations.section_a import SeedCounts


class CommandReply(msgspec.Struct, frozen=True, array_like=True):
    """A command that the rig ran in Valkey. Written as `[command, reply]`."""

    command: str
    reply: object


class Corruption(Seen, frozen=True, kw_only=True):
    """I-02: the commands that corrupted the mirror, and both stores `before` them (None in records without it)."""

    replies: list[CommandReply]
    before: BothStores | None = None


class RefusedWrite(Part, frozen=True, kw_only=True):
    """A toggle while Valkey refused writes: its status and the log lines about the failed write.

    `rig_too`: Valkey refused a write of the rig at the same time.
    """

    status: int | None
    lines: list[str]
    rig_too: bool


class SeedAfterDrift(SeedCounts, frozen=True, kw_only=True):
    """I-03: the seed line after the mirror had drifted; `refused` is None if the rig corrupted it."""

    since: float
    refused: RefusedWrite | None
    seeded_at: float | None


class StoresAfterDrift(BothStores, frozen=True, kw_only=True):
    """I-04: both stores after the seed. `kept` are heartbeats that it may not change, `missing` ids without one."""

    since: float
    refused: RefusedWrite | None
    read_at: float
    kept: dict[str, str | None]
    missing: list[str]


class SeedsWithoutSweep(Seen, frozen=True, kw_only=True):
    """I-06: the seed lines from the start to a FLUSHDB, and the first one after it."""

    started_at: float
    flushed_at: float
    startup: list[LogLine]
    seeded_at: float | None
