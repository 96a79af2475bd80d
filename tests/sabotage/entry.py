"""How a broken server is declared: its defect in one sentence, the boxes that must notice it, and the patch."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.checks.framework import CATCH_ALL

CHECKOUT = Path(__file__).parents[2]
# What answers boxes, invariants and claims: an entry is run by one of them.
COMMANDS = {"INV": "chaos", "CLAIM": "load", "DIFF": "load"}


@dataclass(frozen=True)
class Sabotage:
    """`fails` are exactly the boxes of the whole checklist that the defect makes fail: no other may fall with them.

    CONTRACT falls by what a preparing step meets: `by` then names the boxes or sections whose steps meet it.
    Instead of boxes they may be invariants, which the campaigns judge, or claims, which a load run judges. Where an
    action of the rig's own is broken, not the server, they are boxes that hang on it, to be left without a verdict.
    """

    name: str
    sentence: str
    fails: frozenset[str]
    patch: Callable[[], None]
    breaks: str = "server"  # or "rig"
    by: tuple[str, ...] = ()  # the words of `rig chaos` or `rig load` by which it shows, or boxes of the checklist
    also: bool = False  # what it does to one invariant shows in others: they may fall as well

    @property
    def sections(self) -> list[str]:
        if self.breaks == "rig":
            return ["RIG"]
        owned = {box for box in self.fails if box != CATCH_ALL} or self.by
        return sorted({box.rsplit("-", 1)[0] for box in owned})

    @property
    def command(self) -> str:
        """The command of the rig whose run judges it: checklist, chaos or load."""
        return COMMANDS.get(self.sections[0], "checklist")

    def line(self) -> dict[str, Any]:
        """What `--list` tells of it, as plain JSON; `where` is the line of its declaration."""
        code = self.patch.__code__  # type: ignore[attr-defined]
        where = f"{Path(code.co_filename).relative_to(CHECKOUT)}:{code.co_firstlineno}"
        return {
            "name": self.name, "sentence": self.sentence, "fails": sorted(self.fails), "sections": self.sections,
            "command": self.command, "breaks": self.breaks, "where": where, "by": list(self.by), "also": self.also,
        }  # fmt: skip


CATALOGUE: dict[str, Sabotage] = {}


def ineffective(name: str, sentence: str, *boxes: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Declare an action of the rig's own that takes no effect; the patch is of the process that runs the features."""
    return sabotage(name, sentence, *boxes, breaks="rig")


def sabotage(
    name: str, sentence: str, *fails: str, breaks: str = "server", by: tuple[str, ...] = (), also: bool = False
) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Declare a defect; ValueError for a name that is taken, or for one that no run or no single run can prove."""

    def declare(patch: Callable[[], None]) -> Callable[[], None]:
        entry = Sabotage(name, sentence, frozenset(fails), patch, breaks, by, also)
        if name in CATALOGUE or not fails:
            raise ValueError(f"sabotage {name!r} is declared twice, or names no box")
        if len({COMMANDS.get(section, "checklist") for section in entry.sections}) > 1:
            raise ValueError(f"sabotage {name!r}: boxes, invariants and claims need an entry each, as other runs do")
        CATALOGUE[name] = entry
        return patch

    return declare


def replace_in(module: object, attribute: str, old: str, new: str) -> None:
    """Change a text (SQL, Lua) of the server; ValueError when the passage is no longer there to break."""
    text = getattr(module, attribute)
    if old not in text:
        raise ValueError(f"{module.__name__}.{attribute} no longer holds {old!r}: renew the sabotage")  # type: ignore[attr-defined]
    setattr(module, attribute, text.replace(old, new))
