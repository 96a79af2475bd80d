"""Parts that several observations share. Times are epoch seconds."""

from collections.abc import Mapping

import msgspec

from rig.record.lines.base import Json


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of an observation."""


class Seen(Part, frozen=True, kw_only=True):
    """Base class of what one scenario observed for one item."""


def fields_of(reply: object) -> Mapping[str, Json]:
    """The fields of a JSON object; empty for any other value."""
    return reply if isinstance(reply, dict) else {}


class HttpExchange(Part, frozen=True, kw_only=True):
    """One request and its answer. Without an answer `status` is None and `error` says why."""

    method: str
    url: str
    status: int | None
    reply: object
    error: str | None
    code: str | None
    started: float
    ended: float
    action: str = ""
    actor: str = ""
    body: object = None
    curl: str = ""
    subject: str | None = None
    instance: str | None = None
    outcome: str = "answered"

    @property
    def request(self) -> str:
        return f"{self.method} {self.url}"

    @property
    def fields(self) -> Mapping[str, object]:
        """The fields of the reply; empty if the reply is not a JSON object."""
        return fields_of(self.reply)

    @property
    def seconds(self) -> float:
        return self.ended - self.started


class AnswerCount(msgspec.Struct, frozen=True, array_like=True):
    """How often one answer was received. Written as `[status, code, reply, count]`."""

    status: int | None
    code: str | None
    reply: object
    count: int

    @property
    def fields(self) -> Mapping[str, object]:
        """The fields of the reply; empty if the reply is not a JSON object."""
        return fields_of(self.reply)


class LogLine(msgspec.Struct, frozen=True, array_like=True):
    """One line of a server's log. Written as `[at, text]`."""

    at: float
    text: str


class SqlStatement(Part, frozen=True, kw_only=True):
    """One statement in Postgres' log. `committed_at` is None if it was not committed.

    `contract_text` is the statement with the contract's names, for a database that has other names.
    """

    at: float
    role: str
    instance: str | None
    class_: str = msgspec.field(name="class")
    text: str
    parameters: list[str | None]
    severity: str
    committed_at: float | None
    pid: int = 0
    session: str = ""
    application: str = ""
    contract_text: str | None = None

    @property
    def excerpt(self) -> str:
        """The first 120 characters of the statement, on one line."""
        return " ".join(self.text.split())[:120]


class CountedStatement(SqlStatement, frozen=True, kw_only=True):
    """Equal statements, with how many there were; the parameters are those of all of them."""

    count: int


class ValkeyCommand(Part, frozen=True, kw_only=True):
    """One command that a backend sent to Valkey, by Valkey's clock. `lua`: it was run by a script."""

    at: float
    args: list[str]
    instance: str | None
    lua: bool


class CountedCommand(ValkeyCommand, frozen=True, kw_only=True):
    """Equal commands, with how many there were; `args` are the verb and the contract's keys."""

    count: int


class CommandTime(msgspec.Struct, frozen=True, array_like=True):
    """When a command was run and its verb. Written as `[at, verb]`."""

    at: float
    verb: str


class Ping(Part, frozen=True, kw_only=True):
    """One ping of the background traffic; `id` is the mitra who sent it."""

    id: str | None
    at: float
    ended: float
    status: int | None
    is_online: object


class HeartbeatColumns(Part, frozen=True, kw_only=True):
    """`last_heartbeat_at` per mitra in epoch seconds, read from Postgres at `at`."""

    at: float
    columns: dict[str, float | None]


class PostgresState(Part, frozen=True, kw_only=True):
    """What Postgres holds: ids online, ids deactivated, and the number of counted chats per mitra."""

    online: list[str]
    deactivated: list[str]
    loads: dict[str, int]


class MirrorState(Part, frozen=True, kw_only=True):
    """What Valkey holds; `expiring` has the keys with a time to live, in ms."""

    online: list[str]
    deactivated: list[str]
    capacities: dict[str, str | None]
    heartbeats: dict[str, str | None]
    snapshot: str | None = None
    expiring: dict[str, int] = {}


class BothStores(Seen, frozen=True, kw_only=True):
    """Postgres and the mirror at the same moment."""

    truth: PostgresState
    mirror: MirrorState


class Reading(Seen, frozen=True, kw_only=True):
    """The mirror at `at`, with the loads and the deactivated mitras of Postgres.

    `deactivated` is None in records that do not have it.
    """

    mirror: MirrorState
    loads: dict[str, int]
    at: float
    deactivated: list[str] | None = None


class ValkeyReach(Seen, frozen=True, kw_only=True):
    """Whether Valkey answers the rig (`direct`) and the backend (`through_proxy`); `how` it was stopped."""

    how: str | None
    direct: str
    through_proxy: str

    @property
    def reaches_backend(self) -> bool:
        return self.through_proxy == "answers"


class ServerStart(Seen, frozen=True, kw_only=True):
    """A start of a backend with one environment variable.

    `wanted` is the value of the scenario, `given` that of the start, `process` that of the running process (None if
    it could not be read).
    """

    variable: str
    wanted: str
    given: str | None
    process: str | None
    running: bool
    seed_lines: list[str]


class SkippedTicks(Seen, frozen=True, kw_only=True):
    """The log lines about skipped ticks in an outage of Valkey."""

    valkey: ValkeyReach
    stopped_at: float
    back_at: float
    lines: list[LogLine]


class WithoutPostgres(Seen, frozen=True, kw_only=True, omit_defaults=True, tag_field="witness", tag="postgres stopped"):
    """Requests that were sent while Postgres was stopped, per kind; `said` are the replies from before the stop."""

    postgres_alive: bool
    active: list[AnswerCount] = []
    deactivated: list[AnswerCount] = []
    beacon: list[AnswerCount] = []
    dashboard: list[AnswerCount] = []
    said: dict[str, object] = {}
