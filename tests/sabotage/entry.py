"""How a broken server is declared: its defect in one sentence, the boxes that must notice it, and the patch."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rig.checks.framework import CATCH_ALL
from rig.service.sentences import sentences

CHECKOUT = Path(__file__).parents[2]
# The commands that judge invariants and claims. Sentences of the contract are judged by `rig contract`, boxes by `rig checklist`.
COMMANDS = {"INV": "chaos", "PROTOCOL": "chaos", "CLAIM": "load", "DIFF": "load"}


@cache
def contract_sections() -> frozenset[str]:
    """The first parts of the ids in docs/contract.md: `PING` of `PING-03`."""
    return frozenset(id.rpartition("-")[0] for id in sentences())


def command_of(section: str) -> str:
    """The command of the rig whose run judges the items of this section."""
    return COMMANDS.get(section) or ("contract" if section in contract_sections() else "checklist")


@dataclass(frozen=True)
class Sabotage:
    """`fails` are exactly the boxes of the whole checklist that the defect makes fail: no other may fall with them.

    CONTRACT falls by what a preparing step meets: `by` then names the boxes or sections whose steps meet it.
    Instead of boxes they may be invariants, which the campaigns judge, claims, which a load run judges, or sentences of
    docs/contract.md, which a contract run judges: other sentences may fail with those. Where an
    action of the rig's own is broken, not the server, they are boxes that hang on it, to be left without a verdict.
    """

    name: str
    sentence: str
    fails: frozenset[str]
    patch: Callable[[], None]
    breaks: str = "server"  # or "rig"
    by: tuple[
        str, ...
    ] = ()  # the words of `rig chaos` or `rig load` by which it shows, more words for `rig contract`, or boxes of the checklist
    also: bool = False  # what it does to one invariant shows in others: they may fall as well

    @property
    def sections(self) -> list[str]:
        if self.breaks == "rig":
            return ["RIG"]
        owned = {box for box in self.fails if box != CATCH_ALL} or self.by
        return sorted({box.rsplit("-", 1)[0] for box in owned})

    @property
    def command(self) -> str:
        """The command of the rig whose run judges it: checklist, chaos, load or contract."""
        return "checklist" if self.breaks == "rig" else command_of(self.sections[0])

    def line(self) -> dict[str, Any]:
        """What `--list` tells of it, as plain JSON; `where` is the line of its declaration."""
        code = self.patch.__code__  # type: ignore[attr-defined]
        where = f"{Path(code.co_filename).relative_to(CHECKOUT)}:{code.co_firstlineno}"
        return {
            "name": self.name, "sentence": self.sentence, "fails": sorted(self.fails), "sections": self.sections,
            "command": self.command, "breaks": self.breaks, "where": where, "by": list(self.by),
            "also": self.also or self.command == "contract",  # one step puts several sentences to the test
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
        if breaks == "server" and len({command_of(section) for section in entry.sections}) > 1:
            raise ValueError(
                f"sabotage {name!r}: boxes, invariants, claims and sentences of the contract are judged by different runs, "
                "so they need an entry each"
            )
        CATALOGUE[name] = entry
        return patch

    return declare


def replace_in(module: object, attribute: str, old: str, new: str) -> None:
    """Change a text (SQL, Lua) of the server; ValueError when the passage is no longer there to break."""
    text = getattr(module, attribute)
    if old not in text:
        raise ValueError(f"{module.__name__}.{attribute} no longer holds {old!r}: renew the sabotage")  # type: ignore[attr-defined]
    setattr(module, attribute, text.replace(old, new))
