"""What a soak was asked for: length, factor, faults. Kept in `run.json`, so that it can be resumed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rig.errors import UsageError

FAULTS = ("none", "light", "hard")
FACTOR_MAX = 30.0  # a server's cadences are whole seconds, and auto-offline is written as 30 s
SAMPLE_S, SAMPLE_MIN_S = 10.0, 0.5
# Seconds of the written cadences; the first four are variables of the server, `stale` is a setting.
CADENCES = {"auto-offline": 30, "heartbeat-mirror": 60, "reconcile": 300, "goodbye": 60}
STALE_S = 90
RESTART_EVERY_S, FAULT_EVERY_S = 1800.0, 900.0
FAULT_MIN_S = 20.0


@dataclass(frozen=True)
class Order:
    """`planned_s` are real seconds; a `factor` of 10 makes all cadences and the traffic ten times as fast."""

    planned_s: float
    factor: float = 1.0
    faults: str = "none"
    pressure: bool = True

    def __post_init__(self) -> None:
        if self.faults not in FAULTS:
            raise UsageError(f"--faults {self.faults}: one of {', '.join(FAULTS)}")
        if not 1 <= self.factor <= FACTOR_MAX:
            raise UsageError(f"--factor {self.factor:g}: from 1 (the written cadences) to {FACTOR_MAX:g}")

    @property
    def every_s(self) -> float:
        """Seconds between two samples."""
        return max(SAMPLE_MIN_S, SAMPLE_S / self.factor)

    @property
    def warm_up_s(self) -> float:
        """At the begin of a part, and half of it after a restart: caches and pools fill, and no trend is looked for."""
        return min(300.0, max(3.0, self.planned_s / 20))

    @property
    def cadences(self) -> dict[str, float]:
        """The server's cadences in whole seconds."""
        return {name: max(1, round(value / self.factor)) for name, value in CADENCES.items()}

    @property
    def stale_s(self) -> int:
        return max(3, round(STALE_S / self.factor))

    @property
    def restart_every_s(self) -> float:
        """Seconds between two restarts, of the instances in turn."""
        return max(RESTART_EVERY_S / self.factor, self.planned_s / 8, FAULT_MIN_S)

    @property
    def fault_every_s(self) -> float:
        return max(FAULT_EVERY_S / self.factor, FAULT_MIN_S)

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def restored(plain: Mapping[str, Any]) -> Order:
    """From `plain()`, after a way through JSON. UsageError if it is not that of a soak."""
    try:
        return Order(**plain)
    except TypeError as error:
        raise UsageError(f"run.json has no order of a soak that this rig knows: {error}") from None


def told(seconds: float) -> str:
    """A length in words: `3 min`, `2 h`."""
    return (
        f"{seconds / 3600:g} h" if seconds >= 7200 else f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"
    )
