"""Runs the checklist and the contract side by side, into one record with one verdict: `rig verify`."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from rig.checks import load_checks
from rig.checks.framework import CATCH_ALL
from rig.config import Settings
from rig.environment.stack_spec import level_of, stack_spec
from rig.errors import unknown
from rig.paths import shipped
from rig.record.lines.common import Weakness
from rig.record.sections import SECTIONS
from rig.report.words import plural
from rig.results.last_run import failed_of_last, tell_none
from rig.runs.checklist.pytest_process import WORKERS, run_features, workers_for
from rig.runs.checklist.run import prepare
from rig.runs.checklist.scenario_log import owed
from rig.runs.checklist.selection import items_of_replay, select_items
from rig.runs.common.replay import ITEM, replay_command
from rig.runs.common.scaffold import carry_out
from rig.runs.common.seeds import draw_random_seed
from rig.runs.common.session import RunPlan, Session
from rig.runs.contract.means import ALL, Means, means_of
from rig.runs.contract.plan import QUICK, ContractPlan, plan_contract
from rig.runs.contract.run import WALKS, judging_of, meta_of, start
from rig.runs.contract.told import tell_never_failed
from rig.runs.verify.accepted import read_accepted
from rig.runs.verify.coverage import tell_left_out
from rig.service.sentences import sentences
from rig.stack import StackSpec


@dataclass(frozen=True)
class Chosen:
    """What a run judges: items of the checklist, and sentences of the contract (None: no sentence was asked for)."""

    items: list[str]
    contract: ContractPlan | None

    @property
    def ids(self) -> list[str]:
        return [*self.items, *(self.contract.ids if self.contract else ())]


def run(
    settings: Settings, only: Sequence[str], full: bool = False, accept: Path | None = None, failed: bool = False
) -> int:
    """The whole command; its exit code. `accept`: a file of known deviations. `failed`: only what did not pass in the last run.

    UsageError for a word that names no item, sentence or section, and for a file that cannot be used.
    """
    if failed and not (only := failed_ids(settings.reports, only)):
        return 0
    spec, level = stack_spec(settings, Path(".")), level_of(settings)
    chosen = choose(only, level, full, means_of(spec))
    seed = draw_random_seed(settings.random_seed)
    words = ["rig", "verify", *(["--full"] * full), *(["--accept", str(accept)] if accept else [])]
    judging: dict[str, Any] = {"owed": owed(shipped("features"), chosen.items)} if chosen.items else {}
    if chosen.contract:
        judging |= judging_of(chosen.contract)
    if accept:
        judging["accepted"] = [to_builtins(one) for one in read_accepted(accept, known_ids())]
    counted = [plural(len(chosen.items), "item") + " of the checklist"] * bool(chosen.items)
    if chosen.contract:
        counted.append(plural(len(chosen.contract.judged), "sentence") + " of the contract")
    plan = RunPlan(
        "verify",
        chosen.ids,
        command=replay_command([*words, *(word for id in only for word in ("--only", id))], settings, seed),
        replay=replay_command([*words, "--only", ITEM], settings, seed),
        headline=f"{', '.join(counted)}, random seed {seed}",
        random_seed=seed,
        spec=spec,
        meta={"cadence": settings.cadence, **(meta_of(chosen.contract, spec) if chosen.contract else {})},
        judging=judging,
    )
    return carry_out(settings, plan, lambda session: work(session, settings, spec, chosen)).exit_code


def work(session: Session, settings: Settings, spec: StackSpec, chosen: Chosen) -> None:
    """Both at once, where the stores are the rig's own; given stores serve one after the other."""
    given = bool(spec.postgres or spec.valkey)
    one_by_one = given or settings.keep  # after a failure nothing else goes on
    if chosen.items:
        prepare(session, spec)
    pool = start(session, settings, spec, chosen.contract) if chosen.contract and not one_by_one else None
    if chosen.items:
        workers = workers_for(chosen.items, settings.workers or WORKERS, given)
        kept = run_features(session, spec, chosen.items, settings, workers)
        if kept and chosen.contract:
            text = "the contract was not tested: an item failed, and its stack was kept"
            session.recorder.add(Weakness(t=time.time(), text=text))
            return
    if chosen.contract:
        (pool or start(session, settings, spec, chosen.contract)).wait()
        tell_never_failed(session.recorder, chosen.contract)
        tell_left_out(session.recorder, chosen.items, chosen.contract)


def failed_ids(reports: Path, only: Sequence[str]) -> list[str]:
    """The items and sentences among these that did not pass in the last run. Says if there are none."""
    failed: list[str] = []
    for item in failed_of_last(reports, "verify"):
        failed += items_of_replay(item["replay"]) if item["id"] == CATCH_ALL else [item["id"]]
    words = {part.strip().upper() for text in only for part in text.split(",")}
    found = [id for id in dict.fromkeys(failed) if not words or {id, id.rpartition("-")[0]} & words]
    if failed and not found:
        tell_none("of those selected with --only")
    return found


def known_ids() -> set[str]:
    """The ids of all items and sentences."""
    return {*(id for id, check in load_checks().items() if check.section in SECTIONS), *sentences()}


def choose(only: Sequence[str], level: str, full: bool, means: Means = ALL) -> Chosen:
    """Everything when no word is given; of the contract the quick stages unless `full`. UsageError for a word that names nothing.

    `means`: what the run has to judge the contract with.
    """
    stages = () if full else QUICK
    if not only:
        return Chosen(select_items([]), plan_contract([], stages, WALKS, level=level, means=means))
    checks = load_checks()
    boxes = {*SECTIONS, *(id for id, check in checks.items() if check.section in SECTIONS)}
    known = sentences()
    of_contract = {*known, *(id.rpartition("-")[0] for id in known)}
    words = [part.strip().upper() for text in only for part in text.split(",")]
    for word in words:
        if word not in boxes | of_contract:
            raise unknown(
                "item, sentence or section",
                word,
                [*boxes, *of_contract],
                "`rig checklist --list` and `rig contract --list` list them",
            )
    own = [word for word in words if word in boxes]
    theirs = [word for word in words if word in of_contract]
    contract = plan_contract(theirs, stages, WALKS, level=level, means=means) if theirs else None
    return Chosen(select_items(own) if own else [], contract)
