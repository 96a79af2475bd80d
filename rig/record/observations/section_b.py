"""What the scenarios of section B observed: toggles."""

import msgspec

from rig.record.observations.parts import BothStores, HttpExchange, Part, Seen, ValkeyReach


class ToggleRow(Seen, frozen=True, kw_only=True):
    """B-01: a toggle, and `is_online` in Postgres right after its answer."""

    exchange: HttpExchange
    rows: list[list[bool | None]]


class MembershipAfterToggle(Seen, frozen=True, kw_only=True):
    """B-02: when the mitra became a member of mitras:online.

    `committed_at` is by the statement log, `sadd_at` by MONITOR; `released_at` is when the COMMIT that the rig had
    held back was released, None if it was not held back.
    """

    member: bool
    answered_at: float
    visible_at: float | None
    committed_at: float | None
    sadd_at: float | None
    released_at: float | None = None


class HeartbeatAfterToggle(Seen, frozen=True, kw_only=True):
    """B-03: the heartbeat key after a toggle."""

    value: str | None
    asked_at: float
    answered_at: float


class Toggle(Seen, frozen=True, kw_only=True):
    """B-04: a toggle."""

    exchange: HttpExchange


class OfflineInBothStores(Seen, frozen=True, kw_only=True):
    """B-05: row, membership and heartbeat after a toggle to offline; `gone_at` is None while something is left."""

    rows: list[list[bool | None]]
    member: bool
    heartbeat: str | None
    answered_at: float
    gone_at: float | None


class ToggleAnswer(msgspec.Struct, frozen=True, array_like=True):
    """Status and reply of a toggle. Written as `[status, reply]`."""

    status: int | None
    reply: object


class AskedToggle(msgspec.Struct, frozen=True, array_like=True):
    """A toggle that was requested: its action and the `is_online` that it wants. Written as `[action, wanted]`."""

    action: str
    wanted: bool


class AuditOfToggles(Seen, frozen=True, kw_only=True):
    """B-06: the toggles, their answers and the audit rows."""

    statuses: list[str]
    answers: list[ToggleAnswer]
    asked: list[AskedToggle]


class ToggleWithoutValkey(Part, frozen=True, kw_only=True):
    """One toggle in an outage: `wanted` is its `is_online`, `lines` are the log lines about the failed write."""

    exchange: HttpExchange
    wanted: bool
    rows: list[list[bool | None]]
    audit: list[str]
    lines: list[str]


class TogglesWithoutValkey(Seen, frozen=True, kw_only=True):
    """B-07: a toggle to online and one to offline in an outage."""

    set_online: ToggleWithoutValkey = msgspec.field(name="setOnline")
    set_offline: ToggleWithoutValkey = msgspec.field(name="setOffline")
    valkey: ValkeyReach


class HealedAfterOutage(BothStores, frozen=True, kw_only=True):
    """B-08: both stores after Valkey's return; `healed_at` is None as long as the toggles are not in the mirror."""

    back_at: float
    healed_at: float | None
