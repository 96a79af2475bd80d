"""Tests a server against docs/contract.md: `rig contract`."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rig.checks.contract.coverage import counted
from rig.config import Settings
from rig.environment.stack_spec import level_of, stack_spec
from rig.record.lines.common import Weakness
from rig.report.words import plural
from rig.results.last_run import failed_of_last, tell_none
from rig.runs.common.replay import ITEM, replay_command
from rig.runs.common.scaffold import carry_out
from rig.runs.common.seeds import draw_random_seed
from rig.runs.common.session import RunPlan, Session
from rig.runs.contract.jobs import Pool, jobs_of
from rig.runs.contract.means import means_of
from rig.runs.contract.plan import TOKEN_S, ContractPlan, chosen, goodbye_window_s, plan_contract
from rig.runs.contract.told import tell_never_failed
from rig.service.sentences import sentences
from rig.stack import StackSpec

WALKS = 20
WORKERS = 2  # each has a stack of its own; much of their time passes in waits


def run(
    settings: Settings, only: Sequence[str], stages: Sequence[str], walks: int = WALKS, failed: bool = False
) -> int:
    """The whole command; its exit code. UsageError for a sentence or stage that does not exist.

    `failed`: of these sentences only those that did not pass in the last run.
    """
    if failed and not (only := failed_sentences(settings.reports, only)):
        return 0
    level, spec = level_of(settings), stack_spec(settings, Path("."), stores_needed=False)
    planned = plan_contract(only, stages, walks, level=level, means=means_of(spec))
    seed = draw_random_seed(settings.random_seed)
    words = ["rig", "contract", *(word for stage in stages for word in ("--stage", stage))]
    words += ["--walks", str(walks)] * (walks != WALKS)
    judged = plural(len(planned.judged), "sentence")
    plan = RunPlan(
        "contract",
        planned.ids,
        command=replay_command([*words, *(word for id in only for word in ("--only", id))], settings, seed),
        replay=replay_command([*words, "--only", ITEM], settings, seed),
        headline=f"{judged} of the contract, random seed {seed}",
        random_seed=seed,
        spec=spec,
        meta=meta_of(planned, spec),
        judging=judging_of(planned),
    )

    def work(session: Session) -> None:
        if left := len(planned.left_out):
            text = f"this run does not judge {left} of {len(sentences())} sentences: see rig contract --list"
            session.recorder.add(Weakness(t=time.time(), text=text))
        tell_never_failed(session.recorder, planned)
        start(session, settings, spec, planned).wait()

    return carry_out(settings, plan, work).exit_code


def failed_sentences(reports: Path, only: Sequence[str]) -> list[str]:
    """The sentences among these that did not pass in the last run. Says if there are none."""
    wanted = chosen(only, sentences())
    failed = [item["id"] for item in failed_of_last(reports, "contract")]
    found = [id for id in failed if id in wanted]
    if failed and not found:
        tell_none("of those selected with --only")
    return found


def meta_of(planned: ContractPlan, spec: StackSpec) -> dict[str, Any]:
    """What `run.json` says of the plan, with what judging has to know."""
    told = {"goodbye_s": goodbye_window_s(spec), "token_s": TOKEN_S}
    return {**told, "pairs": counted(name for case in planned.cases for name in case.names)}


def judging_of(planned: ContractPlan) -> dict[str, Any]:
    """What the record's plan says of the sentences that are judged."""
    return {
        "scenario": "contract",
        "bounds": {id: {} for id in planned.ids},
        "sentences": [
            *(asdict(one) for one in planned.judged),
            *({**asdict(one), "lacks": why} for one, why in planned.skipped),
        ],
    }


def start(session: Session, settings: Settings, spec: StackSpec, planned: ContractPlan) -> Pool:
    """Begin the run; it goes on by itself until the pool is waited for."""
    single = bool(spec.postgres or spec.valkey or spec.attached)
    single |= settings.keep  # what is kept after a failure is then the only stack
    return Pool(session, settings, spec, jobs_of(planned), 1 if single else settings.workers or WORKERS)
