"""Runs the checklist: features through pytest on one or two workers, then verdicts and a report."""

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rig import caller
from rig.checks import load_checks
from rig.config import HANDED, INTERNAL_PREFIX, PLUGIN, Settings
from rig.environment.stack_spec import level_of, mapped_schema, stack_spec
from rig.errors import UsageError
from rig.faults.catalogue import fault_named
from rig.paths import CHECKOUT
from rig.record.sections import SECTIONS
from rig.record.verdict import EXIT_INTERRUPTED
from rig.runs.checklist.progress import Progress
from rig.runs.checklist.scenario_log import owed
from rig.runs.common.replay import ITEM, replay_command
from rig.runs.common.run_facts import run_facts, tell_lacks
from rig.runs.common.session import Session, conclude, draw_random_seed, run_session
from rig.stack import StackSpec
from rig.stack.embedded.toxiproxy_binary import toxiproxy_binary

if TYPE_CHECKING:
    from rig.runs.checklist.fault_matrix import Under

WORKERS = 3  # most of their time passes in waits that the checklist prescribes
RELEASE = "release"  # the file by which the driver lets kept stacks go


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


def run(settings: Settings, only: list[str]) -> int:
    """The whole command; returns its exit code. UsageError for what can't be run at all."""
    results, interrupted = run_once(settings, only, draw_random_seed(settings.random_seed))
    return EXIT_INTERRUPTED if interrupted else int(results["exit_code"])


def run_once(
    settings: Settings, only: list[str], seed: int, under: "Under | None" = None
) -> tuple[dict[str, Any], bool]:
    """One run of the checklist with this random seed: its results, printed too, and whether Ctrl-C ended it.

    `under`: a fault that strikes before each scenario.
    """
    from rig.report import print_summary

    items = select_items(only)
    spec = stack_spec(settings, Path("."))
    if under is not None and "a proxy before postgres" in fault_named(under.fault).needs:
        spec = replace(spec, truth_proxied=True)
    mapped_schema(settings)
    on = run_facts(settings, spec)
    print(f"random seed {seed}", flush=True)
    tell_lacks(on)
    replay, meta = told_of(settings, on, only, seed, under)
    workers = workers_for(items, settings.workers or WORKERS, bool(spec.postgres or spec.valkey))
    plan = {"owed": owed(CHECKOUT / "features", items)}
    with run_session("checklist", settings.reports, seed, items=items, replay=replay, meta=meta, plan=plan) as session:
        if not (spec.toxiproxy or spec.attached):
            toxiproxy_binary(session.supervisor)  # here, so that whoever waits for its build sees it
        run_features(session, spec, items, settings, workers, under)
    results = conclude(session.directory)
    print_summary(results, session.directory)
    return {**results, "directory": str(session.directory.path)}, session.interrupted


def told_of(
    settings: Settings, on: Mapping[str, Any], only: list[str], seed: int, under: "Under | None" = None
) -> tuple[str, dict[str, Any]]:
    """The command that answers one box again, with ITEM in it, and what the run's meta data say; `on`: of what it is made on."""
    words = ["rig", "checklist"] if under is None else ["rig", "chaos", "matrix", "--class", under.name]
    meta = {
        "command": replay_command([*words, *only_words(only)], settings, seed),
        "cadence": settings.cadence,
        "level": level_of(settings),
        "schema": settings.schema and str(settings.schema),
        "strict": settings.strict,
        **on,
        **({} if under is None else {"under": under.fault}),
    }
    return replay_command([*words, "--only", ITEM], settings, seed), meta


def only_words(only: Sequence[str]) -> list[str]:
    """The boxes asked for, as they are asked for again."""
    return ["--only", ",".join(only)] if only else []


def workers_for(items: list[str], workers: int, external: bool) -> int:
    """A second worker pays when the boxes are spread over several sections; external services serve only one."""
    return 1 if external else min(workers, len({item.rsplit("-", 1)[0] for item in items}))


def handed_over(
    session: Session, spec: StackSpec, items: list[str], settings: Settings, under: "Under | None" = None
) -> str:
    """What the process that runs the features has to know, as JSON."""
    handed = {
        "run": str(session.directory.path.resolve()),
        "spec": {**{name: value for name, value in asdict(spec).items() if name != "logs"}},
        "cadence": settings.cadence,
        "random_seed": session.random_seed,
        "items": items,
        "keep": settings.keep,
        "ready_within_s": settings.ready_within_s,
        "schema": settings.schema and settings.schema.resolve(),
        "level": level_of(settings),
        "under": under and {"fault": under.fault, "stays": under.stays},
    }
    return json.dumps(handed, default=str)


def run_features(
    session: Session, spec: StackSpec, items: list[str], settings: Settings, workers: int, under: "Under | None" = None
) -> None:
    """One pytest process below the supervisor; what it answers stands in the record, not in its output."""
    command = [sys.executable, "-m", "pytest", "features", "-p", "pytest_bdd.plugin", "-p", "xdist.plugin"]
    command += ["-p", "features.plugin", "-p", "no:cacheprovider", "-q", "--assert", "plain"]
    command += ["-p", os.environ[PLUGIN]] if PLUGIN in os.environ else []
    command += ["-c", str(CHECKOUT / "features" / "pytest.ini"), "--rootdir", str(CHECKOUT)]
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
        "pytest", command, env=caller.own(handed_on, engine=settings.mode == "docker"), cwd=CHECKOUT, log=log
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
        session.recorder.write("broken", text=f"the feature runner ended with {code}: " + " / ".join(tail))
