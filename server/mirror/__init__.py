"""The availability mirror: Postgres is the truth, Valkey answers, and this package keeps the second true to the first.

`Mirror` is what the rest of the server knows of it; `on.py` has it in Valkey, `off.py` is the same on Postgres alone.
"""

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

from asyncpg import Connection

if TYPE_CHECKING:
    from server import shapes
    from server.mirror.settings import AppConfig


class Mirror(Protocol):
    """Who is online, available and reachable. No method raises for Valkey's sake; ServiceUnavailable is Postgres'."""

    app_config: "AppConfig"

    async def start(self) -> None:
        """Raises ServiceUnavailable, or RuntimeError when Postgres left meanwhile."""

    async def stop(self) -> None:
        """Give the connections back; nobody is taken offline by it."""

    def changing(self, what: str, *mitra_ids: str, ping: bool = False) -> AbstractAsyncContextManager[Connection]:
        """A transaction that may change these mitras: their rows are locked, and what it commits is mirrored.

        `what` names the change in the log; `ping`: it counts as a heartbeat.
        """

    async def ping(self, mitra_id: str) -> bool:
        """Note a heartbeat; whether the mitra is online. Raises ApiError 403 ACCOUNT_INACTIVE."""

    async def is_reachable(self, mitra_id: str) -> bool:
        """Online, not deactivated, and (with Valkey) with a fresh heartbeat."""

    async def find_available(self) -> list[str]:
        """Ids of mitras who are online, not deactivated, with room and (with Valkey) a fresh heartbeat, in order of id."""

    async def beacon(self) -> "shapes.Availability":
        """How many are available; the answer may be up to 10 s old."""

    async def online_count(self) -> int:
        """How many mitras are online, deactivated ones included."""

    def alerts(self) -> list[str]:
        """What somebody has to set right, in words."""

    def metrics(self) -> dict[str, float]:
        """Counters and gauges, by name."""
