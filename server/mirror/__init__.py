"""The availability mirror: Postgres holds the truth, Valkey answers reads, and this package keeps Valkey equal to Postgres.

`Mirror` is its interface for the rest of the server; `on.py` implements it in Valkey, `off.py` on Postgres alone.
"""

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

from asyncpg import Connection

from server.response_models import Availability

if TYPE_CHECKING:
    from server.mirror.settings import AppConfig


class Mirror(Protocol):
    """Who is online, available and reachable. A failure of Valkey never raises; ServiceUnavailable means that Postgres failed."""

    app_config: "AppConfig"

    async def start(self) -> None:
        """Raises ServiceUnavailable, or RuntimeError if Postgres was lost meanwhile."""

    async def stop(self) -> None:
        """Close the connections. Nobody is taken offline by it."""

    def changing(self, what: str, *mitra_ids: str, ping: bool = False) -> AbstractAsyncContextManager[Connection]:
        """A transaction that may change these mitras. It locks their rows; after its commit their state is mirrored.

        `what` names the change in the log; `ping`: the change counts as a heartbeat.
        """

    async def ping(self, mitra_id: str) -> bool:
        """Record a heartbeat. Returns whether the mitra is online. Raises ApiError 403 ACCOUNT_INACTIVE."""

    async def is_reachable(self, mitra_id: str) -> bool:
        """Online, not deactivated, and (with Valkey) with a fresh heartbeat."""

    async def find_available(self) -> list[str]:
        """Ids of mitras who are online, not deactivated, with room and (with Valkey) a fresh heartbeat, in order of id."""

    async def beacon(self) -> Availability:
        """How many are available; the answer may be up to 10 s old."""

    async def online_count(self) -> int:
        """How many mitras are online, deactivated ones included."""

    def alerts(self) -> list[str]:
        """Problems that an operator has to solve, as sentences."""

    def metrics(self) -> dict[str, float]:
        """Counters and gauges, by name."""
