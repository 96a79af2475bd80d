"""What rehearsals leave for later ones, in the directory of reports: times of steps, proofs of rows, a mark while one runs."""

import json
import os
import statistics
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rig.environment.running_stacks import process_exists

TIMES, PROOFS, OPEN = "cutover-times.json", "cutover-proofs.json", "cutover-open.json"
KEPT_MAX = 10  # rehearsals whose times count


def read(path: Path) -> dict[str, Any]:
    """What is in the file; nothing if there is none, or if it is no JSON object."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Replace the file as a whole."""
    fresh = path.with_name(f".{path.name}-{os.getpid()}")
    fresh.write_text(json.dumps(content, indent=1) + "\n")
    fresh.replace(path)


def predictions(reports: Path, factor: float) -> dict[str, float]:
    """The median of each step over the last rehearsals of this factor, in seconds without planned waits."""
    times = read(reports / TIMES).get(f"{factor:g}", {})
    return {name: round(statistics.median(seconds), 2) for name, seconds in times.items() if seconds}


def keep_times(reports: Path, factor: float, seconds: Mapping[str, float]) -> None:
    content = read(reports / TIMES)
    kept = content.setdefault(f"{factor:g}", {})
    for name, value in seconds.items():
        kept[name] = [*kept.get(name, []), round(value, 3)][-KEPT_MAX:]
    write(reports / TIMES, content)


def proofs(reports: Path) -> dict[str, tuple[str, float]]:
    """By row: the defect by which it was last shown to say no, and when."""
    found = read(reports / PROOFS)
    return {row: (str(one["defect"]), float(one["at"])) for row, one in found.items()}


def keep_proof(reports: Path, row: str, defect: str, at: float) -> None:
    write(reports / PROOFS, {**read(reports / PROOFS), row: {"defect": defect, "at": at}})


def left_open(reports: Path) -> str | None:
    """What a rehearsal left that was killed, in one sentence; the mark is removed. None if there is none."""
    path = reports / OPEN
    found = read(path)
    if not found or process_exists(int(found["pid"])):
        return None
    path.unlink(missing_ok=True)
    return (
        f"the rehearsal of process {found['pid']} was killed: its stores, instances and proxies ended with it,"
        f" nothing stands on Y (record: {found['directory']})"
    )


@contextmanager
def marked_open(reports: Path, directory: Path) -> Iterator[None]:
    """Leave a mark while a rehearsal runs, by which the next one knows that it was killed."""
    path = reports / OPEN
    write(path, {"pid": os.getpid(), "directory": str(directory)})
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
