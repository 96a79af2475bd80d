"""Selects the items of a run from what the user typed."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from rig.checks import load_checks
from rig.checks.framework import CATCH_ALL
from rig.errors import unknown
from rig.record.sections import SECTIONS
from rig.results.last_run import failed_of_last, tell_none


def select_items(wanted: Iterable[str]) -> list[str]:
    """Ids or sections (`C-07`, `C`, `setup`, comma-separated) as ids in the checklist's order. All items when empty.

    Raises UsageError for a word that is neither.
    """
    checks = load_checks()
    known = [id for section in SECTIONS for id in sorted(checks) if checks[id].section == section]
    chosen: set[str] = set()
    for word in (part.strip().upper() for text in wanted for part in text.split(",")):
        matching = [id for id in known if word in (id, checks[id].section)]
        if not matching:
            raise unknown("item or section", word, [*SECTIONS, *known], "`rig checklist --list` lists them")
        chosen.update(matching)
    return [id for id in known if id in chosen] if chosen else known


def failed_items(reports: Path, wanted: Iterable[str]) -> list[str]:
    """The selected items that did not pass in the last run, or that are needed to judge CONTRACT again. Says if there are none."""
    selected = select_items(wanted)
    failed: set[str] = set()
    for item in failed_of_last(reports, "checklist", lambda results: not results.get("under")):
        failed.update(items_of_replay(item["replay"]) if item["id"] == CATCH_ALL else [item["id"]])
    chosen = [item for item in selected if item in failed]
    if failed and not chosen:
        tell_none("of those selected with --only")
    return chosen


def items_of_replay(command: str) -> list[str]:
    """The items that a replay command names with --only."""
    words = shlex.split(command)
    return words[words.index("--only") + 1].split(",") if "--only" in words[:-1] else []


def only_words(only: Sequence[str]) -> list[str]:
    """The items asked for, as words of a command line."""
    return ["--only", ",".join(only)] if only else []
