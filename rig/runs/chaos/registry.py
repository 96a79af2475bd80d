"""Finds the campaigns of `chaos/`, one file each, by name, profile or file."""

import importlib.util
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rig.errors import UsageError, unknown
from rig.faults.catalogue import faults
from rig.paths import shipped
from rig.results.forms import Results
from rig.results.last_run import AGAIN, judged_runs, no_runs, tell_none
from rig.runs.chaos.campaign import CI, FULL, WITHOUT_SEED, Campaign, Phases, restored_campaign
from rig.runs.chaos.schedule import PlannedFault

DIRECTORY = shipped("chaos")
SHRUNK = "shrunk"  # the name of the campaigns that `rig chaos shrink` tries


def from_file(path: Path) -> Campaign:
    """A campaign that is kept as JSON: by `rig chaos shrink`, or written by hand."""
    try:
        plain = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"--schedule {str(path)!r} cannot be read as JSON: {error}") from None
    return replace(restored_campaign(plain), replay=("--schedule", str(path)))


def campaigns(directory: Path = DIRECTORY) -> dict[str, Campaign]:
    """All campaigns by name. ValueError names a file that declares none, or one of another name than its file's."""
    by_name = {}
    for path in sorted(directory.glob("*.py")):
        if path.stem.startswith("_"):
            continue
        campaign = load(path)
        if campaign.name != path.stem:
            raise ValueError(f"{path} declares campaign {campaign.name!r}: name it after its file")
        by_name[campaign.name] = campaign
    return by_name


def load(path: Path) -> Campaign:
    """The campaign of one file, run by its path: nothing imports `chaos`."""
    spec = importlib.util.spec_from_file_location(f"campaign_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    campaign = getattr(module, "CAMPAIGN", None)
    if not isinstance(campaign, Campaign):
        raise ValueError(f"{path} declares no CAMPAIGN")
    return campaign


def alone(name: str) -> Campaign:
    """One fault of the catalogue by itself. UsageError names near ones."""
    strike = PlannedFault(0.0, name, for_s=Phases().fault_s)
    fault = strike.made()
    return Campaign(
        name=fault.name.replace(" ", "-").replace(",", ""),
        shows=f"{fault.shows}: no promise is broken",
        strikes=(strike,),
        instances=fault.instances,
        cadences=WITHOUT_SEED,
        replay=("--fault", name),
    )


def of_profile(profile: str, directory: Path = DIRECTORY) -> list[Campaign]:
    """`ci`: what says so; `full`: all, and every fault of the catalogue by itself."""
    chosen = list(campaigns(directory).values())
    if profile == CI:
        return [campaign for campaign in chosen if CI in campaign.profiles]
    if profile != FULL:
        raise unknown("profile", profile, (CI, FULL))
    return [*chosen, *(alone(name) for name in faults())]


def select(wanted: Iterable[str], directory: Path = DIRECTORY) -> list[Campaign]:
    """Those named, in that order, each once; all for none. UsageError names the known ones."""
    known = campaigns(directory)
    names = list(dict.fromkeys(wanted)) or list(known)
    for name in names:
        if name not in known:
            raise unknown("campaign", name, known, "`rig chaos --list` lists them" if known else "")
    return [known[name] for name in names]


def failed_campaigns(reports: Path, directory: Path = DIRECTORY) -> list[Campaign]:
    """Each campaign that did not pass when it last ran, as it is declared now, or else as its record has it.

    Says if there is none. Raises UsageError when no campaign was run.
    """
    last: dict[tuple[str, ...], Results] = {}
    for _, results in judged_runs(reports, "chaos"):
        campaign = results["campaign"]
        if campaign["name"] != SHRUNK:
            last[(campaign["name"], *campaign["replay"])] = results
    if not last:
        raise no_runs(reports, "chaos")
    known = campaigns(directory)
    failed = [results["campaign"] for results in last.values() if results["verdict"] in AGAIN]
    if not failed:
        tell_none("when its campaign last ran")
    return [
        known[plain["name"]] if plain["name"] in known and not plain["replay"] else restored_campaign(plain)
        for plain in failed
    ]
