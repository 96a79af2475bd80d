"""What the probes saw that do something in large numbers: a fleet, thousands of requests, many departures, pings or toggles."""

from typing import NamedTuple

from rig.record.lines.base import Json
from rig.record.observations.parts import Seen

LINES_MAX = 5  # of a log, of each departure


class LargeFleet(Seen, frozen=True, kw_only=True):
    """A start on `fleet` mitras who are online, and what the new instance answered. None: the answer had no such field.

    `blast_s`: seconds until the payment was answered. `rows`: offers in Postgres. `silent`: mitras whose heartbeat became
    stale; `offline`, `audited`: how many of them were set offline, and have an audit row, `sweep_s` seconds later.
    """

    fleet: int
    ready: bool
    in_set: int = 0
    capacities: int = 0
    heartbeats: int = 0
    seed_line: str = ""
    dashboard: int | None = None
    listed: int | None = None
    available: int | None = None
    beacon: int | None = None
    paid: int | None = None
    offered: int | None = None
    rows: int = 0
    blast_s: float = 0.0
    silent: int = 0
    offline: int = 0
    others_offline: int = 0
    audited: int = 0
    sweep_s: float = 0.0


class ManyRequests(Seen, frozen=True, kw_only=True):
    """Pings of one fleet, one after the other, and polls of the beacon.

    `wrong`: what was answered otherwise than 200, at first 20 of them; `unmoved`: pings after which the heartbeat was
    older than the ping for a second.
    """

    pings: int
    polls: int
    wrong: list[str]
    wrong_count: int
    unmoved: int


class Departure(Seen, frozen=True, kw_only=True):
    """`leaving` of `online` mitras became silent at the same moment; `gone` of them were offline `watched_s` seconds later.

    `first_s`: seconds until the first of them was offline, None where nobody was. `others`: how many of those who went on pinging are offline. `lines`: what was logged meanwhile of the sweep as a whole.
    """

    online: int
    leaving: int
    gone: int
    first_s: float | None
    watched_s: float
    others: int
    lines: list[str]


class Departures(Seen, frozen=True, kw_only=True):
    """Empty when the instance did not come up. `tick_s`: seconds between two sweeps; `stale_s`: the setting in force."""

    stale_s: int
    tick_s: int
    departures: list[Departure]


class CopiedHeartbeat(NamedTuple):
    """What the mitra is besides online, whether she has a heartbeat key, and after how many seconds it was in her row.

    `after_s` is None where it never was.
    """

    who: str
    beats: bool
    after_s: float | None


class CopiedHeartbeats(Seen, frozen=True, kw_only=True):
    """Heartbeats on their way to Postgres. `ready`: whether the instance came up; `allowed_s`: how long the way may take."""

    ready: bool
    allowed_s: float
    found: list[CopiedHeartbeat]


class BatchedPing(NamedTuple):
    """One of many pings at the same moment. `who`: `online`, `offline` or `deactivated`; `moved`: her heartbeat is of this ping."""

    who: str
    instance: str
    status: int | None
    code: Json
    is_online: Json
    moved: bool


class BatchedPings(Seen, frozen=True, kw_only=True):
    """All pings of all rounds, in the order in which they were sent. `prepared`: statuses of the deactivations."""

    prepared: list[int | None]
    pings: list[BatchedPing]
    rounds: int


class ManyCycles(Seen, frozen=True, kw_only=True):
    """One mitra with one chat goes offline and online again so many times.

    `wrong`: answers that were no 200 with the new state, `unmirrored`: what Valkey did not hold a second after an answer;
    both name the cycle. `audit`: the statuses of her audit rows.
    """

    cycles: int
    taken: int | None
    wrong: list[str]
    unmirrored: list[str]
    audit: list[str]


class Moment(NamedTuple):
    """An instance after so many requests.

    `descriptors`: files and sockets that its processes have open. `connections`: those of them to the stores. `rss_kib`: its
    memory. All three are 0 where that cannot be read. `latency_ms`: the median of the pings and polls since the moment before.
    """

    requests: int
    descriptors: int
    connections: int
    rss_kib: int
    latency_ms: float


class RepeatedRequests(Seen, frozen=True, kw_only=True):
    """`moments`: at distances of the same number of requests, or of the same time. `wrong`: what was answered otherwise than it must be."""

    requests: int
    seconds: float
    wrong: list[str]
    wrong_count: int
    moments: list[Moment]
