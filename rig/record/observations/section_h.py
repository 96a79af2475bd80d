"""What the scenarios of section H observed: the heartbeat mirror. Mappings are by id."""

import msgspec

from rig.record.observations.parts import HeartbeatColumns, Part, Ping, Seen, SqlStatement, ValkeyReach


class HeartbeatingMitras(Seen, frozen=True, kw_only=True):
    """H-01: mitras who ping in the background, those who are online in Postgres, and the pings so far."""

    mitras: list[str]
    online: list[str]
    pings: list[Ping]


class MirrorStatements(Seen, frozen=True, kw_only=True):
    """H-03: statements that write mitra_online_status in a window, and the pings in it."""

    statements: list[SqlStatement]
    pinging: list[str]
    pings: list[Ping]
    since: float = msgspec.field(name="from")
    until: float


class HeartbeatAges(Seen, frozen=True, kw_only=True):
    """H-04: the age of `last_heartbeat_at` in seconds; `nobody` are rows of ids that are no mitra's.

    `pings` is None in records that do not have them.
    """

    pinging: list[str]
    ages: dict[str, float | None]
    nobody: list[str]
    pings: list[Ping] | None = None
    since: float = msgspec.field(name="from", default=0.0)
    read_at: float = 0.0


class HeartbeatWrite(msgspec.Struct, frozen=True, array_like=True):
    """When a heartbeat key was written, by Valkey's clock, and its value. Written as `[at, text]`."""

    at: float
    text: str


class WrittenHeartbeats(Part, frozen=True, kw_only=True):
    """A mitra's heartbeat key: each write of it, and the value at the end. `silent`: she stopped pinging."""

    name: str
    silent: bool
    heartbeat: str | None
    written: list[HeartbeatWrite]


class HeartbeatLag(Seen, frozen=True, kw_only=True):
    """H-05: writes of heartbeat keys, and samples of the column that they are mirrored to."""

    mitras: dict[str, WrittenHeartbeats]
    samples: list[HeartbeatColumns]


class ColumnsInOutage(Seen, frozen=True, kw_only=True):
    """H-08: readings of `last_heartbeat_at` in an outage, with statements and pings between them."""

    valkey: ValkeyReach
    mitras: list[str]
    readings: list[HeartbeatColumns]
    statements: list[SqlStatement]
    pings: list[Ping]
