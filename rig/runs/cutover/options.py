"""What a rehearsal was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.errors import UsageError
from rig.runs.cutover.plan import Pace

DEFAULT_PROFILE = "memorystore-valkey"
HOLD_S = 12 * 3600.0
FACTS = ("policy", "persistence", "maxmemory")
DAY_S = 86_400.0


@dataclass(frozen=True)
class Order:
    """`attested`: facts of Y by name, stated by `by`. `fresh_s`: how old a proof may be; None does not judge it."""

    factor: float = 3.0
    rehearsals: int = 1
    hold: Path | None = None
    plant: str = ""
    attested: tuple[tuple[str, str], ...] = ()
    by: str = ""
    fresh_s: float | None = None
    sql_capacity: float | None = None

    @property
    def pace(self) -> Pace:
        return Pace(self.factor)

    @property
    def hold_s(self) -> float | None:
        return None if self.hold is None else HOLD_S

    def words(self) -> list[str]:
        """The words of the command line that ask for it again, without the file of --hold and the number of times."""
        told = ["--factor", f"{self.factor:g}"] if self.factor != 3 else []
        told += ["--plant", self.plant] if self.plant else []
        for name, value in self.attested:
            told += ["--attest", f"{name}={value}"]
        told += ["--by", self.by] if self.by else []
        told += ["--fresh-within", f"{self.fresh_s / DAY_S:g}"] if self.fresh_s is not None else []
        return told + (["--sql-capacity", f"{self.sql_capacity:g}"] if self.sql_capacity is not None else [])


def attested(pairs: Sequence[str], by: str) -> tuple[tuple[str, str], ...]:
    """From `policy=volatile-lru` and so on. UsageError for another fact, or without a name."""
    found = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if name not in FACTS or not equals or not value:
            raise UsageError(f"--attest {pair}: write FACT=VALUE with one of {', '.join(FACTS)}")
        found.append((name, value))
    if found and not by:
        raise UsageError("--attest needs the name of who states it: add --by NAME")
    return tuple(found)
