"""Lines of a campaign: its faults, and what servers and stores did all along."""

import msgspec

from rig.record.lines.base import Json, Line, ScenarioLine


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
    pace: dict[str, Json]


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


class PostgresLook(msgspec.Struct, frozen=True):
    """What Postgres said at one moment: ids online, ids deactivated, chats and last heartbeat (epoch seconds) by id."""

    online: list[str]
    deactivated: list[str]
    loads: dict[str, int]
    heartbeats: dict[str, float] = {}
    query: str = ""


class ValkeyLook(msgspec.Struct, frozen=True):
    """What Valkey held at one moment: the keys of the mirror, the snapshot, and what instances listen for."""

    online: list[str]
    deactivated: list[str]
    snapshot: str | None
    snapshot_ttl_ms: int
    capacities: dict[str, str]
    heartbeats: dict[str, str]
    subscriptions: int | None = None
    policy: str | None = None


class Sample(Line, frozen=True, kw_only=True, tag="sample"):
    """Valkey, Postgres and Valkey again, read one after the other; None for a store that did not answer."""

    ended: float
    truth: PostgresLook | None
    mirror_before: list[str] | None
    mirror_after: list[str] | None
    keys_before: ValkeyLook | None
    keys_after: ValkeyLook | None
    lag_s: float


class Metrics(Line, frozen=True, kw_only=True, tag="metrics"):
    """The values that an instance served at /metrics."""

    instance: str
    values: dict[str, float]


class Readiness(Line, frozen=True, kw_only=True, tag="readiness"):
    """What an instance answered at /readyz; a line for each change."""

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


class ScriptTaken(Line, frozen=True, kw_only=True, tag="script"):
    """A call of a script in Valkey: its keys, its arguments, and the commands that it ran, in order.

    `ran` is empty where Valkey refused the call as a whole. Long commands of a script keep their first arguments and the
    contract's keys. `cut`: an argument was too long to be kept. `instance` is None where the sender is not known.
    """

    instance: str | None
    keys: list[str]
    args: list[str]
    ran: list[list[str]]
    cut: bool = False


class OtherCommand(Line, frozen=True, kw_only=True, tag="other"):
    """A command by which somebody else than an instance changed Valkey's keys: a fault of the rig."""

    args: list[str]


class Versions(Line, frozen=True, kw_only=True, tag="versions"):
    """The versions of the mitras' rows before the traffic, by id; empty if the server's rows have none."""

    of: dict[str, int]


class ProtocolSeen(Line, frozen=True, kw_only=True, tag="protocol"):
    """That scripts were recorded for the judgement by the protocol, and in which version of it.

    `monitor`: whether MONITOR showed them. `one_clock`: both stores run on the machine of the rig, so that their times can
    be compared.
    """

    version: int
    monitor: bool
    one_clock: bool


class Watched(Line, frozen=True, kw_only=True, tag="watched"):
    """Spans in which MONITOR was blind, and whether statements could be seen."""

    blind: list[tuple[float, float]]
    statements: bool


class AuditRow(msgspec.Struct, frozen=True):
    """A row of `mitra_online_logs`; `at` in epoch seconds."""

    id: float
    mitra_id: str
    status: str
    at: float


class SignInRow(msgspec.Struct, frozen=True):
    """A row of `auth_sessions`; `live`: neither revoked nor expired."""

    user_id: str
    live: bool


class ChatRow(msgspec.Struct, frozen=True):
    """A row of `chat_sessions`; `ends_at` in epoch seconds."""

    id: str
    mitra_id: str | None
    status: str
    ends_at: float | None


class OfferRow(msgspec.Struct, frozen=True):
    """A row of `chat_request_notifications`."""

    chat_session_id: str
    mitra_id: str


class NowRow(msgspec.Struct, frozen=True):
    """Postgres' clock, in epoch seconds."""

    at: float


class Left(Line, frozen=True, kw_only=True, tag="left"):
    """The rows in Postgres at the end of the campaign, by query, and how many keys Valkey has evicted."""

    audit: list[AuditRow]
    sign_ins: list[SignInRow]
    chats: list[ChatRow]
    offers: list[OfferRow]
    now: list[NowRow]
    evicted_keys: int


class Stopped(ScenarioLine, frozen=True, kw_only=True, tag="stopped"):
    """A server that a fault stopped, with its exit code."""

    instance: str
    code: int | None
