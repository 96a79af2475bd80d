"""What the scenarios of section F observed of the beacon and the dashboard."""

from rig.record.observations.parts import (
    AnswerCount,
    CommandTime,
    CountedStatement,
    HttpExchange,
    MirrorState,
    Part,
    Reading,
    Seen,
)


class BeaconPoll(Part, frozen=True, kw_only=True):
    """A poll, with a reading of the stores before it and the mirror after it."""

    exchange: HttpExchange
    before: Reading
    after: MirrorState


class BeaconPolls(Seen, frozen=True, kw_only=True):
    """F-07: polls with nobody online and with mitras in every state."""

    polls: list[BeaconPoll]
    stale_s: float
    maximum: int
    names: dict[str, str] = {}


class SnapshotLook(Part, frozen=True, kw_only=True):
    """The snapshot's text and remaining life in ms; `at` is just before it was read."""

    at: float
    text: str | None
    ttl_ms: int


class Snapshot(Seen, frozen=True, kw_only=True):
    """F-08: the snapshot after the first poll and a second later, and what other polls were answered.

    `writes` are the verbs that changed it; `planted` are the answers with a snapshot that was written by hand, and
    `after_planting` is how often it was recomputed then.
    """

    answer: HttpExchange
    shared: list[AnswerCount]
    looks: list[SnapshotLook]
    writes: list[str]
    planted: list[AnswerCount]
    after_planting: int
    blind_s: float


class RapidPolls(Seen, frozen=True, kw_only=True):
    """F-09: `burst` polls at once, of which `early` were sent after the first answer, then polls from several sources.

    `recomputes`, `writes` and `touches` are commands of the backends: SDIFF, changes of the snapshot, and all that
    read or write the rest of the mirror.
    """

    answers: list[AnswerCount]
    burst: int
    early: int
    per_source: dict[str, int]
    seconds: float
    recomputes: list[float]
    writes: list[CommandTime]
    touches: list[CommandTime]
    statements: list[CountedStatement]
    blind_s: float


class SnapshotGone(Part, frozen=True, kw_only=True):
    """Whether the snapshot was gone, looked at `at`."""

    gone: bool
    at: float


class ChangedMaximum(Seen, frozen=True, kw_only=True):
    """F-10: a change of the maximum with a poll before and after it, and when backends deleted the snapshot.

    `released_at` is when the COMMIT that the rig had held back was released, None if it was not held back.
    """

    changed: HttpExchange
    committed_at: float | None
    deleted_at: list[float]
    gone: SnapshotGone
    polls: list[BeaconPoll]
    recomputes: int
    stale_s: float
    maxima: list[int]
    released_at: float | None = None
    names: dict[str, str] = {}


class DashboardRead(Part, frozen=True, kw_only=True):
    """A read of the dashboard, with SCARD of mitras:online before and after it.

    `what` changed before it; `deactivated` is the number of deactivated mitras in the set.
    """

    what: str
    before: int
    after: int
    deactivated: int
    exchange: HttpExchange


class DashboardReads(Seen, frozen=True, kw_only=True):
    """F-11: reads of the dashboard after several changes."""

    reads: list[DashboardRead]


class CountedDashboardReads(Seen, frozen=True, kw_only=True, tag_field="witness", tag="statement log"):
    """F-12: the answers of many reads, and the statements that name mitra_online_status in their window."""

    answers: list[AnswerCount]
    statements: list[CountedStatement]
