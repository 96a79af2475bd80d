"""The process in which pytest runs the features: what it is told, and what it takes along."""

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rig import caller
from rig.checks.checklist.fault_conditions import FaultCondition
from rig.config import HANDED, INTERNAL_PREFIX, PLUGIN, Settings
from rig.environment.stack_spec import level_of
from rig.paths import shipped
from rig.record.lines.common import Broken
from rig.runs.checklist.progress import Progress
from rig.runs.common.kept import RELEASE
from rig.runs.common.session import Session
from rig.stack import StackSpec

WORKERS = 3  # most of their time passes in waits that the checklist prescribes


def workers_for(items: list[str], workers: int, external: bool) -> int:
    """A second worker pays when the boxes are spread over several sections; external services serve only one."""
    return 1 if external else min(workers, len({item.rsplit("-", 1)[0] for item in items}))


def handed_over(
    session: Session, spec: StackSpec, items: list[str], settings: Settings, under: FaultCondition | None = None
) -> str:
    """What the process that runs the features has to know, as JSON."""
    handed = {
        "run": str(session.directory.path.resolve()),
        "spec": spec_for_anywhere(spec),
        "cadence": settings.cadence,
        "random_seed": session.random_seed,
        "items": items,
        "keep": settings.keep,
        "ready_within_s": settings.ready_within_s,
        "schema": settings.schema and settings.schema.resolve(),
        "level": level_of(settings),
        "under": under and {"fault": under.fault, "persistent": under.persistent},
    }
    return json.dumps(handed, default=str)


def spec_for_anywhere(spec: StackSpec) -> dict[str, Any]:
    """As plain data, with absolute paths: the process that restores it is started in another directory than ours."""
    plain = {name: value for name, value in asdict(spec).items() if name != "logs"}
    if spec.attached is None:
        return {**plain, "sut_cwd": spec.directory().absolute(), "postgres_log": absolute(spec.postgres_log)}
    attached = {**plain["attached"], "log": absolute(spec.attached.log)}
    return {**plain, "attached": attached, "postgres_log": absolute(spec.postgres_log)}


def absolute(path: Path | None) -> Path | None:
    return path and path.absolute()


def run_features(
    session: Session,
    spec: StackSpec,
    items: list[str],
    settings: Settings,
    workers: int,
    under: FaultCondition | None = None,
) -> bool:
    """One pytest process below the supervisor; what it answers stands in the record, not in its output.

    Returns whether a stack was kept for the user after a failure, so that the run was cut short.
    """
    command = [sys.executable, "-m", "pytest", "features", "-p", "pytest_bdd.plugin", "-p", "xdist.plugin"]
    command += ["-p", "features.plugin", "-p", "no:cacheprovider", "-q", "--assert", "plain"]
    command += ["-p", os.environ[PLUGIN]] if PLUGIN in os.environ else []
    command += ["-c", str(shipped("features", "pytest.ini")), "--rootdir", str(shipped())]
    command += ["-n", str(workers), "--dist", "loadgroup"] if workers > 1 else ["-p", "no:xdist"]
    command += ["-x"] if settings.keep else []  # what comes after would change what is to be looked at
    handed_on = {
        **session.supervisor.environment,
        **{name: value for name, value in os.environ.items() if name.startswith(INTERNAL_PREFIX)},
        HANDED: handed_over(session, spec, items, settings, under),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # those of other packages cost seconds, and may do anything
        "PYTEST_DEBUG_TEMPROOT": str(session.supervisor.base),  # or pytest leaves a directory of its own behind
    }
    log = session.directory.logs / "pytest.log"
    process = session.supervisor.spawn(
        "pytest", command, env=caller.own(handed_on, engine=settings.mode == "docker"), cwd=shipped(), log=log
    )
    with Progress(session.directory, len(items)) as progress:
        try:
            while process.poll() is None:
                progress.look()
                time.sleep(0.1)
            progress.look()
        except KeyboardInterrupt:
            if not progress.kept:
                raise
            (session.directory.path / RELEASE).touch()  # the user has seen enough: an orderly end
            process.wait(30)
    code = process.poll()
    ran = any(b'"kind": "scenario"' in path.read_bytes() for path in session.directory.records())
    if code not in (0, 1) or not ran:  # 1: some scenario failed, which the record tells better
        tail = [line.split(" ", 1)[-1] for line in log.read_text().splitlines()[-12:]]
        session.recorder.add(Broken(t=time.time(), text=f"the feature runner ended with {code}: " + " / ".join(tail)))
    return progress.kept
