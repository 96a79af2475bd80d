"""What the scenarios of section C observed: pings."""

import msgspec

from rig.record.observations.parts import (
    AnswerCount,
    CountedCommand,
    CountedStatement,
    HttpExchange,
    Seen,
    SqlStatement,
    ValkeyReach,
)


class SpacedPings(Seen, frozen=True, kw_only=True):
    """C-01: pings over several cycles."""

    pings: list[HttpExchange]


class CountedPings(Seen, frozen=True, kw_only=True, tag_field="witness", tag="statement log"):
    """C-02, C-08: the answers of many pings of `mitra`, and everything that the backends did in their window.

    `blind_s` is for how long MONITOR was not connected. `offline` are the answers to a mitra who is offline; `idle`
    are the statements of a window of `idle_seconds` without such traffic.
    """

    mitra: str
    answers: list[AnswerCount]
    statements: list[CountedStatement]
    commands: list[CountedCommand]
    blind_s: float
    seconds: float
    offline: list[AnswerCount] = []
    idle: list[CountedStatement] = []
    idle_seconds: float = 0.0


class PingTime(msgspec.Struct, frozen=True, array_like=True):
    """When a ping began and ended, and the heartbeat key after it. Written as `[began, ended, heartbeat]`."""

    began: float
    ended: float
    heartbeat: str | None


class PingTimes(Seen, frozen=True, kw_only=True):
    """C-03: several pings with the heartbeat key after each."""

    pings: list[PingTime]
    answers: list[AnswerCount] = []


class HeartbeatInPostgres(Seen, frozen=True, kw_only=True):
    """C-04: a ping, its heartbeat key, and `last_heartbeat_at` before it and at `seen_at`."""

    ping: HttpExchange
    value: str | None
    before: float
    column: float | None
    seen_at: float


class Deactivation(Seen, frozen=True, kw_only=True):
    """C-05: the operator's request to deactivate `mitra`."""

    exchange: HttpExchange
    mitra: str


class DeactivatedMembership(Seen, frozen=True, kw_only=True):
    """C-06: when the mitra became a member of mitras:deactivated."""

    member: bool
    answered_at: float
    visible_at: float | None


class RefusedPing(Seen, frozen=True, kw_only=True):
    """C-07: a ping of the deactivated mitra, and one of an active mitra (`control`)."""

    exchange: HttpExchange
    control: HttpExchange


class PingsWithoutValkey(Seen, frozen=True, kw_only=True):
    """C-10: pings in an outage by the mitra's name, the number of fallback lines, and what was written meanwhile."""

    valkey: ValkeyReach
    pings: dict[str, list[HttpExchange]]
    lines: int
    wrote: list[SqlStatement]
    unknown: list[CountedStatement]


class PingsAfterOutage(Seen, frozen=True, kw_only=True):
    """C-11: pings after the seed that ended an outage, up to the exit; `sets` is the number of heartbeats written."""

    exit_code: int | None
    answers: list[AnswerCount]
    refused: HttpExchange
    sets: int
    lines: list[str]
    blind_s: float
