"""What the scenarios of section F observed of reachability and the blast. `names` has the mitras' names by id."""

from rig.record.observations.parts import (
    CountedStatement,
    HttpExchange,
    MirrorState,
    Part,
    Reading,
    Seen,
    ValkeyReach,
)


class AccountStatus(Part, frozen=True, kw_only=True):
    """`is_active` and `is_online` of a mitra in Postgres."""

    active: bool
    online: bool


class Reachability(Seen, frozen=True, kw_only=True):
    """Per mitra, the answer to whether she is reachable and her rows in Postgres; statements in that window."""

    answers: dict[str, HttpExchange]
    names: dict[str, str]
    postgres: dict[str, AccountStatus]
    statements: list[CountedStatement] = []


class SeenByMirror(Reading, frozen=True, kw_only=True):
    """A reading of the mirror with the settings that were in force."""

    names: dict[str, str]
    stale_s: float
    maximum: int


class ReachabilityByMirror(SeenByMirror, frozen=True, kw_only=True):
    """F-01: as `Reachability`, with a reading of the mirror."""

    answers: dict[str, HttpExchange]
    postgres: dict[str, AccountStatus]
    statements: list[CountedStatement] = []


class ReachabilityWhenStale(ReachabilityByMirror, frozen=True, kw_only=True):
    """F-02: the same with the fallback lines up to the exit."""

    lines: list[str]
    exit_code: int | None


class ReachabilityWithoutValkey(Seen, frozen=True, kw_only=True):
    """F-03: two rounds of questions in an outage, and the number of fallback lines."""

    valkey: ValkeyReach
    rounds: list[Reachability]
    lines: int


class BlastFromValkey(Seen, frozen=True, kw_only=True):
    """F-04: a payment, the number of SDIFF in it, its availability queries, and fallback lines up to the exit."""

    paid: HttpExchange
    recomputes: int
    statements: list[CountedStatement]
    lines: list[str]
    exit_code: int | None


class Offers(Seen, frozen=True, kw_only=True):
    """A payment, and the ids of the mitras who got an offer."""

    paid: HttpExchange
    offered: list[str]
    names: dict[str, str]


class BlastByMirror(SeenByMirror, frozen=True, kw_only=True):
    """F-05: the available ids by the API and by the offers, with the mirror before and `after` both."""

    paid: HttpExchange
    offered: list[str]
    after: MirrorState
    available: HttpExchange


class BlastWithoutValkey(Offers, frozen=True, kw_only=True):
    """F-06: the same in an outage; `expected` are the ids that Postgres has available."""

    valkey: ValkeyReach
    expected: list[str]
    available: HttpExchange
    lines: int
    requests: list[HttpExchange]
