"""Who ran which statement how often, in a window."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

EXAMPLE_CHARS = 500


class LedgerBroken(Exception):
    """The counts of a window are not whole (evicted, reset, a restart): what was to be judged by them is inconclusive."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`kind`: work, driver, observer, or unknown (a role that is no instance's and not ours: the count is no count)."""

    instance: str | None
    role: str
    kind: str
    template: str
    calls: int
    example: str  # one of these statements as the source has it, cut off at EXAMPLE_CHARS

    def plain(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Key:
    """What calls are summed by."""

    instance: str | None
    role: str
    kind: str
    template: str


@dataclass(slots=True)
class Sum:
    """Calls of one kind, and one of them as an example."""

    calls: int
    example: str


def add(sums: dict[Key, Sum], key: Key, calls: int, example: str) -> None:
    so_far = sums.get(key)
    if so_far is None:
        sums[key] = Sum(calls, example[:EXAMPLE_CHARS])
    else:
        so_far.calls += calls


def entries_of(sums: Mapping[Key, Sum]) -> list[Entry]:
    """The most called first."""
    entries = [
        Entry(key.instance, key.role, key.kind, key.template, total.calls, total.example) for key, total in sums.items()
    ]
    return sorted(entries, key=lambda entry: (-entry.calls, entry.role, entry.template))
