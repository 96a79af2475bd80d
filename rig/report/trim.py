"""Cuts evidence down to what a reader looks at; the whole of it stays in results.json."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rig.report import text

T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """How much of each kind of evidence is printed."""

    lines: int  # of a log, a command list, a JSON reply
    rows: int  # of a query's result
    characters: int  # of one value, line or cell
    pieces: int  # of evidence under one answer
    answers: int  # under one item


# From generous to sparse: the HTML takes the first one with which it fits its size.
STEPS = (
    Limits(lines=40, rows=25, characters=2000, pieces=40, answers=40),
    Limits(lines=20, rows=12, characters=800, pieces=24, answers=20),
    Limits(lines=10, rows=6, characters=300, pieces=12, answers=10),
    Limits(lines=5, rows=3, characters=160, pieces=6, answers=5),
)
PLAIN = STEPS[1]
MARK = "> "  # in text, before what the verdict is about
CONTEXT_LINES = 2  # kept around a line that holds the text looked for
PLACEHOLDER = re.compile(r"<[^<>]+>")


@dataclass(frozen=True)
class Line:
    """One printed line: its time of day (or empty), and its text in parts, of which the hits are True."""

    at: str
    parts: tuple[tuple[str, bool], ...]
    marked: bool = False  # the verdict is about it

    @property
    def hit(self) -> bool:
        return any(found for _, found in self.parts)

    def __str__(self) -> str:
        return MARK * self.marked + f"{self.at} " * bool(self.at) + "".join(words for words, _ in self.parts)


@dataclass(frozen=True)
class Gap:
    """Lines that were left out here."""

    number: int
    noun: str = "line"

    def __str__(self) -> str:
        return f"… {self.number} more {self.noun}{'s' * (self.number != 1)}"


def value(raw: object, limits: Limits) -> str:
    """One value, clean and cut."""
    kept, more = text.shorten(text.clean(raw), limits.characters)
    return f"{kept}… {more} more characters" if more else kept


def message(raw: str, limits: Limits = PLAIN) -> str:
    """The message of an item or a run, cut like evidence, because it may quote long output of a server."""
    return value(raw, limits)


def needle(looked_for: str | None) -> re.Pattern[str] | None:
    """A pattern for a text looked for, in which `<id>` stands for any word."""
    if not looked_for:
        return None
    literal = [re.escape(part) for part in PLACEHOLDER.split(text.clean(looked_for))]
    return re.compile(r"\S+?".join(literal))


def lines(
    raw: Sequence[object], limits: Limits, looked_for: str | None = None, marked: Collection[int] = ()
) -> list[Line | Gap]:
    """The first lines, or those that are marked or hold a text looked for, with a little context."""
    pattern = needle(looked_for)
    cut = [_line(str(item), pattern, limits, number in marked) for number, item in enumerate(raw)]
    if len(cut) <= limits.lines + 1:  # a gap takes a line itself
        return list(cut)
    hits = sorted(marked) + [index for index, line in enumerate(cut) if line.hit and index not in marked]
    wanted: set[int] = set()
    for hit in hits:
        around = set(range(max(0, hit - CONTEXT_LINES), min(len(cut), hit + CONTEXT_LINES + 1)))
        if len(wanted | around) > limits.lines:
            break
        wanted |= around
    kept = [(index, cut[index]) for index in sorted(wanted) or range(limits.lines)]
    return with_gaps(kept, len(cut))


def chosen(number: int, limit: int, marked: Collection[int]) -> list[int]:
    """Which of so many rows are printed: the first ones, and of those behind them as many marked ones as fit."""
    behind = [index for index in sorted(marked) if limit <= index < number][: max(1, limit // 2)]
    first = range(min(number, limit - len(behind) if behind else limit))
    return [*first, *behind]


def with_gaps(kept: Sequence[tuple[int, T]], number: int, noun: str = "line") -> list[T | Gap]:
    """The kept ones in order, with a gap wherever others of that number were left out."""
    printed: list[T | Gap] = []
    following = 0
    for index, one in kept:
        if index > following:
            printed.append(Gap(index - following, noun))
        printed.append(one)
        following = index + 1
    if following < number:
        printed.append(Gap(number - following, noun))
    return printed


def _line(raw: str, pattern: re.Pattern[str] | None, limits: Limits, marked: bool) -> Line:
    at, words = text.split_stamp(text.clean(raw).rstrip("\n"))
    words = value(words, limits)
    parts: list[tuple[str, bool]] = []
    position = 0
    for match in pattern.finditer(words) if pattern else ():
        parts.append((words[position : match.start()], False))
        parts.append((match[0], True))
        position = match.end()
    parts.append((words[position:], False))
    return Line(at, tuple(part for part in parts if part[0]), marked)
