"""Holds a server against docs/contract.md: `rig contract`."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from typer import echo

from rig.checks.contract.probes import load_probe_checks
from rig.checks.contract.replay import Followed
from rig.checks.contract.sentences import sentences
from rig.config import Settings
from rig.environment.cadence import Cadence
from rig.environment.stack_spec import level_of, mapped_schema, stack_spec
from rig.environment.testbed import Testbed
from rig.record.lines.common import Weakness
from rig.record.verdict import EXIT_INTERRUPTED
from rig.runs.common.conclude import conclude
from rig.runs.common.failures import Exits, keep_logs, rescued
from rig.runs.common.replay import ITEM, replay_command
from rig.runs.common.run_facts import run_facts, tell_lacks
from rig.runs.common.seeds import draw_random_seed
from rig.runs.common.session import Session, run_session
from rig.runs.contract.cases import every
from rig.runs.contract.driver import Driver
from rig.runs.contract.pairs import Player
from rig.runs.contract.plan import Plan, plan, tested_by, ways_of
from rig.runs.contract.probing import run_probe
from rig.runs.contract.walks import Walker, drawn
from rig.stack import open_stack

GOODBYE_S = 30  # long enough for a batch of chats whose time is up
TOKEN_S = 900
INSTANCES = ("a", "b")
WALKS = 20


def list_sentences() -> int:
    """Print each sentence of the contract with what judges it."""
    judged_by: dict[str, list[str]] = {}
    for id in {id for case in every() for id in tested_by(case)}:
        judged_by.setdefault(id, []).append("pairs, walks")
    for probe in load_probe_checks().values():
        for id in probe.sentences:
            judged_by.setdefault(id, []).append(f"probe {probe.probe}")
    for one in sentences().values():
        level = " (hardened)" if one.hardened else ""
        echo(f"{one.id}{level}: {one.text}")
        echo(f"  judged by: {'; '.join(judged_by.get(one.id, ['nothing yet']))}")
    return 0


def run(
    settings: Settings, only: Sequence[str], stages: Sequence[str], walks: int = WALKS, *, full: bool = False
) -> int:
    """The whole command; its exit code. UsageError for what cannot be run at all."""
    from rig.report import print_summary

    level = level_of(settings)
    planned = plan(only, stages, walks, full=full, level=level)
    mapped_schema(settings)
    seed = draw_random_seed(settings.random_seed)
    words = ["rig", "contract", *(word for stage in stages for word in ("--stage", stage)), *["--full"] * full]
    replay = replay_command([*words, *(word for id in only for word in ("--only", id))], settings, seed)
    again = replay_command([*words, "--only", ITEM], settings, seed)
    facts = run_facts(settings, stack_spec(settings, Path(".")))
    tell_lacks(facts)
    meta = {
        "command": replay, "level": level, "strict": settings.strict, "goodbye_s": GOODBYE_S, "token_s": TOKEN_S,
        "schema": settings.schema and str(settings.schema), **facts,
    }  # fmt: skip
    items = [one.id for one in planned.judged]
    details = {
        "scenario": "contract",
        "bounds": {id: {} for id in items},
        "sentences": [asdict(one) for one in planned.judged],
    }
    with run_session("contract", settings.reports, seed, items=items, replay=again, meta=meta, plan=details) as session:
        with rescued(session.recorder):
            play(session, settings, planned)
    results = conclude(session.directory)
    print_summary(results, session.directory)
    return EXIT_INTERRUPTED if session.interrupted else int(results["exit_code"])


def play(session: Session, settings: Settings, planned: Plan) -> None:
    """From an empty stack to the last look. What goes wrong comes out as an exception."""
    recorder = session.recorder
    if planned.left_out:
        text = f"{len(planned.left_out)} of the {len(sentences())} sentences are not judged by this run: see rig contract --list"
        recorder.add(Weakness(t=time.time(), text=text))
    spec = replace(stack_spec(settings, Path(".")), logs=session.directory.logs.resolve())
    with open_stack(spec, session.supervisor, "contract") as stack:
        bed = Testbed(
            stack, recorder, Cadence("fast"), session.random_seed, settings.ready_within_s, mapped_schema(settings)
        )
        exits = Exits(bed)
        try:
            with rescued(recorder, exits):
                stages(bed, planned, session.random_seed)
        finally:
            keep_logs(bed)
            bed.close()


def stages(bed: Testbed, planned: Plan, seed: int) -> None:
    """Pairs, walks and probes, one after the other on one stack."""
    followed = Followed()
    bed.ready(bed.environment_for(goodbye=GOODBYE_S), INSTANCES)
    driver = Driver(bed, GOODBYE_S, TOKEN_S, followed)
    if planned.cases:
        echo(f"  pairs: {sum(len(case.tries) for case in planned.cases)} cases")
        Player(driver).play(ways_of(planned.cases))
    if planned.walks:
        echo(f"  walks: {planned.walks}")
        take_walks(driver, planned.walks, seed)
    for probe in planned.probes:
        echo(f"  probe {probe.name}")
        run_probe(bed, probe)


def take_walks(driver: Driver, count: int, seed: int) -> None:
    """Each on empty stores; one that fails is made as short as it can be, and printed."""
    walker = Walker(driver)
    for number in range(1, count + 1):
        moves = drawn(f"{seed}/{number}", INSTANCES)
        found = walker.walk(f"walk {number}", moves)
        if not found:
            continue
        echo(f"  walk {number} broke {found[0].sentence}: {found[0].message}")
        shorter = walker.shrunk(f"walk {number}", moves, found[0].sentence)
        if shorter:
            echo(f"  the shortest that breaks it has {len(shorter.moves)} steps: {shorter.findings[0].message}")
