"""From a failed campaign to a smaller one that still fails: the fewest faults, each as short as may be."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from typer import echo

from rig.config import Settings
from rig.errors import UsageError
from rig.record import Run, Verdict, resolve_run
from rig.runs.chaos.campaign import Campaign, restored_campaign
from rig.runs.chaos.registry import SHRUNK
from rig.runs.chaos.run import run_one
from rig.runs.chaos.schedule import PlannedFault, length_s
from rig.runs.common.replay import replay_command

TRIES, NEEDED = 3, 2
SHORTEST_S = 1.0
LEAD_S = 1.0  # before the first fault that is left


def run(settings: Settings, name: str) -> int:
    """Exit code 0 when a schedule is told that fails again, 2 when the failure did not come back."""
    try:
        failed_run = Run.load(resolve_run(settings.reports, name))
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(f"cannot shrink {name!r}: {error}") from None
    if "campaign" not in failed_run.meta:
        raise UsageError(f"{name} is no chaos run: name one that `rig chaos` has kept")
    failed = failed_items(json.loads(failed_run.directory.results.read_text()))
    if not failed:
        raise UsageError(f"no check failed in {name}: there is nothing to shrink")
    campaign = restored_campaign(failed_run.meta["campaign"])
    repeated = settings.model_copy(update={"random_seed": failed_run.meta["random_seed"]})
    runs: list[Path] = []
    tried: list[Path] = []  # the schedule of each try, which its runs are replayed from

    def fails(strikes: Sequence[PlannedFault]) -> bool:
        tried.append(failed_run.directory.path / f"shrunk-{len(tried) + 1}.json")
        return fails_again(repeated, save_campaign(tried[-1], reduced_campaign(campaign, strikes)), failed, runs)

    echo(f"{len(campaign.strikes)} faults; failed: {', '.join(sorted(failed))}")
    if not fails(campaign.strikes):
        echo(f"it failed in fewer than {NEEDED} of {TRIES} runs: inconclusive, nothing was left out")
        return 2
    strikes = shortened(fewer(campaign.strikes, fails), fails)
    shrunk = reduced_campaign(campaign, strikes)
    kept = runs[-1] / "schedule.json"
    save_campaign(kept, shrunk)
    for strike in shrunk.strikes:
        echo(f"  {strike.at_s:6.1f} s  {strike.fault} for {length_s(strike):g} s, at {', '.join(strike.hit) or 'all'}")
    again = replay_command(["rig", "chaos", "--schedule", str(kept)], settings, failed_run.meta["random_seed"])
    echo(f"replay       {again}")
    return 0


def failed_items(results: dict[str, Any]) -> set[str]:
    return {item["id"] for item in results["items"] if item["verdict"] == Verdict.FAILED}


def fails_again(settings: Settings, campaign: Campaign, failed: set[str], runs: list[Path]) -> bool:
    """Whether one of the same checks fails in NEEDED of TRIES runs; no run that can't change that any more."""
    hits = 0
    for turn in range(TRIES):
        if hits + TRIES - turn < NEEDED:
            break
        finished = run_one(settings, campaign)
        if finished.interrupted:
            raise KeyboardInterrupt
        if failed & failed_items(finished.results):
            hits += 1
            runs.append(finished.directory.path)
        if hits == NEEDED:
            return True
    return False


Fails = Callable[[Sequence[PlannedFault]], bool]


def fewer(strikes: Sequence[PlannedFault], fails: Fails) -> tuple[PlannedFault, ...]:
    """Zeller's delta debugging, by leaving out: halves first, then ever smaller parts, at last single ones."""
    kept, parts = tuple(strikes), 2
    while len(kept) > 1:
        size = -(-len(kept) // parts)
        for start in range(0, len(kept), size):
            rest = kept[:start] + kept[start + size :]
            if rest and fails(rest):
                kept, parts = rest, max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(len(kept), parts * 2)
    return kept


def shortened(strikes: Sequence[PlannedFault], fails: Fails) -> tuple[PlannedFault, ...]:
    """Each half as long, once, where that still fails."""
    kept = tuple(strikes)
    for number, strike in enumerate(kept):
        if strike.made().lasts_s is None and strike.for_s / 2 >= SHORTEST_S:
            tried = (*kept[:number], replace(strike, for_s=round(strike.for_s / 2, 1)), *kept[number + 1 :])
            kept = tried if fails(tried) else kept
    return kept


def reduced_campaign(campaign: Campaign, strikes: Sequence[PlannedFault]) -> Campaign:
    """The same campaign with these faults alone, without the time before the first of them."""
    early = max(0.0, min(strike.at_s for strike in strikes) - LEAD_S)
    moved = tuple(replace(strike, at_s=round(strike.at_s - early, 1)) for strike in strikes)
    until = max(strike.at_s + length_s(strike) for strike in moved)
    phases = replace(campaign.phases, fault_s=min(campaign.phases.fault_s, until + LEAD_S))
    return replace(campaign, name=SHRUNK, strikes=moved, phases=phases)


def save_campaign(file: Path, campaign: Campaign) -> Campaign:
    """The campaign, now kept as JSON where its replay finds it."""
    file.write_text(json.dumps(campaign.plain(), indent=1) + "\n")
    return replace(campaign, replay=("--schedule", str(file)))
