"""Lines of a growth run."""

from rig.record.lines.base import Line


class Growth(Line, frozen=True, kw_only=True, tag="growth"):
    """What an operation took at a size of the fleet, and the stores alone for the same bytes (one by one, packed)."""

    operation: str
    size: int
    seconds: float | None
    floor: float | None = None
    packed: float | None = None


class Memory(Line, frozen=True, kw_only=True, tag="memory"):
    """What a fleet of this size takes of memory."""

    size: int
    valkey_bytes: int
    bytes_a_mitra: float
    server_rss: int


class PingsDuring(Line, frozen=True, kw_only=True, tag="pings_during"):
    """Pings while something else went on, in ms from their planned moments."""

    during: str
    size: int
    sent: int
    times: int
    failed: int
    p50_ms: float
    p99_ms: float
    slowest_ms: float
    calm_p99_ms: float
