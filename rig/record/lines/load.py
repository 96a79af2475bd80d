"""Lines of a load: its plan, the account of its requests, and what they cost."""

from typing import NamedTuple

import msgspec

from rig.record.lines.base import ArmLine, Json, Line


class PlannedPhase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A phase as planned, in seconds."""

    name: str
    seconds: float
    arms: list[str]
    kinds: list[str]


class Load(Line, frozen=True, kw_only=True, tag="load"):
    """What the load is: its arms, phases and pace."""

    arms: list[str]
    instances: int
    pace: dict[str, Json]
    phases: list[PlannedPhase]
    random_seed: int


class PhaseSpan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A phase as it was, in epoch seconds."""

    name: str
    arms: list[str]
    kinds: list[str]
    since: float = msgspec.field(name="from")
    until: float = msgspec.field(name="to")


class Go(Line, frozen=True, kw_only=True, tag="go"):
    """The generator begins: from when, with which workers, and how many users of each kind."""

    since: float = msgspec.field(name="from")
    phases: list[PhaseSpan]
    workers: list[str]
    users: dict[str, int]


class Phases(Line, frozen=True, kw_only=True, tag="phases"):
    """The phases as they were."""

    phases: list[PhaseSpan]


class Window(Line, frozen=True, kw_only=True, tag="window"):
    """The span in which claims are measured."""

    since: float = msgspec.field(name="from")
    until: float = msgspec.field(name="to")


class ArmUp(ArmLine, frozen=True, kw_only=True, tag="arm"):
    """An arm is up: its mitras, its instances, and the processes that are measured."""

    fleet: int
    online: int
    instances: list[str]
    pids: dict[str, int]


class Unseeded(Line, frozen=True, kw_only=True, tag="unseeded"):
    """A server did not seed its mirror in time."""

    text: str


class NoBaseline(Line, frozen=True, kw_only=True, tag="no_baseline"):
    """Why there is no arm without the mirror."""

    text: str


class Unfenced(ArmLine, frozen=True, kw_only=True, tag="unfenced"):
    """Why not every statement of this arm can be counted."""

    text: str


class Generator(Line, frozen=True, kw_only=True, tag="generator"):
    """A process of the generator has finished, or was given up; what it cost."""

    worker: str
    finished: bool
    cpu: float | None = None
    rss_mb: float | None = None
    pid: int | None = None


class Tally(ArmLine, frozen=True, kw_only=True, tag="tally"):
    """The account of one worker's requests by action and phase; histograms count ms by bucket."""

    worker: str
    action: str
    phase: str
    planned: int
    sent: int
    completed: int
    failed: int
    missed: int
    in_flight: int
    longest_ms: float
    raw: dict[str, int]
    corrected: dict[str, int]
    off: dict[str, int]


class TrafficSecond(NamedTuple):
    """The requests of one second (epoch seconds), arm and action."""

    second: int
    arm: str
    action: str
    planned: int
    sent: int
    completed: int
    failed: int


class Traffic(Line, frozen=True, kw_only=True, tag="traffic"):
    """The requests per second, arm and action."""

    worker: str
    seconds: list[TrafficSecond]


class TrafficEnd(Line, frozen=True, kw_only=True, tag="traffic_end"):
    """The generator has reported everything."""


class Failure(ArmLine, frozen=True, kw_only=True, tag="failure"):
    """A request that failed; only some are kept. `actor` is the number of the mitra or customer in the plan."""

    worker: str
    action: str
    phase: str
    at: float
    actor: int
    status: int | None
    error: str | None


class Cause(ArmLine, frozen=True, kw_only=True, tag="cause"):
    """A request that may cause statements: whose ids, from when to when."""

    worker: str
    action: str
    ids: list[str]
    since: float = msgspec.field(name="from")
    until: float = msgspec.field(name="to")
    status: int | None = None


class StatementRow(NamedTuple):
    """One statement of a load.

    `shape` is the number of its template, `unit` of its transaction. `ids` are those that it carries, if they are few;
    `carried`, `fleet` and `strangers` count all of them, those of the fleet, and those of nobody.
    """

    at: float
    instance: str
    shape: int
    unit: int
    severity: str
    ids: list[str]
    carried: int
    fleet: int
    strangers: int


class Statements(ArmLine, frozen=True, kw_only=True, tag="statements"):
    """Every statement of an arm's servers; `strangers` are database roles that belong to no instance."""

    rows: list[StatementRow]
    drivers: int
    strangers: list[str]
    source: str


class Template(ArmLine, frozen=True, kw_only=True, tag="template"):
    """The shape of a statement, by its number."""

    number: int
    text: str


class ProcessUsage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Processor seconds and memory (MiB) of a process and its children, since it began."""

    cpu_s: float
    rss_mb: float


class Usage(ArmLine, frozen=True, kw_only=True, tag="usage"):
    """Processor seconds and memory by process."""

    processes: dict[str, ProcessUsage]


class Counters(ArmLine, frozen=True, kw_only=True, tag="counters"):
    """Postgres' own counters of the contract's tables, at the edge that `name` says."""

    name: str
    tables: dict[str, dict[str, int]]


class Commands(ArmLine, frozen=True, kw_only=True, tag="commands"):
    """Valkey's own counts of commands, at the edge that `name` says."""

    name: str
    run_id: str
    commands: dict[str, int]


class Block(ArmLine, frozen=True, kw_only=True, tag="block"):
    """A block with or without the statement log: its length and processor seconds."""

    name: str
    logged: bool
    seconds: float
    cpu_s: dict[str, float]


class Rewrites(ArmLine, frozen=True, kw_only=True, tag="rewrites"):
    """When the snapshot was written and deleted, or why that could not be seen."""

    events: list[tuple[float, str]] = []
    missing: str = ""
