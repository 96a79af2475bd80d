"""The rules that more than one place names, and the server's modules that take the steps."""

WRITES, SEEDER, WATCHDOG = (
    "server/mirror/writes.py:Writes.",
    "server/mirror/seed.py:Seeder.",
    "server/mirror/watchdog.py:",
)
PROVES = "the connection for notifications proves that it is alive"
TOLD = "each transaction that changes a mitra notifies every instance"
SET_BACK = "a sequence that went back is an outage"
AHEAD = "a version of Valkey that is ahead of its row is an outage"
HIGHER = "a version is higher than the last one of its row"
COMPARES = "a new connection for notifications compares all versions"
IDENTITY = "the identity of Postgres' history stands in the epoch"
