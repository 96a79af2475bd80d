"""Reads a server's output as it grows: each line stands behind the epoch second of its arrival."""

import threading
from pathlib import Path

from rig.record import evidence
from rig.record.evidence import Evidence
from rig.waiting import poll_until

Line = tuple[float, str]

TAIL_LINES = 15
POLL_S = 0.02


class ServerLog:
    """The lines of one log file, whole ones only: `<epoch seconds> <text>`. Safe to use from several threads.

    A line that carries no stamp (nobody but the supervisor should write here) gets its predecessor's.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._offset = 0
        self._lines: list[Line] = []

    def lines(
        self, since: float | None = None, until: float | None = None, containing: str | None = None
    ) -> list[Line]:
        """Lines stamped in `[since, until]` that hold the text `containing`, oldest first."""
        self._read()
        return [
            (at, text)
            for at, text in self._lines
            if (since is None or at >= since)
            and (until is None or at <= until)
            and (containing is None or containing in text)
        ]

    def wait_for(self, text: str, since: float | None = None, within_s: float = 5.0) -> Line:
        """The first line from `since` on that holds `text`; TimeoutError shows the log's end."""
        searched = 0

        def find() -> Line | None:
            nonlocal searched
            self._read()
            new, searched = self._lines[searched:], len(self._lines)
            return next((line for line in new if text in line[1] and (since is None or line[0] >= since)), None)

        line = poll_until(find, within_s, every_s=POLL_S)
        if line is None:
            raise TimeoutError(self._not_found(text, since, within_s))
        return line

    def evidence(
        self, since: float | None = None, until: float | None = None, *, looked_for: str | None = None
    ) -> Evidence:
        """The lines of a window that hold `looked_for` (all lines when None), with their stamps."""
        lines = [f"{at:.6f} {text}" for at, text in self.lines(since, until, looked_for)]
        return evidence.log(str(self.path), lines, looked_for=looked_for)

    def tail(self, count: int = TAIL_LINES) -> list[str]:
        self._read()
        return [f"{at:.3f} {text}" for at, text in self._lines[-count:]]

    def _not_found(self, text: str, since: float | None, within_s: float) -> str:
        when = "" if since is None else f" from {since:.3f} on"
        tail = self.tail()
        end = "\n".join("    " + line for line in tail) if tail else "    (the log is empty)"
        return f"no line with {text!r}{when} in {self.path} within {within_s:g} s. Its last {len(tail)} lines:\n{end}"

    def _read(self) -> None:
        with self._lock:
            try:
                with self.path.open("rb") as file:
                    file.seek(self._offset)
                    chunk = file.read()
            except FileNotFoundError:
                return  # nothing printed yet
            whole = chunk[: chunk.rfind(b"\n") + 1]  # the rest is a line that is still being written
            self._offset += len(whole)
            for line in whole.decode("utf-8", errors="replace").split("\n")[:-1]:
                self._lines.append(self._parse(line))

    def _parse(self, line: str) -> Line:
        stamp, _, text = line.partition(" ")
        try:
            return float(stamp), text.rstrip("\r")
        except ValueError:
            return (self._lines[-1][0] if self._lines else 0.0), line.rstrip("\r")
