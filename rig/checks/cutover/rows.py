"""The rows with their bounds, and what each of them would not see."""

NOT_SEEN = {
    "GO-01": "a mitra whose pings never reached a server, and a sweep that comes later than the rehearsal ended",
    "GO-02": "keys below mirror: of the server's own, and heartbeats that are too old",
    "GO-03": "requests that the real balancer sends to an instance that stops, and errors inside an answer of 200",
    "GO-04": "how long the seed of a larger fleet takes, and a slower network",
    "GO-05": "clients of X that are no servers of this installation, such as scripts and dashboards",
    "GO-06": "a command that was not sent in the rehearsal",
    "GO-07": "other users of the same Postgres",
    "GO-08": "an instance that nobody listed",
    "GO-09": "a failover that takes longer, and one in which connections stay open",
    "GO-10": "a way back days later, when the code has changed",
    "GO-11": "evictions by neighbours that come later",
    "GO-12": "a change of the settings after the rehearsal",
    "GO-13": "a fleet that grows, and memory that the product itself takes",
    "GO-14": "the network between the instances and the real Y, if the rehearsal used another one",
    "GO-15": "a command that the servers did not use until the preflight",
    "GO-16": "how long people take",
    "GO-17": "defects that were never planted",
}
ROWS = tuple(NOT_SEEN)
PROOFS = "GO-17"


def bounds_of(overlap_s: float, fresh_s: float) -> dict[str, dict[str, float]]:
    """The bounds of each row; the budget of the overlap follows from `stale_after_seconds`."""
    told: dict[str, dict[str, float]] = {
        "GO-03": {"requests_min": 50},
        "GO-04": {"reseed_s": 5.0},
        "GO-08": {"overlap_s": overlap_s},
        "GO-09": {"failover_s": 10.0},
        "GO-10": {"back_s": 45.0},
        "GO-13": {"used_share": 0.5},
        "GO-14": {"slower_ms": 1.0, "clock_s": 1.0},
        "GO-17": {"fresh_s": fresh_s},
    }
    return {row: told.get(row, {}) for row in ROWS}
