"""All lines of a run, to be read by their class."""

from collections.abc import Iterable, Iterator
from typing import TypeVar, cast

from rig.record.lines.base import Line

L = TypeVar("L", bound=Line)


class Lines:
    """The lines of a run, in the order of their times. Iterating gives all of them, `of` those of one kind."""

    def __init__(self, lines: Iterable[Line] = ()) -> None:
        self._all = sorted(lines, key=lambda line: line.t)
        self._by_kind: dict[type[Line], list[Line]] = {}
        for line in self._all:
            self._by_kind.setdefault(type(line), []).append(line)

    def of(self, kind: type[L]) -> list[L]:
        """The lines of one kind, in order; an empty list if the run has none. The list must not be changed."""
        return cast(list[L], self._by_kind.get(kind, []))

    def first(self, kind: type[L]) -> L | None:
        """The first line of one kind, None if the run has none."""
        return next(iter(self.of(kind)), None)

    def last(self, kind: type[L]) -> L | None:
        """The last line of one kind, None if the run has none."""
        return next(reversed(self.of(kind)), None)

    def until(self, t: float) -> "Lines":
        """The lines up to this time (epoch seconds), it included."""
        return Lines(line for line in self._all if line.t <= t)

    def __iter__(self) -> Iterator[Line]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)
