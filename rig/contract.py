"""The contract's words and bounds, each stated once: keys, log lines, paths, times. Its sentences are in docs/contract.md."""

# Keys of the mirror in Valkey.
ONLINE = "mitras:online"
DEACTIVATED = "mitras:deactivated"
CAPACITY = "mitra:capacity:"  # and a mitra's id
HEARTBEAT = "mitra:heartbeat:"  # and a mitra's id
SNAPSHOT = "availability:snapshot"
CHANNEL = "config:invalidate"

# Log lines: what each holds.
SUBSCRIBED_LINE = "[valkey] subscribed to config:invalidate"
SEED_LINE = "[valkey-mirror] seed:"
HEARTBEAT_FALLBACK_LINE = "[heartbeat] valkey check failed, falling back to DB"
REACHABLE_FALLBACK_LINE = "[isMitraReachable] valkey unavailable, falling back to DB"
WRITE_FAILED = "failed"  # ends the name of a write and an id in the line of a write-through that failed
SET_ONLINE, SET_OFFLINE = "[valkey-mirror] setOnline", "[valkey-mirror] setOffline"
BLAST_FALLBACK_LINE = "[findAvailableMitras] valkey unavailable, falling back to Postgres"
SWEEP_SKIPPED_LINE = "[auto-offline] valkey unavailable, skipping this tick:"
SWEEP_HELD_LINE = "[auto-offline] holding"
MIRROR_SKIPPED_LINE = "[heartbeat-mirror] valkey unavailable, skipping:"
# What marks a line of which the contract speaks.
LINE_MARKS = (
    "[valkey",
    "[heartbeat",
    "[isMitraReachable]",
    "[findAvailableMitras]",
    "[auto-offline]",
    "valkey unavailable",
)

# Statuses of a chat that count as a mitra's load.
COUNTED = ("active", "pending_payment")

# Paths of the two requests that come by the thousand.
PING = "/api/mitra/status/heartbeat"
BEACON = "/public/bestie-availability"

# Bounds, in seconds.
ANSWER_S = 5.0  # every request has its answer by then
RESEED_S = 5.0  # from the answering of Valkey to a finished seed
WRITE_THROUGH_S = 1.0  # from the answer of a change to its key in Valkey
LOG_FLUSH_S = 1.0  # from an event to its log line
SLACK_S = 1.0  # that a job may be late, beyond its cadence
SETTING_S = 1.0  # from a change of a setting until every instance has it, and has deleted the snapshot
SNAPSHOT_S = 10.0  # time to live of the snapshot
