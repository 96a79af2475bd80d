"""`rig log` and `rig statements`: lines with their times, the last ones, new ones as they come, or up to a text."""

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from typer import echo

from rig.environment.running_stacks import the_session
from rig.errors import UsageError
from rig.runs.manual.client import SessionEnded, ask

LOG, STATEMENTS = "log", "statements"  # the two sources of lines
ACTIONS_LOG = "rig"  # the name under which `rig log` shows what commands did to the session
LOOK_EVERY_S = 0.1
LATE_S = 2.0  # how much later than its time a line may come into a log
SHOWN = 20
UNTIL_S = 30.0
EXIT_NOT_FOUND = 1
AGO = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)")
UNIT_S = {"s": 1, "m": 60, "h": 3600}
EPOCH = re.compile(r"\d{9,11}(?:[.,]\d+)?")


class Line(NamedTuple):
    """One line: epoch seconds, whose it is, and its text."""

    at: float
    source: str
    text: str

    def __str__(self) -> str:
        clock = datetime.fromtimestamp(self.at, UTC).strftime("%H:%M:%S.%f")[:-3]
        return f"{clock} {self.source} | {self.text}"


@dataclass(frozen=True)
class Wanted:
    """Which lines are shown.

    `since`: epoch seconds; None: the last `count` of all. `until`: stop at the first line with this text, and fail after
    `within_s`. `follow`: go on with new lines until Ctrl-C or the session's end.
    """

    since: float | None = None
    count: int | None = None
    follow: bool = False
    until: str | None = None
    within_s: float = UNTIL_S

    @classmethod
    def of(
        cls, since: str | None, count: int | None, follow: bool, until: str | None, within_s: float | None
    ) -> "Wanted":
        """From the words of a command line. Without `since`, `until` waits for a line that is yet to come."""
        begin = moment(since) if since is not None else time.time() if until is not None else None
        if since is None and count is None:
            count = SHOWN
        return cls(begin, count, follow, until, UNTIL_S if within_s is None else within_s)


def moment(text: str) -> float:
    """Epoch seconds of `1790000000.25` or of a time ago such as `30s`. UsageError for anything else."""
    if ago := AGO.fullmatch(text):
        return time.time() - float(ago[1]) * UNIT_S[ago[2]]
    if EPOCH.fullmatch(text):
        return float(text.replace(",", "."))  # $EPOCHREALTIME goes by the locale
    raise UsageError(f"--since {text!r}: give a time ago (30s, 5m, 2h), or epoch seconds as `date +%s` prints them")


def run(session: str | None, source: str, instances: Sequence[str], wanted: Wanted, *, everything: bool = False) -> int:
    """`rig log` and `rig statements`, by `source`: print lines of the servers that are named, else of all.

    `everything`: with transactions, session state and the rig's own statements, which are left out else.
    """
    facts = the_session(session)
    looks = 0

    def read(since: float | None) -> list[Line]:
        nonlocal looks
        looks += 1
        request = {
            "what": "lines", "source": source, "instances": list(instances), "since": since, "all": everything,
            "complete": looks == 1,  # later ones see by themselves what comes
        }  # fmt: skip
        return [Line(*one) for one in ask(facts, request)]

    return show(read, wanted)


def show(read: Callable[[float | None], Sequence[Line]], wanted: Wanted) -> int:
    """Print the lines that are wanted; `read(since)` gives all from a time on, in their order, or raises SessionEnded.

    0; 1 with a line on standard error when `until` was not found in time, or not before the session ended.
    """
    deadline = time.monotonic() + wanted.within_s
    since, seen, looked = wanted.since, Counter[Line](), False
    while True:
        last_look, began = time.monotonic() >= deadline, time.time()
        try:
            lines = read(since)
        except SessionEnded as error:
            if not looked:
                raise
            return 0 if wanted.until is None else not_found(wanted.until, str(error))
        fresh = unseen(lines, seen)
        if not looked and wanted.count is not None:
            fresh = fresh[max(0, len(fresh) - wanted.count) :]
        for line in fresh:
            echo(line)
            if wanted.until is not None and wanted.until in line.text:
                return 0
        if wanted.until is not None and last_look:
            return not_found(wanted.until, f"none came within {wanted.within_s:g} s")
        if wanted.until is None and not wanted.follow:
            return 0
        seen, since, looked = Counter(lines), max(since or 0.0, began - LATE_S), True
        time.sleep(LOOK_EVERY_S)  # between two looks


def not_found(text: str, why: str) -> int:
    echo(f"rig: no line with {text!r}: {why}", err=True)
    return EXIT_NOT_FOUND


def unseen(lines: Sequence[Line], seen: Mapping[Line, int]) -> list[Line]:
    """Those that come more often than they were seen, as equal lines may have equal times."""
    count = Counter[Line]()
    fresh = []
    for line in lines:
        count[line] += 1
        if count[line] > seen.get(line, 0):
            fresh.append(line)
    return fresh
