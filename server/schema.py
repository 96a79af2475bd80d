"""Are the tables there? One catalogue query at each start; the models are imported only when one is not."""

from server.db import Database
from server.log import log

RELATIONS = (
    "mitras",
    "mitra_online_status",
    "mitra_online_logs",
    "customers",
    "chat_sessions",
    "chat_request_notifications",
    "auth_sessions",
    "otp_requests",
    "app_config",
    "mirror_version",
    "mirror_instances",
)
_MISSING = "SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NULL"


async def ensure_schema(db: Database) -> None:
    """Create what is missing; two instances may do so at once. Raises ServiceUnavailable, asyncpg errors."""
    missing = [row["name"] for row in await db.fetch(_MISSING, list(RELATIONS))]
    if not missing:
        return
    from server import models  # 0.4 s of CPU: worth it only here

    await models.create_tables(db.url)
    log(f"[schema] created what was missing: {', '.join(missing)}")
