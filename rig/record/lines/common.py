"""Lines of every kind of run: what was planned, how it ended, and what went wrong."""

from collections.abc import Mapping

import msgspec

from rig.record.lines.base import Json, Line, Number, ScenarioLine


class OwedScenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A scenario and variant that the plan has to answer, with the ids of its items."""

    scenario: str
    variant: str
    items: list[str]


class ThresholdSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A limit from the command line: `metric: aggregate comparison number`; `text` is what the user wrote."""

    text: str
    metric: str
    aggregate: str
    comparison: str
    number: Number


BoundValue = Number | str | list[ThresholdSpec]


def numbers(bounds: Mapping[str, BoundValue]) -> dict[str, Number]:
    """Those bounds of an item that are numbers: all that a check compares with."""
    return {name: value for name, value in bounds.items() if isinstance(value, int | float)}


class PlannedSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A specification of the protocol as it was when it was explored.

    `invariants` are numbers with titles; a number may occur twice. `explorations` are the numbers of the jobs that had
    to explore it. `explorations_told` has the bounds of each job, in words.
    """

    name: str
    title: str
    file: str
    invariants: list[tuple[str, str]]
    actions: list[str]
    explorations: list[int]
    explorations_told: dict[str, str]
    controlled: bool
    mutant: str


class PlannedSentence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sentence of docs/contract.md as it was when the run began. `section` is its heading there.

    `lacks`: why this run cannot judge it; empty where it can.
    """

    id: str
    text: str
    section: str
    hardened: bool = False
    lacks: str = ""


class AcceptedDeviation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An item that may fail, why, and the last day of that (`YYYY-MM-DD`)."""

    id: str
    reason: str
    until: str


class PlannedPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A campaign or a load of a verification, which has a record of its own in the directory `parts/<name>`.

    `items`: the ids that it must answer, as they stand in that record. `replay` runs the part alone.
    `skipped`: why it cannot be run here; empty if it can.
    """

    name: str
    of: str  # the kind of run: `chaos` or `load`
    title: str
    items: list[str]
    replay: str
    skipped: str = ""


class Plan(Line, frozen=True, kw_only=True, tag="plan"):
    """The first line: the items that must get a verdict, and the command that judges one again, with `{item}` in it."""

    items: list[str]
    replay: str
    owed: list[OwedScenario] = []  # of the checklist
    scenario: str = ""  # of a run that is judged as a whole
    bounds: dict[str, dict[str, BoundValue]] = {}  # by item
    specs: list[PlannedSpec] = []  # of explorations
    sentences: list[PlannedSentence] = []  # of a contract run: those that it judges
    replays: dict[str, str] = {}  # of items that have their own command
    accepted: list[AcceptedDeviation] = []  # known deviations
    parts: list[PlannedPart] = []  # of a verification: what runs besides checklist and contract


class End(Line, frozen=True, kw_only=True, tag="end"):
    """The last line: whether the run was interrupted, by Ctrl-C, SIGTERM or an exception."""

    interrupted: bool


class Broken(ScenarioLine, frozen=True, kw_only=True, tag="broken"):
    """What stopped the rig itself."""

    text: str
    traceback: str = ""
    shown: dict[str, Json] | None = None  # evidence


class Missing(Line, frozen=True, kw_only=True, tag="missing"):
    """What the stack lacks for this run: all of its items are skipped."""

    text: str


class Weakness(ScenarioLine, frozen=True, kw_only=True, tag="weakness"):
    """What makes the verdict weaker than it looks."""

    text: str
    attempt: int = 0


class StackOpened(ScenarioLine, frozen=True, kw_only=True, tag="stack"):
    """A worker's stack is open; `mode` says where its services come from."""

    worker: str
    mode: str


class Starts(ScenarioLine, frozen=True, kw_only=True, tag="starts"):
    """How many starts of servers a worker needed."""

    worker: str
    count: int


class Kept(ScenarioLine, frozen=True, kw_only=True, tag="kept"):
    """The stack of a failed scenario is kept for the user to look at, by this process."""

    pid: int


class Person(ScenarioLine, frozen=True, kw_only=True, tag="person"):
    """Somebody whose row the rig wrote, by the name that the steps use; `role` is `mitra` or `customer`."""

    id: str
    name: str
    role: str


class Exited(ScenarioLine, frozen=True, kw_only=True, tag="exited"):
    """A server that had been ready left by itself; `text` has its exit code and last lines."""

    instance: str
    text: str
    attempt: int = 0


class PostgresEvent(ScenarioLine, frozen=True, kw_only=True, tag="postgres"):
    """The rig stopped Postgres (`away`) or started it again (`back`)."""

    event: str
    attempt: int = 0


class ServerLog(Line, frozen=True, kw_only=True, tag="log"):
    """The lines of one instance that the contract speaks of, each with its time; `source` is the file."""

    instance: str
    source: str
    lines: list[tuple[float, str]]
    arm: str = ""


class Lag(Line, frozen=True, kw_only=True, tag="lag"):
    """The longest that the rig itself stood still, in seconds."""

    worst_s: float


class Request(ScenarioLine, frozen=True, kw_only=True, tag="request"):
    """One request and what came of it; `status` is None and `error` says why where no answer came."""

    actor: str
    method: str
    url: str
    body: Json
    status: int | None
    reply: Json
    error: str | None
    started: float
    ended: float
    curl: str
    code: str | None
    action: str
    subject: str | None
    instance: str | None
    outcome: str
    sent_at: float | None = None  # when its last byte was sent, where that is known
    attempt: int = 0

    @property
    def seconds(self) -> float:
        """How long it took until the answer was complete, or until there was none."""
        return self.ended - self.started

    @property
    def target(self) -> str:
        """The last part of its path: the id of the mitra in an operator's request."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def fields(self) -> Mapping[str, Json]:
        """The fields of the JSON object in the answer; empty if the answer is no object."""
        return self.reply if isinstance(self.reply, dict) else {}
