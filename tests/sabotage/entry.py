"""How a broken server is declared: its defect in one sentence, the boxes that must notice it, and the patch."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Sabotage:
    """`fails` are exactly the boxes of `sections` that the defect makes fail: no other may fall with them."""

    name: str
    sentence: str
    fails: frozenset[str]
    patch: Callable[[], None]

    @property
    def sections(self) -> list[str]:
        return sorted({box.rsplit("-", 1)[0] for box in self.fails})


CATALOGUE: dict[str, Sabotage] = {}


def sabotage(name: str, sentence: str, *fails: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Declare a defect; ValueError for a name that is taken or a defect that nothing is to notice."""

    def declare(patch: Callable[[], None]) -> Callable[[], None]:
        if name in CATALOGUE or not fails:
            raise ValueError(f"sabotage {name!r} is declared twice, or names no box")
        CATALOGUE[name] = Sabotage(name, sentence, frozenset(fails), patch)
        return patch

    return declare


def replace_in(module: object, attribute: str, old: str, new: str) -> None:
    """Change a text (SQL, Lua) of the server; ValueError when the passage is no longer there to break."""
    text = getattr(module, attribute)
    if old not in text:
        raise ValueError(f"{module.__name__}.{attribute} no longer holds {old!r}: renew the sabotage")  # type: ignore[attr-defined]
    setattr(module, attribute, text.replace(old, new))
