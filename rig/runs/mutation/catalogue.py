"""Reads the catalogue of broken servers, and selects entries from it."""

import json
import random
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig import caller
from rig.config import PLUGIN
from rig.errors import UsageError, suggestion, unknown
from rig.paths import CHECKOUT
from rig.record.sections import RUN_SECTIONS, SECTIONS

MODULE = "tests.sabotage"
LIST_S = 60
CAMPAIGN = "valkey_killed"  # shows what any outage under traffic does
# A defect of one request shows in any load.
LOAD = ("--mitras", "100", "--ping-every", "5", "--seconds", "10", "--no-baseline", "--no-witness", "--blocks", "0")


@dataclass(frozen=True)
class Entry:
    """A broken server: its defect in a sentence, and the items that must fall, all of them and no other."""

    name: str
    sentence: str
    fails: tuple[str, ...]
    sections: tuple[str, ...]
    command: str  # of the rig: checklist, chaos, load or contract
    where: str  # file:line of the declaration
    by: tuple[
        str, ...
    ] = ()  # more words for `rig chaos`, `load` or `contract`; boxes by which it shows in the checklist
    also: bool = False  # whether other items may fall as well
    breaks: str = "server"  # or "rig": one of its own actions, so that what hangs on it must be inconclusive

    @property
    def server(self) -> str:
        """The command of the broken server, for `--sut`."""
        return f"python -m {MODULE} {self.name}"

    @property
    def environment(self) -> dict[str, str]:
        """What the command needs in its environment besides."""
        if self.breaks == "server":
            return {}
        return {PLUGIN: f"{MODULE}.plugin", "RIG_INTERNAL_SABOTAGE": self.name}

    def words(self, everything: bool) -> list[str]:
        """The words of the `rig` command that judges it: by the sections that it names, or by all there is."""
        if self.breaks == "rig":
            return ["checklist", "--only", ",".join(self.fails)]
        if self.command == "load":
            words = ["load", *(self.by or LOAD)]
        elif self.command == "chaos":
            words = ["chaos", *(self.by or (CAMPAIGN,))]
        elif self.command == "contract":
            words = ["contract"]
            words += [] if everything else [*(word for id in self.fails for word in ("--only", id)), *self.by]
        else:
            words = ["checklist", "--workers", "1"]
            words += [] if everything else ["--only", ",".join(self.by or self.sections)]
        return [*words, "--sut", self.server, "--level", "hardened"]


def read_catalogue(checkout: Path | None = CHECKOUT) -> list[Entry]:
    """All entries, in the order of their declaration. UsageError outside a checkout, or when it can't be read."""
    if checkout is None or not (checkout / MODULE.replace(".", "/")).is_dir():
        raise UsageError(
            "`rig prove` needs a checkout of the rig: its broken servers (tests/sabotage) are no part of an installed rig"
        )
    command = [sys.executable, "-m", MODULE, "--list"]
    asked = subprocess.run(command, cwd=checkout, env=caller.own(), capture_output=True, text=True, timeout=LIST_S)
    if asked.returncode:
        why = (asked.stderr.strip().splitlines() or ["no word"])[-1]
        raise UsageError(
            f"the catalogue cannot be read: `python -m {MODULE} --list` ended with {asked.returncode}: {why}"
        )
    lines = [json.loads(line) for line in asked.stdout.splitlines()]
    return [entry_of(line) for line in lines]


def entry_of(line: Mapping[str, Any]) -> Entry:
    """The entry of one line of the list; JSON has lists where an entry has tuples."""
    fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in line.items()}
    return Entry(**fields)


def select_entries(entries: Sequence[Entry], names: Iterable[str], only: Iterable[str]) -> list[Entry]:
    """Those named that must fell a box of the sections or a box given; all for none. UsageError names the near ones."""
    known = {entry.name: entry for entry in entries}
    for name in names:
        if name not in known:
            raise unknown("mutant", name, known, "`rig prove --list` lists them")
    chosen = [known[name] for name in dict.fromkeys(names)] or list(entries)
    words = [word.strip().upper() for text in only for word in text.split(",")]
    for word in words:
        if not any(word in entry.sections or word in entry.fails for entry in entries):
            named = named_sections(entries)
            there = ", ".join(sorted(named, key=[*ALL_SECTIONS, *sorted(named - {*ALL_SECTIONS})].index))
            near = suggestion(word, [*named_sections(entries), *(item for entry in entries for item in entry.fails)])
            raise UsageError(f"no mutant is expected to fail {word!r}{near}: sections with one are {there}")
    chosen = [entry for entry in chosen if not words or {*entry.sections, *entry.fails} & set(words)]
    if not chosen:
        raise UsageError(f"none of the mutants named is expected to fail {', '.join(words)}")
    return chosen


def draw_sample(entries: Sequence[Entry], random_seed: int) -> list[Entry]:
    """For each section one of the entries that name a box of it, and one for the contract; the same seed draws the same."""
    draw = random.Random(random_seed)
    drawn = []
    groups = [[entry for entry in entries if section in entry.sections] for section in ALL_SECTIONS]
    groups.append([entry for entry in entries if entry.command == "contract"])
    for group in groups:
        candidates = sorted(group, key=lambda entry: entry.name)
        if candidates:
            drawn.append(draw.choice(candidates))
    return list(dict.fromkeys(drawn))


def named_sections(entries: Iterable[Entry]) -> set[str]:
    return {section for entry in entries for section in entry.sections}


ALL_SECTIONS = (*SECTIONS, *RUN_SECTIONS)  # those of a sample
