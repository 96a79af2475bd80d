"""What the probes at the edges of the API saw: the answers to requests that are wrong, or just right, and rows and keys."""

from typing import NamedTuple

import msgspec

from rig.record.lines.base import Json
from rig.record.observations.parts import Seen
from rig.record.observations.races import Answered

NOT_SENT = "not sent"  # in place of a code: too many requests before it had no answer


class Sent(NamedTuple):
    """One answer, after so many seconds. Without an answer `status` is None and `code` is the name of the error."""

    status: int | None
    code: str | None
    seconds: float


class Tried(NamedTuple):
    """One answer, with what was sent in words."""

    what: str
    status: int | None
    code: str | None
    seconds: float


class LongHead(NamedTuple):
    """One answer to a request with a header of `length` characters."""

    length: int
    status: int | None
    code: str | None
    seconds: float


class Replied(NamedTuple):
    """One answer with its body, and what was sent in words."""

    what: str
    status: int
    reply: Json


class MethodsAndPaths(Seen, frozen=True, kw_only=True):
    """Methods that a route does not have, and paths that are none."""

    methods: list[Tried]
    paths: list[Tried]


class WrongBodies(Seen, frozen=True, kw_only=True):
    """Bodies by what is wrong with them."""

    not_json: list[Tried] = msgspec.field(name="not json")
    too_large: list[Tried] = msgspec.field(name="too large")
    missing: list[Tried]
    wrong: list[Tried]
    not_an_object: list[Tried] = msgspec.field(name="not an object")
    just_fits: list[Tried] = msgspec.field(name="just fits", default_factory=list)


class WrongIds(Seen, frozen=True, kw_only=True):
    """Ids in a path that are no UUIDs, and ids of nobody."""

    malformed: list[Tried]
    unknown: list[Tried]


class OrderOfErrors(Seen, frozen=True, kw_only=True):
    """Requests with two errors, by the one that must be answered."""

    no_token: list[Tried] = msgspec.field(name="no token")
    wrong_role: list[Tried] = msgspec.field(name="wrong role")
    inactive: list[Tried]


class UnwantedBodies(Seen, frozen=True, kw_only=True):
    """Requests with a body that their route does not read, with an Upgrade, and with long headers."""

    answers: list[Tried]
    upgraded: list[Tried]
    heads: list[LongHead]


class Page(NamedTuple):
    """The answer of a route that is no JSON."""

    status: int
    content_type: str
    text: str


class Unfit(NamedTuple):
    """An answer that the contract's OpenAPI document does not hold, by its route. `kind`: in what it does not fit."""

    route: str
    kind: str
    status: int | None
    message: str
    seconds: float


class Generated(Seen, frozen=True, kw_only=True):
    """Requests that were made up: of how many routes, how many, and which answers did not fit."""

    routes: int
    sent: int
    unfit: list[Unfit]


class OpenAnswers(Seen, frozen=True, kw_only=True):
    """`shapes`: the reply of each route that asks for no token, by its name. `health`: by path, those of health and metrics."""

    shapes: dict[str, Json]
    health: dict[str, Page]


class RouteAnswers(Seen, frozen=True, kw_only=True):
    """`shapes`: the reply of each route that only reads, by its name."""

    shapes: dict[str, Json]


class MintedTokens(Seen, frozen=True, kw_only=True):
    """The answer to each kind of token, and the one to the profile of a deactivated mitra."""

    answers: dict[str, Sent]
    deactivated: Sent


class ValuesAtBounds(Seen, frozen=True, kw_only=True):
    """`codes`: for each role the answer to a code's request with a known phone, and then with an unknown one."""

    wrong_durations: list[Tried] = msgspec.field(name="wrong durations")
    right_durations: list[Tried] = msgspec.field(name="right durations")
    wrong_settings: list[Tried] = msgspec.field(name="wrong settings")
    right_settings: list[Tried] = msgspec.field(name="right settings")
    unknown_setting: list[Tried] = msgspec.field(name="unknown setting")
    phones: list[Tried]
    codes: list[Replied] = []


class SignedUp(NamedTuple):
    """The answer to the right code of somebody whom nobody knows, and how many rows have the phone afterwards."""

    status: int | None
    code: str | None
    rows: int


class Lookalike(NamedTuple):
    """The answer to the right code of a phone that differs from a known one. `theirs`: it signed in the known account."""

    what: str
    status: int | None
    code: str | None
    theirs: bool


class UnknownPeople(Seen, frozen=True, kw_only=True):
    """A mitra and a customer who have no row. `lookalikes`: phones that are nearly that of somebody who has one."""

    mitra: SignedUp
    client: SignedUp
    lookalikes: list[Lookalike] = []


class TakenFromPath(NamedTuple):
    """The answer to a request with an id in upper case: the id in its reply, and the id as it was given out."""

    status: int
    told: Json
    id: str


class UpperCaseIds(Seen, frozen=True, kw_only=True):
    """The answers to an id in upper case in the path, in the body and in `sub`. `taken`: the status of the accept before."""

    taken: int | None
    path: TakenFromPath
    body: Sent
    sub: Sent


class StatusRead(NamedTuple):
    """`at`: the heartbeat that was put into the row, in epoch seconds. `changed`: how many rows that changed."""

    at: float | None
    changed: int
    status: int | None
    reply: Json


class StatusesRead(Seen, frozen=True, kw_only=True):
    """The status of a mitra, read after each change of her row."""

    found: list[StatusRead]


class Recomputed(NamedTuple):
    """An answer of the beacon without a snapshot, and the snapshot afterwards with its time to live in ms."""

    status: int | None
    reply: Json
    text: str | None
    left_ms: int


class Polled(NamedTuple):
    """An answer of the beacon."""

    status: int | None
    reply: Json


class Snapshots(Seen, frozen=True, kw_only=True):
    """Answers and snapshots with `nobody` and with `somebody` available, and with a snapshot that was written by hand.

    `left_ms`: the time to live of that one afterwards. `left`: the snapshot after a change of a setting;
    `kept`: that after a change of each other setting.
    """

    nobody: Recomputed
    somebody: Recomputed
    by_hand: list[Polled] = msgspec.field(name="by hand")
    left_ms: int
    changed: int | None
    left: str | None
    kept: dict[str, str | None] = {}


class RefreshTokens(Seen, frozen=True, kw_only=True):
    """`token`: whether the sign-in gave one. `held`: how many rows hold it as it is. `expired`: its answer after its expiry."""

    signed_in: int | None
    token: bool
    held: int
    expired: Answered


class Watched(Seen, frozen=True, kw_only=True):
    """Two chats from their start to their end: their statuses by what they were. `left_s`: of the window at the look.

    `late_s`: how long after the end of its window a chat ended that was near that end when the server was restarted; None
    where it did not, or where there was none. `capacity_at_last`: the capacity key once all chats had ended.
    """

    answers: list[int | None]
    in_window: dict[str, str]
    capacity: str | None
    left_s: float
    at_last: dict[str, str]
    capacity_at_last: str | None = "0"
    late_s: float | None = None
    late_from_s: float = 0.0  # from the end of its window to the moment when the server was ready again


class TimeIsUp(Seen, frozen=True, kw_only=True):
    """`allowed_s`: in which a chat must be ended once its window is up."""

    running: Watched
    restarted: Watched
    allowed_s: float
