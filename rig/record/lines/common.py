"""Lines of every kind of run: what was planned, how it ended, and what went wrong."""

from typing import Any

import msgspec

from rig.record.lines.base import Line, ScenarioLine


class OwedScenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A scenario and variant that the plan has to answer, with the ids of its items."""

    scenario: str
    variant: str
    items: list[str]


class Plan(Line, frozen=True, kw_only=True, tag="plan"):
    """The first line: the ids that must get a verdict, and the command that answers one again, with `{item}` in it."""

    items: list[str]
    replay: str
    owed: list[OwedScenario] = []  # of the checklist
    scenario: str = ""  # of a run that is judged as a whole
    bounds: dict[str, dict[str, Any]] = {}  # by item
    specs: list[dict[str, Any]] = []  # of explorations: each specification as it was when it was explored
    sentences: list[dict[str, Any]] = []  # of a contract run: those of docs/contract.md that it judges
    replays: dict[str, str] = {}  # of items that are answered again by a command of their own


class End(Line, frozen=True, kw_only=True, tag="end"):
    """The last line: whether the run was interrupted, by Ctrl-C, SIGTERM or an exception."""

    interrupted: bool


class Broken(ScenarioLine, frozen=True, kw_only=True, tag="broken"):
    """What stopped the rig itself."""

    text: str
    traceback: str = ""
    shown: dict[str, Any] | None = None


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
    body: Any
    status: int | None
    reply: Any
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
