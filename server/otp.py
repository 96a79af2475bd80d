"""One-time codes, kept in Postgres so that every instance knows them: five tries, one session each."""

import secrets

from asyncpg import Connection

from server import errors
from server.config import Settings
from server.db import Database
from server.log import log
from server.seldom import Seldom
from server.tokens import code_hash, same

CODE_TTL_SECONDS = 300
REQUESTS_MAX = 5  # a window, in production only
REQUEST_WINDOW_SECONDS = 900

SAYS_EVERY_S = 1.0  # that somebody is refused; the counters have all of them

_OPEN = """
INSERT INTO otp_requests AS o (role, phone, code_hash, expires_at)
VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
ON CONFLICT (role, phone) DO UPDATE SET
    code_hash = excluded.code_hash, attempts = 0, expires_at = excluded.expires_at,
    requests = CASE WHEN o.window_started_at < clock_timestamp() - make_interval(secs => $5)
        THEN 1 ELSE o.requests + 1 END,
    window_started_at = CASE WHEN o.window_started_at < clock_timestamp() - make_interval(secs => $5)
        THEN clock_timestamp() ELSE o.window_started_at END
WHERE $6::int IS NULL OR o.requests < $6
    OR o.window_started_at < clock_timestamp() - make_interval(secs => $5)
RETURNING phone
"""
# Seconds until the window of a phone is over and a request is taken again.
_WAIT = """
SELECT ceil(extract(epoch FROM window_started_at - clock_timestamp()) + $3)::int
FROM otp_requests WHERE role = $1 AND phone = $2
"""
_FIND = """
SELECT code_hash, attempts, expires_at > clock_timestamp() AS fresh
FROM otp_requests WHERE role = $1 AND phone = $2 FOR UPDATE
"""
_MISS = "UPDATE otp_requests SET attempts = attempts + 1 WHERE role = $1 AND phone = $2"
_USE = "DELETE FROM otp_requests WHERE role = $1 AND phone = $2"


class Otp:
    """The open one-time codes, one a role and phone; a new request replaces the old one."""

    def __init__(self, settings: Settings, db: Database) -> None:
        self._settings = settings
        self._db = db
        self.refused_requests = self.refused_answers = 0
        self._saying = Seldom(SAYS_EVERY_S)

    async def request(self, role: str, phone: str) -> int:
        """Open a request; the seconds it lives. The same for a phone nobody has. Raises 429 in production."""
        code = self._settings.otp_dev_code or f"{secrets.randbelow(1_000_000):06d}"
        hashed = code_hash(self._settings.jwt_secret, role, phone, code)
        limit = REQUESTS_MAX if self._settings.production else None
        opened = await self._db.fetchval(_OPEN, role, phone, hashed, CODE_TTL_SECONDS, REQUEST_WINDOW_SECONDS, limit)
        if opened is None:
            self.refused_requests += 1
            self._say(f"{REQUESTS_MAX} codes in {REQUEST_WINDOW_SECONDS} s, no further one", role, phone)
            wait_s = await self._db.fetchval(_WAIT, role, phone, float(REQUEST_WINDOW_SECONDS))
            raise errors.otp_too_many_requests(REQUESTS_MAX, max(1, wait_s or 1))
        if self._settings.otp_dev_code is None and not self._settings.production:
            log(f"[otp] code for {role} {phone}: {code} (logged outside production only)")
        return CODE_TTL_SECONDS

    async def check(self, connection: Connection, role: str, phone: str, code: str) -> errors.ApiError | None:
        """None when `code` is right; else the error to raise *after* the transaction, whose count must stand.

        Locks the request until the transaction ends, so that one code makes one session.
        """
        row = await connection.fetchrow(_FIND, role, phone)
        if row is None:
            return errors.otp_invalid()
        if row["attempts"] >= errors.OTP_ATTEMPTS_MAX:
            self.refused_answers += 1
            self._say(f"{errors.OTP_ATTEMPTS_MAX} wrong codes, refused until a new request", role, phone)
            return errors.otp_too_many_attempts()
        if not row["fresh"]:
            return errors.otp_invalid()
        if not same(row["code_hash"], code_hash(self._settings.jwt_secret, role, phone, code)):
            await self.count_miss(connection, role, phone)
            return errors.otp_invalid()
        return None

    def _say(self, what: str, role: str, phone: str) -> None:
        """The end of the number tells its owner from others; all of it is nobody's business."""
        if self._saying.due():
            log(f"[otp] {role} …{phone[-3:]}: {what}")

    async def count_miss(self, connection: Connection, role: str, phone: str) -> None:
        await connection.execute(_MISS, role, phone)

    async def use(self, connection: Connection, role: str, phone: str) -> None:
        """Close the request: its code made a session."""
        await connection.execute(_USE, role, phone)
