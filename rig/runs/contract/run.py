"""Tests a server against docs/contract.md: `rig contract`."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from typer import echo

from rig.checks.contract.coverage import counted
from rig.checks.contract.probes import load_probe_checks
from rig.config import Settings
from rig.environment.stack_spec import level_of, stack_spec
from rig.record.lines.common import Weakness
from rig.runs.common.replay import ITEM, replay_command
from rig.runs.common.scaffold import carry_out
from rig.runs.common.seeds import draw_random_seed
from rig.runs.common.session import RunPlan, Session
from rig.runs.contract.cases import every
from rig.runs.contract.jobs import Pool, jobs_of
from rig.runs.contract.plan import META, ContractPlan, plan_contract, sentences_of
from rig.service.sentences import sentences
from rig.stack import StackSpec

WALKS = 20
WORKERS = 2  # each has a stack of its own; much of their time passes in waits


def list_sentences() -> int:
    """Print each sentence of the contract with what judges it."""
    judged_by: dict[str, list[str]] = {}
    for id in {id for case in every() for id in sentences_of(case)}:
        judged_by.setdefault(id, []).append("pairs, walks")
    for probe in load_probe_checks().values():
        for id in probe.sentences:
            judged_by.setdefault(id, []).append(f"probe {probe.probe}")
    for one in sentences().values():
        level = " (hardened)" if one.hardened else ""
        echo(f"{one.id}{level}: {one.text}")
        echo(f"  judged by: {'; '.join(judged_by.get(one.id, ['nothing in this run']))}")
    return 0


def run(settings: Settings, only: Sequence[str], stages: Sequence[str], walks: int = WALKS) -> int:
    """The whole command; its exit code. UsageError for a sentence or stage that does not exist."""
    level, spec = level_of(settings), stack_spec(settings, Path("."))
    planned = plan_contract(only, stages, walks, level=level)
    seed = draw_random_seed(settings.random_seed)
    words = ["rig", "contract", *(word for stage in stages for word in ("--stage", stage))]
    words += ["--walks", str(walks)] * (walks != WALKS)
    items = [one.id for one in planned.judged]
    plan = RunPlan(
        "contract",
        items,
        command=replay_command([*words, *(word for id in only for word in ("--only", id))], settings, seed),
        replay=replay_command([*words, "--only", ITEM], settings, seed),
        headline=f"{len(items)} {'sentence' if len(items) == 1 else 'sentences'} of the contract, random seed {seed}",
        random_seed=seed,
        spec=spec,
        meta=meta_of(planned),
        judging=judging_of(planned),
    )

    def work(session: Session) -> None:
        if left := len(planned.left_out):
            text = f"this run does not judge {left} of {len(sentences())} sentences: see rig contract --list"
            session.recorder.add(Weakness(t=time.time(), text=text))
        start(session, settings, spec, planned).wait()

    return carry_out(settings, plan, work).exit_code


def meta_of(planned: ContractPlan) -> dict[str, Any]:
    """What `run.json` says of the plan."""
    return {**META, "pairs": counted(name for case in planned.cases for name in case.names)}


def judging_of(planned: ContractPlan) -> dict[str, Any]:
    """What the record's plan says of the sentences that are judged."""
    return {
        "scenario": "contract",
        "bounds": {one.id: {} for one in planned.judged},
        "sentences": [asdict(one) for one in planned.judged],
    }


def start(session: Session, settings: Settings, spec: StackSpec, planned: ContractPlan) -> Pool:
    """Begin the run; it goes on by itself until the pool is waited for."""
    given = spec.postgres or spec.valkey
    return Pool(session, settings, spec, jobs_of(planned), 1 if given else settings.workers or WORKERS)
