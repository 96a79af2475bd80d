"""A log that grows while it is read: renamed, made anew or truncated in between, every line of it comes once."""

import glob
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

HELD_MAX = 8  # files of one name that are read on: who was told of a rotation late may still write to an old one
CHUNK = 1 << 20
LAST = 256  # bytes of what was read last: by them a truncation is seen, and the copy that was made before it is known


class Generation:
    """One file that has, or had, the name: it is held open, as a renamed one is written to until its writer is told."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY)
        self._rest = b""
        self._last = b""  # what was read last
        self._at = 0
        self.identity = identity(os.fstat(self._file))
        self.close = weakref.finalize(self, os.close, self._file)  # by whoever reads no more, or at the end

    def lines(self) -> list[bytes]:
        """New whole lines: the writer may be in the middle of one."""
        chunk = rest_of(self._file, self._at)
        if not chunk:
            return []
        self._at += len(chunk)
        self._last = (self._last + chunk)[-LAST:]
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return lines

    @property
    def truncated(self) -> bool:
        """Whether what was read is no longer there, even if as much has been written since."""
        return not self._read_here(self._file)

    def lost(self, copy: Path) -> list[bytes] | None:
        """The lines that a copy holds beyond what was read here; None for a file that is no copy of this one."""
        try:
            file = os.open(copy, os.O_RDONLY)
        except OSError:
            return None
        try:
            if not self._read_here(file):
                return None
            lines = (self._rest + rest_of(file, self._at)).split(b"\n")
            return lines if lines[-1] else lines[:-1]
        finally:
            os.close(file)

    def copied(self, path: Path) -> bool:
        """Whether that other file begins with what was read here: somebody has copied it, and may truncate it next."""
        return bool(self._last) and self.lost(path) is not None

    def begin_again(self) -> None:
        self._at, self._rest, self._last = 0, b"", b""

    def _read_here(self, file: int) -> bool:
        """Whether that file has at its place what was read last."""
        return os.pread(file, len(self._last), self._at - len(self._last)) == self._last


class Growing:
    """Reads one name. OSError when there is no such file at the start, unless it `may_come`."""

    def __init__(self, path: Path, *, may_come: bool = False) -> None:
        self.path = path
        self._held: list[Generation] = []
        self._copies: set[tuple[int, ...]] = set()  # what was read as copies
        try:
            self._held.append(Generation(path))
        except FileNotFoundError:
            if not may_come:
                raise

    def lines(self) -> Iterator[bytes]:
        """All that is new, oldest file first, without line ends."""
        for one in self._held:
            if one.truncated:
                yield from self._lost_by_truncation(one)
                one.begin_again()
            yield from one.lines()
        fresh = self._made_anew()
        if fresh is not None:
            self._held.append(fresh)
            yield from fresh.lines()
        for old in self._held[:-HELD_MAX]:
            old.close()
        del self._held[:-HELD_MAX]

    def _made_anew(self) -> Generation | None:
        """The file that has the name now, where it is another one than those that are held."""
        try:
            if any(one.identity == identity(self.path.stat()) for one in self._held):
                return None
            return Generation(self.path)
        except FileNotFoundError:
            return None  # between the two halves of a rotation

    def _lost_by_truncation(self, one: Generation) -> list[bytes]:
        """What was written between the last reading and the truncation: it stands in the copy that was made before it."""
        stem = self.path.name.partition(".")[0]  # of `a.json`: `a.json.1`, `a.1.json`, `a-20260525.json`
        for path in sorted(self.path.parent.glob(f"{glob.escape(stem)}*"), key=last_change, reverse=True):
            if path == self.path or not path.is_file() or (lines := one.lost(path)) is None:
                continue
            found = version(path.stat())
            if found not in self._copies:
                self._copies.add(found)
                return lines
        return []

    def holds(self, stat: os.stat_result) -> bool:
        """Whether that file is read here, under whatever name."""
        return version(stat) in self._copies or any(one.identity == identity(stat) for one in self._held)

    def copied(self, path: Path) -> bool:
        """Whether that other file is a copy of one that is read here."""
        return any(one.copied(path) for one in self._held)

    def close(self) -> None:
        for one in self._held:
            one.close()
        self._held.clear()


def rest_of(file: int, at: int) -> bytes:
    """Everything from there on."""
    chunks = []
    while chunk := os.pread(file, CHUNK, at):
        chunks.append(chunk)
        at += len(chunk)
    return b"".join(chunks)


def identity(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_dev, stat.st_ino


def version(stat: os.stat_result) -> tuple[int, ...]:
    """Of a copy: the next one may be written over it, or get the number of one that was deleted."""
    return *identity(stat), stat.st_size, stat.st_mtime_ns


def last_change(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
