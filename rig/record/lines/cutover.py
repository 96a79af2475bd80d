"""Lines of a rehearsal of a cutover from store X to store Y: its steps, and what was measured in each."""

from rig.record.lines.base import Line


class CutoverStep(Line, frozen=True, kw_only=True, tag="cutover_step"):
    """A step as it ended. `state`: done, failed, timed out, aborted, or waiting for one that was never begun.

    `seconds` is the measured time, of which `fixed_s` are planned waits. Both are 0 for a step that waits.
    """

    number: int
    name: str
    title: str
    owner: str
    precondition: str
    command: str
    bound_s: float
    failed_if: str
    undo: str
    no_return: bool
    state: str
    seconds: float = 0.0
    fixed_s: float = 0.0
    predicted_s: float | None = None  # by earlier rehearsals, without the planned waits
    reason: str = ""  # why it did not succeed


class CutoverInstance(Line, frozen=True, kw_only=True, tag="cutover_instance"):
    """An instance began or ceased to take requests on a store (`X` or `Y`). `event`: serves or left."""

    step: str
    instance: str
    store: str
    event: str


class CutoverSeed(Line, frozen=True, kw_only=True, tag="cutover_seed"):
    """A seed of a store. `seconds` count from `since` in words to the log line of the seed; None: no line came."""

    step: str
    instance: str
    store: str
    since: str
    seconds: float | None


class CutoverLook(Line, frozen=True, kw_only=True, tag="cutover_look"):
    """The mirror of a store compared with Postgres: the differences that were still there at the last of the looks."""

    step: str
    store: str
    differences: list[str]
    looks: int


class CutoverStore(Line, frozen=True, kw_only=True, tag="cutover_store"):
    """What a store counted during one step. `calls`, `rejected` and `errors` hold counts by command, or by error.

    Commands of the rig and of connections' handshakes are left out of `rejected`, and those of the rig out of `calls`.
    """

    step: str
    store: str
    calls: dict[str, int]
    rejected: dict[str, int]
    errors: dict[str, int]
    evicted: int
    connections: int  # accepted


class CutoverFacts(Line, frozen=True, kw_only=True, tag="cutover_facts"):
    """What a store tells of itself in INFO. A fact that it does not tell is None."""

    store: str
    named: str  # program and version
    run_id: str
    policy: str | None
    used_bytes: int | None
    maxmemory_bytes: int | None
    persistence: str | None
    dangers: list[str]  # sentences on policy, memory and persistence
    role: str | None = None
    tls: bool = False


class CutoverWay(Line, frozen=True, kw_only=True, tag="cutover_way"):
    """The way from an instance's place to a store: round trips of PING in ms, and how far its clock is from the rig's."""

    store: str
    pings: int
    p50_ms: float
    p99_ms: float
    clock_s: float


class CutoverTry(Line, frozen=True, kw_only=True, tag="cutover_try"):
    """A command that the servers use, tried on Y. `error` is what Y answered in place of a result.

    `tried` is False for a command for which the rig has no harmless probe.
    """

    command: str
    tried: bool
    error: str = ""


class CutoverTraffic(Line, frozen=True, kw_only=True, tag="cutover_traffic"):
    """The requests of one step. `unanswered` leaves out those sent to an instance that was being restarted."""

    step: str
    requests: int
    failed: int  # answered with a 5xx
    unanswered: int
    to_restarting: int
    examples: list[str] = []


class CutoverOffline(Line, frozen=True, kw_only=True, tag="cutover_offline"):
    """Every mitra who was set offline without having asked for it, and how old her last answered ping was then."""

    judged: int  # rows of the audit log that say offline
    mitras: int  # who pinged
    wrongful: list[str] = []


class CutoverSql(Line, frozen=True, kw_only=True, tag="cutover_sql"):
    """Transactions per second of Postgres over a span of `over_s` seconds that ends at `t`."""

    step: str
    per_s: float
    over_s: float


class CutoverLatency(Line, frozen=True, kw_only=True, tag="cutover_latency"):
    """How long the requests took that were answered in the seconds before `t`."""

    step: str
    requests: int
    p50_ms: float
    p95_ms: float


class CutoverCapacity(Line, frozen=True, kw_only=True, tag="cutover_capacity"):
    """What Postgres was measured, or stated, to take: transactions per second. `how` says which."""

    per_s: float
    how: str


class CutoverDefect(Line, frozen=True, kw_only=True, tag="cutover_defect"):
    """A defect that was planted on purpose; `row` is the row that must say no."""

    name: str
    row: str
    text: str


class CutoverProof(Line, frozen=True, kw_only=True, tag="cutover_proof"):
    """When a row was last shown to say no, by which defect. `at` is in epoch seconds."""

    row: str
    defect: str
    at: float


class CutoverAttest(Line, frozen=True, kw_only=True, tag="cutover_attest"):
    """A fact of Y that somebody states because the store does not tell it."""

    fact: str
    value: str
    by: str
