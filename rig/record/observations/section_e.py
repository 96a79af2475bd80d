"""What the scenarios of section E observed: the deactivation of an account. `sari` and `dewi` are ids."""

import msgspec

from rig.record.observations.parts import HttpExchange, Part, Seen, SqlStatement


class SignIns(Seen, frozen=True, kw_only=True):
    """E-01: the answers to the one-time codes."""

    verified: list[HttpExchange]
    sari: str


class AccountRow(Part, frozen=True, kw_only=True):
    """The mitra's account as it is in Postgres."""

    id: str
    phone: str
    display_name: str


class ProtectedRoutes(Seen, frozen=True, kw_only=True):
    """E-02: protected routes by name, with a token (`opened`) and without one (`closed`)."""

    opened: dict[str, HttpExchange]
    closed: dict[str, HttpExchange]
    row: AccountRow


class ActiveChange(Seen, frozen=True, kw_only=True):
    """E-03, E-09: the operator's request to deactivate or re-activate."""

    exchange: HttpExchange
    sari: str


class SignInRow(msgspec.Struct, frozen=True, array_like=True):
    """A row of auth_sessions. Written as `[user_id, revoked]`."""

    user: str
    revoked: bool


class DeactivatedInPostgres(Seen, frozen=True, kw_only=True):
    """E-04: `is_active` by id, all sign-ins, and the statements of the request that deactivated her."""

    active: dict[str, bool]
    sessions: list[SignInRow]
    sari: str
    dewi: str
    statements: list[SqlStatement]


class DeactivatedSet(Seen, frozen=True, kw_only=True):
    """E-05: whether she is a member of mitras:deactivated, and when that was written."""

    member: bool
    answered_at: float
    written_at: float


class OldToken(Seen, frozen=True, kw_only=True):
    """E-06: the profile and guarded routes with the token from before, and `is_online` after them."""

    profile: HttpExchange
    guarded: list[HttpExchange]
    online: list[list[bool | None]]
    sari: str


class PingsOfPhones(Seen, frozen=True, kw_only=True):
    """E-07: a ping per phone of Sari's and one of Dewi's."""

    sari: list[HttpExchange]
    dewi: HttpExchange


class Refreshes(Seen, frozen=True, kw_only=True):
    """E-08: a refresh per phone of Sari's and one of Dewi's, and a new sign-in of Sari's."""

    sari: list[HttpExchange]
    dewi: HttpExchange
    sign_in: HttpExchange


class Reactivated(DeactivatedSet, frozen=True, kw_only=True):
    """E-10: the same set after the re-activation, with `is_active` by id and all sign-ins."""

    active: dict[str, bool]
    sessions: list[SignInRow]
    sari: str


class SignInAgain(Seen, frozen=True, kw_only=True):
    """E-11: refreshes of old sign-ins, a new sign-in, a ping, and her heartbeat before and after it."""

    old: list[HttpExchange]
    verified: HttpExchange
    ping: HttpExchange
    before: str | None
    after: str | None
