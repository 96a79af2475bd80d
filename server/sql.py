"""SQL and status names that several modules share, so that each is written once."""

from collections.abc import Iterable
from typing import Literal, get_args

Status = Literal["searching", "active", "pending_payment", "ended", "cancelled"]
STATUSES: tuple[Status, ...] = get_args(Status)
OPEN_STATUSES: tuple[Status, ...] = ("active", "pending_payment")  # of a running chat: these count in a mitra's load


def one_of(values: Iterable[str]) -> str:
    """`('active', 'pending_payment')`, for use after IN; the values are constants of this code, so nothing needs escaping."""
    quoted = (f"'{value}'" for value in values)
    return f"({', '.join(quoted)})"


OPEN = one_of(OPEN_STATUSES)
# A subquery: the load of each mitra who has a running chat.
LOADS = f"""(SELECT mitra_id, count(*) AS load FROM chat_sessions
  WHERE mitra_id IS NOT NULL AND status IN {OPEN} GROUP BY mitra_id)"""
# In order of id, so that two transactions can't deadlock; foreign keys that point at the rows don't wait.
LOCK_MITRAS = "SELECT id FROM mitras WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE"
IS_ACTIVE = "SELECT is_active FROM mitras WHERE id = $1"
SET_OFFLINE = "UPDATE mitra_online_status SET is_online = false WHERE mitra_id = $1 AND is_online RETURNING mitra_id"
AUDIT = "INSERT INTO mitra_online_logs (mitra_id, status) VALUES ($1, $2)"
