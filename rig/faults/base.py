"""What a fault is: it acts on a stack and can tell, from both ends, whether it bites and whether it has healed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

Ends = dict[str, str]


@dataclass(frozen=True)
class Ground:
    """What a fault acts on and looks at.

    `ends()` tells how Valkey treats a new connection: `answers`, `closes`, `silent` or `refused`, by end:
    `direct` (the rig's way) and one `through NAME` a server instance (its own address).
    """

    stack: Any
    ends: Callable[[], Ends]


class Fault(Protocol):
    """One kind of trouble. `inject` and `remove` act at once, and `remove` is safe to call twice."""

    @property
    def name(self) -> str: ...

    def inject(self, ground: Ground) -> None: ...

    def bites(self, ends: Ends) -> bool:
        """Whether both ends show that it is in force."""

    def remove(self, ground: Ground) -> None: ...

    def healed(self, ends: Ends) -> bool:
        """Whether both ends show that it is gone."""


class Unconfirmed(Exception):
    """A fault was injected and not seen to bite in time: nothing that follows says anything of the server."""


class Unhealed(Exception):
    """A fault was taken back and not seen to heal in time."""


def all_answer(ends: Ends) -> bool:
    """Every end gets an answer: what most faults look like once they have healed."""
    return all(found == "answers" for found in ends.values())


def none_answers(ends: Ends) -> bool:
    """No end gets an answer: what a dead or cut-off Valkey looks like."""
    return all(found != "answers" for found in ends.values())
