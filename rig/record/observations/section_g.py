"""What the scenarios of section G observed: the auto-offline sweep. Mappings are by id."""

import msgspec

from rig.record.observations.parts import (
    HttpExchange,
    LogLine,
    Part,
    Ping,
    Seen,
    SkippedTicks,
    SqlStatement,
    ValkeyReach,
)


class StaleTime(Seen, frozen=True, kw_only=True):
    """G-02: the setting as it was `wanted` and as app_config has it; `exchange` is None if it was set in the table."""

    where: str
    wanted: int
    exchange: HttpExchange | None
    rows: list[list[object]]


class OnePing(Part, frozen=True, kw_only=True):
    """A mitra's toggle to online, her only ping, and her heartbeat key after it."""

    toggle: HttpExchange
    ping: HttpExchange
    heartbeat: str | None


class OnePingEach(Seen, frozen=True, kw_only=True):
    """G-03: mitras who go online and ping once."""

    mitras: dict[str, OnePing]


class DeletedKey(Seen, frozen=True, kw_only=True):
    """G-04: the reply to DEL, and the value of the key after it."""

    key: str
    deleted: int
    value: str | None


class Waited(Seen, frozen=True, kw_only=True):
    """G-05: how long the scenario waited, and whether all who are silent were offline by then."""

    waited_s: float
    all_offline: bool


class SilentMitra(Part, frozen=True, kw_only=True):
    """A mitra who stopped pinging: the times of her last ping, and when she was first seen offline.

    `key_taken`: the rig deleted her heartbeat key.
    """

    name: str
    ping_begun: float
    ping_answered: float
    offline_seen_at: float | None
    key_taken: bool


class MitraRows(Seen, frozen=True, kw_only=True):
    """`is_online` and the audit of mitras in Postgres."""

    rows: dict[str, bool | None]
    audit: dict[str, list[str]]


class TakenOffline(MitraRows, frozen=True, kw_only=True):
    """G-06: `silent` mitras, mitras who keep pinging (`control`), and an id that is no mitra's (`nobody`)."""

    silent: dict[str, SilentMitra]
    control: list[str]
    nobody: str
    statements: list[SqlStatement]
    pings: list[Ping]
    since: float = msgspec.field(name="from")
    read_at: float


class MirrorAfterSweep(Seen, frozen=True, kw_only=True):
    """G-07: mitras:online and the heartbeat keys after the sweep, with the ids of both groups."""

    silent: list[str]
    control: list[str]
    online: list[str]
    heartbeats: dict[str, str | None]
    expiring: dict[str, int]


class SkippedSweeps(SkippedTicks, frozen=True, kw_only=True):
    """G-09: skip lines in an outage, and those `after` the seed that ended it."""

    seeded_at: float
    after: list[LogLine]


class OnlineThroughOutage(MitraRows, frozen=True, kw_only=True):
    """G-10: mitras who keep pinging through an outage and after it; heartbeats are those right after its seed."""

    valkey: ValkeyReach
    stopped_at: float
    back_at: float
    seeded_at: float
    read_at: float
    mitras: list[str]
    statements: list[SqlStatement]
    heartbeats: dict[str, str | None]
    pings: list[Ping]
