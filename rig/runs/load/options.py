"""Turns the options of `rig load` into a run, and refuses contradictions."""

from dataclasses import fields
from typing import Any

from typer import echo

from rig.config import Settings
from rig.errors import UsageError, unknown
from rig.runs.common.replay import number
from rig.runs.load import run as load
from rig.runs.load.plan import LoadOptions
from rig.traffic.load.schedule import SHAPES, LoadProfile

OF_THE_PACE = {one.name for one in fields(LoadProfile)}
FLAGS = {
    "ping_every_s": "--ping-every",
    "storm_peak": "--storm",
    "warm_up_s": "--warm-up",
    "expect": "--expect-workers",
}


def run(settings: Settings, **given: Any) -> int:
    """UsageError for options that contradict each other."""
    options = options_of(settings, **given)
    return load.run(settings, options, replay_words(options))


def options_of(settings: Settings, **given: Any) -> LoadOptions:
    if given["storm_shape"] not in SHAPES:
        raise unknown("storm shape", given["storm_shape"], SHAPES)
    if given["processes"] > 1 and (given["workers"] or given["expect"]):
        raise UsageError("--processes makes workers of its own: leave it out beside --workers and --expect-workers")
    if settings.base_url:
        raise UsageError("rig load starts the server itself, with the mirror and without: give --sut, not --base-url")
    if given["chats"] > given["mitras"]:
        raise UsageError(f"--chats {given['chats']}: each takes a mitra of its own, and there are {given['mitras']}")
    if settings.postgres:
        given |= adapted(settings)
    pace = LoadProfile(**{name: value for name, value in given.items() if name in OF_THE_PACE})
    return LoadOptions(pace, **{name: value for name, value in given.items() if name not in OF_THE_PACE})


def adapted(settings: Settings) -> dict[str, Any]:
    """Restrict a load on an external Postgres: there is only one arm, and its log cannot be switched."""
    changed: dict[str, Any] = {"baseline": False, "witness": False, "blocks": 0}
    left_out = "no baseline, no second witness, no blocks"
    if settings.postgres_log is None:
        changed |= {"togglers": 0, "chats": 0}  # their statements could not be told from a ping's
        left_out += ", neither toggles nor chats (counts have no ids: --postgres-log would give them)"
    echo(f"on an external Postgres: {left_out}")
    return changed


def replay_words(options: LoadOptions) -> list[str]:
    """`rig load` with each option that is not the default's."""
    words = ["rig", "load"]
    for chosen, usual in ((options.pace, LoadProfile()), (options, LoadOptions())):
        for one in fields(chosen):
            value = getattr(chosen, one.name)
            if one.name in ("pace", "cadences") or value == getattr(usual, one.name):
                continue
            flag = FLAGS.get(one.name, f"--{one.name.replace('_', '-')}")
            if one.name == "thresholds":
                words += [word for text in value for word in ("--threshold", text)]
            elif isinstance(value, bool):
                words.append(flag if value else f"--no-{flag[2:]}")
            else:
                words += [flag, number(value)]
    return words
