"""What an audit of a running installation saw and reports: the JSON of `rig audit --json`, and its state file."""

from typing import NamedTuple

import msgspec

AUDIT_VERSION = 1
NO_DRIFT, DRIFT, UNKNOWN = "no drift", "drift", "could not tell"

# Kinds of differences, with what each means.
GHOST, MISSING, CAPACITY_OFF, DEACTIVATED_OFF = "ghost", "missing", "capacity", "deactivated"
ORPHAN, FOREIGN, WRONG_TYPE, TTL = "orphan heartbeat", "foreign key", "wrong type", "ttl"
KINDS = {
    GHOST: "in mitras:online, but not online in Postgres",
    MISSING: "online in Postgres, but not in mitras:online, or without a readable heartbeat",
    CAPACITY_OFF: "a capacity key that is not the load in Postgres",
    DEACTIVATED_OFF: "mitras:deactivated and is_active in Postgres contradict each other",
    ORPHAN: "a heartbeat key of a mitra who is not online in Postgres",
    FOREIGN: "a key that is neither of the contract nor below mirror:",
    WRONG_TYPE: "a key of the contract with another type than the contract's",
    TTL: "a key of the mirror that expires, or a snapshot that does not",
}


class Truth(NamedTuple):
    """One mitra in Postgres. `version` changes with each change of her; `changed_at`: epoch seconds of her last toggle."""

    online: bool = False
    active: bool = True
    load: int = 0
    version: str = ""
    changed_at: float | None = None


class Value(NamedTuple):
    """One key of Valkey: its type (`none` if it is not there), its text if it is a string, its life in ms if it expires."""

    type: str = "none"
    text: str | None = None
    ttl_ms: int = -1


class Mirrored(NamedTuple):
    """One mitra in Valkey. A membership is None where the set could not be read."""

    online: bool | None
    deactivated: bool | None
    capacity: Value = Value()
    heartbeat: Value = Value()


class Candidate(NamedTuple):
    """A difference as one look shows it. It counts if later looks show exactly the same."""

    kind: str
    key: str
    mitra: str  # her id; empty for a key that belongs to no mitra
    expected: str
    seen: str


class Sighting(NamedTuple):
    """What a look knows besides: the version of the truth, when it changed, and whom the difference costs chats."""

    version: str = ""
    changed_at: float | None = None
    cost: str = ""  # `ghost`: offers go to her, but she cannot take them; `lost`: she gets none; empty: neither


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A difference that counts. Times are epoch seconds; `since` is the earliest time at which it can have begun."""

    kind: str
    key: str
    mitra: str = ""
    expected: str = ""
    seen: str = ""
    cost: str = ""
    since: float | None = None
    first_seen: float = 0.0
    cause: str = ""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Passing audits without a break: `through` is the watermark, the time up to which the mirror is verified."""

    since: float
    through: float
    audits: int
    valkey: str = ""  # run_id of the Valkey
    postgres: str = ""  # identity of the table of mitras

    def reaches(self, began: float, gap_max_s: float) -> bool:
        """Whether an audit that began then is close enough to continue it."""
        return began - self.through <= gap_max_s


class Spent(msgspec.Struct, kw_only=True):
    """What an audit cost both stores, as measured by the rig: times include the way to the store and back."""

    commands: int = 0
    round_trips: int = 0
    valkey_s: float = 0.0
    slowest_ms: float = 0.0  # the longest round trip to Valkey
    statements: int = 0
    rows: int = 0
    postgres_s: float = 0.0
    slowest_statement_ms: float = 0.0
    pauses: int = 0  # because a store answered slowly
    took_s: float = 0.0
    memory_mb: float = 0.0  # the most that the rig's process had


class Seen(msgspec.Struct, kw_only=True):
    """How much was compared. `available` counts those who can take a chat, by Postgres and by the mirror."""

    mitras: int = 0
    online: int = 0
    deactivated: int = 0
    keys: int = 0  # those that SCAN returned
    available: int = 0
    available_in_mirror: int = 0
    suspects: int = 0
    moving: int = 0  # suspects whose differences did not last, or who changed meanwhile: they are not judged


class UserCost(msgspec.Struct, frozen=True, kw_only=True):
    """What the differences cost users so far. Minutes are those of mitras; chats are None where no rate is known."""

    ghost_minutes: float = 0.0
    lost_minutes: float = 0.0
    chats_per_minute: float | None = None
    offers_to_ghosts: float | None = None
    offers_not_made: float | None = None


class AuditReport(msgspec.Struct, kw_only=True):
    """One audit. `reasons` say why it could not tell; `unjudged` are kinds that this store does not let it judge."""

    audit_version: int = AUDIT_VERSION
    outcome: str = UNKNOWN
    began: float = 0.0
    ended: float = 0.0
    valkey: str = ""
    postgres: str = ""
    again: bool = False  # only earlier differences were looked at
    reasons: list[str] = []
    differences: list[Difference] = []
    more: int = 0  # differences beyond those that are listed
    unjudged: list[str] = []
    warnings: list[str] = []
    seen: Seen = msgspec.field(default_factory=Seen)
    spent: Spent = msgspec.field(default_factory=Spent)
    cost: UserCost = UserCost()
    span: Span | None = None

    def counts(self) -> dict[str, int]:
        """The number of differences of each kind, 0 included."""
        counted = dict.fromkeys(KINDS, 0)
        for one in self.differences:
            counted[one.kind] += 1
        return counted


class AuditState(msgspec.Struct, kw_only=True):
    """What one audit leaves to the next: the span of passing audits, and the differences of the last one."""

    audit_version: int = AUDIT_VERSION
    outcome: str = UNKNOWN
    ended: float = 0.0
    span: Span | None = None  # the unbroken one; None after drift
    last_span: Span | None = None  # the one before the break
    differences: list[Difference] = []
    chats: int | None = None  # counter of inserted rows of chat_sessions, and when it was read
    chats_at: float = 0.0
