"""What the probes of the stage `environment` saw: starts and stops of further instances, and a stopped Postgres."""

from typing import NamedTuple

import msgspec

from rig.record.lines.base import Json
from rig.record.observations.edges import Tried
from rig.record.observations.parts import Seen
from rig.record.observations.races import Answered


class Start(Seen, frozen=True, kw_only=True):
    """What came of a start.

    `ready_s`, `exit_s`: seconds from the start to the first 200 of /readyz, and to the end of the process; None: it did
    not happen. `early`: the statuses of /readyz before the first 200. `lines`: those on standard error. `told`: how many
    lines it printed.
    """

    ready_s: float | None
    exit_s: float | None
    code: int | None
    early: list[int]
    lines: list[str] = []
    told: int = 0


class Ended(NamedTuple):
    """Seconds from SIGTERM to the end of the process, and its exit code; both None where it ran on."""

    took_s: float | None
    code: int | None


class RefusedStart(NamedTuple):
    """A start with a bad value: the sentence that forbids it, the variable, what was wrong, and what came of it."""

    sentence: str
    variable: str
    what: str
    start: Start


class RefusedStarts(Seen, frozen=True, kw_only=True):
    """One start per bad value. `usual_s`: how long a good start took."""

    usual_s: float
    starts: list[RefusedStart]


class ProductionStart(Start, frozen=True, kw_only=True):
    """A start with APP_ENV unset. `verified`: the answer to the code of development."""

    asked: int | None
    verified: Answered | None


class StartsWithoutPostgres(Seen, frozen=True, kw_only=True):
    """A start where nobody listens, and one on a database that does not exist."""

    nobody_listens: Start = msgspec.field(name="nobody listens")
    no_such_database: Start = msgspec.field(name="no such database")


class Truth(Seen, frozen=True, kw_only=True):
    """What Postgres says, by id."""

    online: list[str]
    deactivated: list[str]
    loads: dict[str, int]


class MirrorKeys(Seen, frozen=True, kw_only=True):
    """What the mirror's keys hold, by id."""

    online: list[str]
    deactivated: list[str]
    capacities: dict[str, str | None]
    heartbeats: dict[str, str | None]


class StartOnWhatWasLeft(Start, frozen=True, kw_only=True):
    """A start on wrong keys and an old chat. `answers`: those of a running instance before it; `listens`: both ports."""

    answers: list[Answered]
    available: Json
    here: str
    full: str
    seeds: int
    chat: str
    listens: list[bool]
    other_address: list[bool] = msgspec.field(name="other address")
    truth: Truth
    mirror: MirrorKeys
    unknown_rows: int = msgspec.field(name="unknown rows")


class StartWithNobodyOnline(Start, frozen=True, kw_only=True):
    """`online`: what the set holds after the seed; `seeds`: seed lines of this start."""

    seeds: int
    online: list[str]


class Reseeded(NamedTuple):
    """How many seeds an instance has logged once Valkey answered, and whether it still runs."""

    seeds: int
    running: bool


class StartsWithoutValkey(Seen, frozen=True, kw_only=True):
    """By how Valkey was away: the start, what it answered meanwhile, and its seeds afterwards."""

    usual_s: float
    starts: dict[str, Start]
    served: dict[str, list[Answered]]
    seeds: dict[str, Reseeded]
    unknown_gone: bool = msgspec.field(name="unknown gone")


class Listens(NamedTuple):
    """Seconds from the start until a port took a connection, and whether the seed's ids were in Valkey right after it."""

    after_s: float
    seeded: bool


class SlowStart(Seen, frozen=True, kw_only=True):
    """Starts whose seed takes long: by listener, those that took a connection at all. The last one counts."""

    starts: list[dict[str, Listens]]


class LineAtEvent(NamedTuple):
    """What a log line holds, and seconds from the answer that its event came before to its arrival.

    `late_s` is None where the line never came, and below 0 where it came before the answer.
    """

    line: str
    late_s: float | None


class LinesAtEvents(Seen, frozen=True, kw_only=True):
    """The lines of a start and of an outage of Valkey. `ready`: whether the instance came up."""

    ready: bool
    lines: list[LineAtEvent] = []


class StopInFlight(Seen, frozen=True, kw_only=True):
    """SIGTERM with requests in flight. Without a start that came up, the rest was not done."""

    starts: list[Start]
    taken: int | None
    online: int | None = None
    in_flight: Answered | None = msgspec.field(name="in flight", default=None)
    readyz: int | None = None
    exits: dict[str, Ended] = {}
    still_open: list[int] = msgspec.field(name="still open", default=[])
    still_online: bool = msgspec.field(name="still online", default=False)
    key: bool = False


class StopWhileHung(Seen, frozen=True, kw_only=True):
    """SIGTERM while something hangs, by what hangs.

    `asked`: the answer to a request that needed Postgres and was under way. `left_out`: what could not be brought about
    on this machine or with this server, and why.
    """

    starts: dict[str, Start]
    asked: Answered | None
    exits: dict[str, Ended]
    left_out: dict[str, str] = msgspec.field(name="left out", default={})


class PostgresAway(Seen, frozen=True, kw_only=True):
    """What was answered while Postgres was stopped, and once it was back. `end`: a stop meanwhile."""

    start: Start
    kept: list[Tried]
    needed: list[Tried]
    again: list[Tried]
    readyz: int | None
    healthz: int | None
    readyz_again: int | None = msgspec.field(name="readyz again")
    end: Ended
    at: float = 0.0


class AnotherPlace(Seen, frozen=True, kw_only=True):
    """What an instance with a TZ and a database of Valkey of its own did.

    `there`, `here`: whether the mitra is in the set of its database, and in the one of the other instances. Times are
    epoch seconds; None for a text that is no time in UTC.
    """

    ready: bool
    answers: list[int | None] = []
    there: bool = False
    here: bool = False
    heartbeat: str = ""
    ends_at: str = ""
    pinged: float = 0.0
    taken: float = 0.0
    duration_s: int = 0
    heartbeat_at: float | None = None
    ends_at_s: float | None = None


class StartOnSettings(NamedTuple):
    """Values of settings that are none, and what an instance that starts on them tells and logs.

    `config`: the settings that it tells; `served`: the statuses of a ping and of an accept; `logged`: the keys that its
    log names.
    """

    values: dict[str, Json]
    ready: bool
    config: Json
    served: list[int | None]
    logged: list[str]


class StartsOnSettings(Seen, frozen=True, kw_only=True):
    """One start per set of values."""

    starts: list[StartOnSettings]
