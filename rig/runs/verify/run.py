"""Runs checklist, contract, campaigns and a load into one run with one verdict: `rig verify`."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from rig.config import Settings
from rig.environment.stack_spec import level_of, stack_spec
from rig.errors import UsageError
from rig.paths import shipped
from rig.record.lines.common import Weakness
from rig.report.words import plural
from rig.runs.checklist.pytest_process import WORKERS, run_features, workers_for
from rig.runs.checklist.run import prepare
from rig.runs.checklist.scenario_log import owed
from rig.runs.common.replay import ITEM, replay_command
from rig.runs.common.scaffold import carry_out
from rig.runs.common.seeds import draw_random_seed
from rig.runs.common.session import RunPlan, Session
from rig.runs.contract.means import means_of
from rig.runs.contract.run import judging_of, meta_of, start
from rig.runs.contract.told import tell_never_failed
from rig.runs.verify.accepted import read_accepted
from rig.runs.verify.choice import Chosen, choose, failed_ids, known_ids, more_by_full
from rig.runs.verify.coverage import tell_left_out
from rig.runs.verify.part_processes import run_parts
from rig.runs.verify.parts import LOAD, Part, parts_of
from rig.stack import StackSpec

CAMPAIGNS = 2  # at a time: most of a campaign passes in waits


def run(
    settings: Settings, only: Sequence[str], full: bool = False, accept: Path | None = None, failed: bool = False
) -> int:
    """The whole command; its exit code. `accept`: a file of known deviations. `failed`: only what did not pass in the last run.

    UsageError for a word that names no item, sentence, campaign, claim or section, and for a file that cannot be used.
    """
    if failed and not (only := failed_ids(settings.reports, only)):
        return 0
    spec, level = stack_spec(settings, Path(".")), level_of(settings)
    chosen = choose(only, level, full, means_of(spec))
    if spec.attached and (chosen.campaigns or chosen.claims):
        raise UsageError("campaigns and loads need servers that the rig starts: leave out --full and their names")
    seed = draw_random_seed(settings.random_seed)
    parts = parts_of(settings, chosen, seed)
    words = ["rig", "verify", *(["--full"] * full), *(["--accept", str(accept)] if accept else [])]
    judging: dict[str, Any] = {"owed": owed(shipped("features"), chosen.items)} if chosen.items else {}
    if chosen.contract:
        judging |= judging_of(chosen.contract)
    if accept:
        judging["accepted"] = [to_builtins(one) for one in read_accepted(accept, known_ids())]
    plan = RunPlan(
        "verify",
        chosen.ids,
        command=replay_command([*words, *(word for id in only for word in ("--only", id))], settings, seed),
        replay=replay_command([*words, "--only", ITEM], settings, seed),
        headline=f"{', '.join(counted(chosen, parts))}, random seed {seed}",
        random_seed=seed,
        spec=spec,
        meta=meta_of_all(settings, chosen, spec, more_by_full(level, chosen) if not (full or only) else ""),
        judging={**judging, "parts": [to_builtins(part.planned()) for part in parts]},
    )
    return carry_out(settings, plan, lambda session: work(session, settings, spec, chosen, parts)).exit_code


def meta_of_all(settings: Settings, chosen: Chosen, spec: StackSpec, more: str) -> dict[str, Any]:
    """What `run.json` says of the plan. `more`: what a longer run would judge besides."""
    of_contract = meta_of(chosen.contract, spec) if chosen.contract else {}
    return {"cadence": settings.cadence, **of_contract, **({"more_by_full": more} if more else {})}


def counted(chosen: Chosen, parts: Sequence[Part]) -> list[str]:
    """How many there are of each kind that is judged, for the first line of the output."""
    claims = sum(len(part.plan.items) for part in parts if part.name == LOAD)
    numbers = {
        "item of the checklist": len(chosen.items),
        "sentence of the contract": len(chosen.contract.judged) if chosen.contract else 0,
        "campaign": len(chosen.campaigns),
        "claim": claims,
    }
    return [plural(number, *both_forms(noun)) for noun, number in numbers.items() if number]


def both_forms(noun: str) -> tuple[str, str]:
    """Singular and plural of a noun, of which only the first word changes."""
    first, space, rest = noun.partition(" ")
    return noun, f"{first}s{space}{rest}"


def work(session: Session, settings: Settings, spec: StackSpec, chosen: Chosen, parts: Sequence[Part]) -> None:
    """Checklist and contract at once, then the campaigns, two at a time, then the load alone: it measures costs.

    On given stores all run one after the other.
    """
    given = bool(spec.postgres or spec.valkey)
    one_by_one = given or settings.keep  # after a failure nothing else goes on
    if chosen.items or parts:
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
    campaigns = [part for part in parts if part.name != LOAD]
    if campaigns:
        run_parts(
            session, settings, campaigns, 1 if given else min(settings.workers or CAMPAIGNS, CAMPAIGNS), "campaigns"
        )
    for part in parts:
        if part.name == LOAD:
            run_parts(session, settings, [part], 1, "load")
