"""One-time codes, kept in Postgres so that every instance knows them. A code allows five tries and opens one session."""

import secrets

from asyncpg import Connection

from server import errors
from server.config import Settings
from server.db import Database
from server.log import log
from server.log_throttle import LogThrottle
from server.tokens import code_hash, same

CODE_TTL_SECONDS = 300
REQUESTS_MAX = 5  # per window, in production only
REQUEST_WINDOW_SECONDS = 900

LOG_REFUSALS_EVERY_S = 1.0  # at most; the counters count every refusal

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
# Seconds until the window of a phone ends and a request is accepted again.
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
    """The open one-time codes, one per role and phone; a new request replaces the old one."""

    def __init__(self, settings: Settings, db: Database) -> None:
        self._settings = settings
        self._db = db
        self.refused_requests = self.refused_answers = 0
        self._refusal_log = LogThrottle(LOG_REFUSALS_EVERY_S)

    async def request(self, role: str, phone: str) -> int:
        """Open a request. Returns the seconds it is valid; the same for an unknown phone. Raises 429, in production only."""
        code = self._settings.otp_dev_code or f"{secrets.randbelow(1_000_000):06d}"
        hashed = code_hash(self._settings.jwt_secret, role, phone, code)
        limit = REQUESTS_MAX if self._settings.production else None
        opened = await self._db.fetchval(_OPEN, role, phone, hashed, CODE_TTL_SECONDS, REQUEST_WINDOW_SECONDS, limit)
        if opened is None:
            self.refused_requests += 1
            self._log_refusal(f"{REQUESTS_MAX} codes in {REQUEST_WINDOW_SECONDS} s, no further one", role, phone)
            wait_s = await self._db.fetchval(_WAIT, role, phone, float(REQUEST_WINDOW_SECONDS))
            raise errors.otp_too_many_requests(REQUESTS_MAX, max(1, wait_s or 1))
        if self._settings.otp_dev_code is None and not self._settings.production:
            log(f"[otp] code for {role} {phone}: {code} (logged outside production only)")
        return CODE_TTL_SECONDS

    async def check(self, connection: Connection, role: str, phone: str, code: str) -> errors.ApiError | None:
        """None if `code` is right; else the error to raise *after* the transaction, so that the count of misses is committed.

        Locks the request until the transaction ends, so that one code makes one session.
        """
        row = await connection.fetchrow(_FIND, role, phone)
        if row is None:
            return errors.otp_invalid()
        if row["attempts"] >= errors.OTP_ATTEMPTS_MAX:
            self.refused_answers += 1
            self._log_refusal(f"{errors.OTP_ATTEMPTS_MAX} wrong codes, refused until a new request", role, phone)
            return errors.otp_too_many_attempts()
        if not row["fresh"]:
            return errors.otp_invalid()
        if not same(row["code_hash"], code_hash(self._settings.jwt_secret, role, phone, code)):
            await self.count_miss(connection, role, phone)
            return errors.otp_invalid()
        return None

    def _log_refusal(self, what: str, role: str, phone: str) -> None:
        """Log the end of the number only: enough to find it, without publishing it."""
        if self._refusal_log.due():
            log(f"[otp] {role} …{phone[-3:]}: {what}")

    async def count_miss(self, connection: Connection, role: str, phone: str) -> None:
        await connection.execute(_MISS, role, phone)

    async def use(self, connection: Connection, role: str, phone: str) -> None:
        """Close the request: its code made a session."""
        await connection.execute(_USE, role, phone)
