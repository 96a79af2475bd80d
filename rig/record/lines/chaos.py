"""Lines of a campaign: its faults, and what servers and stores did all along."""

from typing import Any

import msgspec

from rig.record.lines.base import Line, ScenarioLine


class Phase(Line, frozen=True, kw_only=True, tag="phase"):
    """A phase of the campaign, over."""

    name: str
    since: float = msgspec.field(name="from")
    until: float = msgspec.field(name="to")


class ScheduledFault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which fault, when and for how long (seconds from the begin of the phase), and at which instances."""

    fault: str
    at_s: float
    for_s: float
    hit: list[str]


class Strikes(Line, frozen=True, kw_only=True, tag="strikes"):
    """The schedule of faults."""

    strikes: list[ScheduledFault]


class Schedule(Line, frozen=True, kw_only=True, tag="schedule"):
    """The schedule of the traffic: how many steps, a digest of them, and the pace."""

    steps: int
    digest: str
    pace: dict[str, Any]


class FaultEvent(ScenarioLine, frozen=True, kw_only=True, tag="fault"):
    """A step in the life of a fault, and what the fault declares of itself."""

    number: int
    name: str
    event: str
    ends: dict[str, str] | None
    hit: list[str]
    outage: bool
    noticed: bool
    seeds: bool
    down: bool
    truth: bool
    rewinds: bool
    beyond: bool
    parts: bool = False


class Sample(Line, frozen=True, kw_only=True, tag="sample"):
    """Mirror, truth and mirror again, as read one after the other; None for what did not answer."""

    ended: float
    truth: dict[str, Any] | None
    mirror_before: list[str] | None
    mirror_after: list[str] | None
    keys_before: dict[str, Any] | None
    keys_after: dict[str, Any] | None
    lag_s: float


class Metrics(Line, frozen=True, kw_only=True, tag="metrics"):
    """What an instance told at /metrics."""

    instance: str
    values: dict[str, float]


class Readiness(Line, frozen=True, kw_only=True, tag="readiness"):
    """What an instance told at /readyz, where it changed."""

    instance: str
    status: int
    text: str


class Statement(Line, frozen=True, kw_only=True, tag="statement"):
    """One statement as Postgres logged it."""

    at: float
    role: str
    instance: str | None
    class_: str = msgspec.field(name="class")
    text: str
    parameters: list[str | None]
    severity: str
    pid: int
    session: str
    application: str
    committed_at: float | None
    contract_text: str | None = None


class CommandTaken(Line, frozen=True, kw_only=True, tag="command"):
    """One command that Valkey took from an instance; `lua`: from a script."""

    at: float
    args: list[str]
    instance: str | None
    lua: bool


class Watched(Line, frozen=True, kw_only=True, tag="watched"):
    """Spans in which MONITOR was blind, and whether statements could be seen."""

    blind: list[tuple[float, float]]
    statements: bool


class Left(Line, frozen=True, kw_only=True, tag="left"):
    """What the campaign left in Postgres, by query, and the keys that Valkey has evicted."""

    audit: list[dict[str, Any]]
    sign_ins: list[dict[str, Any]]
    chats: list[dict[str, Any]]
    offers: list[dict[str, Any]]
    now: list[dict[str, Any]]
    evicted_keys: int


class Stopped(ScenarioLine, frozen=True, kw_only=True, tag="stopped"):
    """A server that a fault stopped, with its exit code."""

    instance: str
    code: int | None
