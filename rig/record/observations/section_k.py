"""What the scenarios of section K observed: two backends on the same stores."""

import msgspec

from rig.record.observations.parts import (
    HeartbeatColumns,
    HttpExchange,
    MirrorState,
    Part,
    Ping,
    PostgresState,
    Seen,
    SqlStatement,
    ValkeyCommand,
)


class StartedInstance(Part, frozen=True, kw_only=True):
    """One backend from its start to its exit, with its seed lines."""

    started_at: float
    ready_at: float
    exit_code: int | None
    lines: list[str]


class StartedTogether(Seen, frozen=True, kw_only=True):
    """K-01: both backends, and the mirror when both were ready and when both had stopped."""

    instances: dict[str, StartedInstance]
    truth: PostgresState
    ready: MirrorState
    stopped: MirrorState


class RoundAnswer(msgspec.Struct, frozen=True, array_like=True):
    """An answer to a toggle. Written as `[action, status, is_online]`."""

    action: str
    status: int | None
    is_online: object


class ToggleRound(Part, frozen=True, kw_only=True):
    """A toggle through each backend at once. `agreed_at` is when both stores agreed, None if they did not in time.

    `overlap`: both backends were busy at the same time; `postgres` and `state` are what was found at the end.
    """

    overlap: bool
    answers: list[RoundAnswer]
    answered_at: float
    agreed_at: float | None
    postgres: bool
    state: str
    ways: dict[str, str] = {}


class ToggleRounds(Seen, frozen=True, kw_only=True):
    """K-02: the rounds, and the mitra's audit after them."""

    rounds: list[ToggleRound]
    audit: list[str]


class Relay(Part, frozen=True, kw_only=True):
    """A poll of `filler`, a toggle (`toggled` is its status), and a poll of `reader`, with the commands meanwhile."""

    filler: str
    reader: str
    available: int
    toggled: int | None
    first: HttpExchange
    second: HttpExchange
    commands: list[ValkeyCommand]


class Relays(Seen, frozen=True, kw_only=True):
    """K-03: a relay in each direction."""

    relays: list[Relay]


class SettingChange(Part, frozen=True, kw_only=True):
    """A setting changed through backend `via`, with the commands until `other` had deleted the snapshot.

    `before` is the snapshot before it, `available` the count by the new setting, `published` the messages, and
    `released_at` when the COMMIT that the rig had held back was released, None if it was not held back.
    """

    via: str
    other: str
    before: str | None
    key: str
    available: int
    exchange: HttpExchange
    commands: list[ValkeyCommand]
    published: list[ValkeyCommand]
    polls: dict[str, HttpExchange]
    released_at: float | None = None


class SettingChanges(Seen, frozen=True, kw_only=True):
    """K-04: several changes."""

    changes: list[SettingChange]


class MirrorsSideBySide(Seen, frozen=True, kw_only=True):
    """K-05: the statements of two heartbeat mirrors, samples of the column, and the heartbeat keys at the end.

    `mitras` has the ids by name. `pings` and `pinging` are empty in records that do not have them.
    """

    instances: list[str]
    mitras: dict[str, str]
    since: float = msgspec.field(name="from")
    until: float
    read_at: float
    last_ping_at: float
    statements: list[SqlStatement]
    samples: list[HeartbeatColumns]
    heartbeats: dict[str, str | None]
    pings: list[Ping] = []
    pinging: list[str] = []
