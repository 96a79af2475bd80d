"""Where a run is kept: `reports/<kind>-<time>-<random seed>/`, with `reports/latest` pointing to the newest."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rig.record.archive import archived_run
from rig.record.lines import RECORD_VERSION

PARTS = "parts"  # below a run: the runs that it consists of


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run. `run.json` and `record-*.jsonl` are observed; all others are derived from them."""

    path: Path

    @property
    def meta(self) -> Path:
        return self.path / "run.json"

    @property
    def results(self) -> Path:
        return self.path / "results.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def records(self) -> list[Path]:
        return sorted(self.path.glob("record-*.jsonl"))

    def part(self, name: str) -> "RunDirectory":
        """The directory of a part of this run, which may not be there."""
        return RunDirectory(self.path / PARTS / name)


def new_run(root: Path, kind: str, random_seed: int, meta: Mapping[str, object]) -> RunDirectory:
    """Make the directory of a run that starts now and write its `run.json`.

    `meta` is plain JSON: command, cadence, level, stack, versions. Raises FileExistsError never: a
    second run in the same second with the same random seed gets a numbered name.
    """
    started = datetime.now(UTC)
    name = f"{kind}-{started:%Y%m%dT%H%M%SZ}-{random_seed}"
    root.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, 100):
        path = root / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            path.mkdir()
            break
        except FileExistsError:
            continue
    directory = begin(path, kind, random_seed, started, meta)
    point_latest(root, path)
    return directory


def new_part(run: RunDirectory, name: str, kind: str, random_seed: int, meta: Mapping[str, object]) -> RunDirectory:
    """Make the directory of a part of a run and write its `run.json`; see `new_run`. FileExistsError for a second one."""
    path = run.part(name).path
    path.mkdir(parents=True)
    return begin(path, kind, random_seed, datetime.now(UTC), meta)


def begin(path: Path, kind: str, random_seed: int, started: datetime, meta: Mapping[str, object]) -> RunDirectory:
    """Fill a new directory with what every run has from the start."""
    directory = RunDirectory(path)
    directory.logs.mkdir()
    facts = {
        "kind": kind,
        "record_version": RECORD_VERSION,
        "random_seed": random_seed,
        "started": started.timestamp(),
        **meta,
    }
    directory.meta.write_text(json.dumps(facts, indent=2) + "\n")
    return directory


def point_latest(root: Path, path: Path) -> None:
    """Move `latest` to this run in one step, so that a reader never finds it missing."""
    temporary = root / f".latest-{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(path.name)
    temporary.replace(root / "latest")


def resolve_run(root: Path, name: str) -> RunDirectory:
    """A run by path, by its name below `root` (`latest` included), or in an archive (`ARCHIVE`, `ARCHIVE/RUN`).

    FileNotFoundError says what was looked for, ValueError that an archive cannot be read.
    """
    if (inside := archived_run(root, name)) is not None:
        return RunDirectory(inside.resolve())
    for path in (Path(name), root / name):
        if (path / "run.json").is_file():
            return RunDirectory(path.resolve())
    raise FileNotFoundError(
        f"no run at {name!r} or {root / name} (a run directory holds a run.json, an archive one or more of them)"
    )
