"""What the probes of the stage `numbers` saw: a large fleet, and thousands of requests to one instance."""

from rig.record.observations.parts import Seen


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
    older than the ping for a second. `descriptors`: how many the instance had open, at five moments of the same distance.
    """

    pings: int
    polls: int
    wrong: list[str]
    wrong_count: int
    unmoved: int
    descriptors: list[int]
