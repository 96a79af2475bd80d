"""The cadences of the checklist: as written in the source, or shortened so that a run takes a minute."""

from dataclasses import dataclass

# Seconds of each cadence as the source writes them, and what a fast run uses instead. Only the cadence under test is
# shortened. All others are QUIET, so that every observed statement was caused by the scenario.
FAST: dict[str, dict[int, float]] = {
    "auto-offline": {10: 1, 30: 1},
    "stale": {15: 2, 90: 2},
    "heartbeat-mirror": {15: 1, 60: 1},
    "reconcile": {30: 2, 300: 2},
    "goodbye": {60: 1},
    "ping": {30: 0.2, 10: 0.7, 5: 0.2},
    "watch": {310: 3},
}
QUIET = 3600

ENVIRONMENT = {
    "auto-offline": "MITRA_AUTO_OFFLINE_SWEEP_SECONDS",
    "heartbeat-mirror": "HEARTBEAT_MIRROR_INTERVAL_SECONDS",
    "reconcile": "VALKEY_ONLINE_MIRROR_SWEEP_SECONDS",
    "goodbye": "GOODBYE_WINDOW_SECONDS",
}


@dataclass(frozen=True)
class Cadence:
    """`fast` or `written`; `seconds` turns a number of the checklist into the one this run uses."""

    name: str

    def seconds(self, what: str, written: int) -> float:
        """KeyError names a cadence that has no fast form: give it one in FAST."""
        return written if self.name == "written" else FAST[what][written]
