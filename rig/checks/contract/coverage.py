"""How many of the planned pairs a run has reached, by what the pair varies. Pure."""

from collections import Counter
from collections.abc import Iterable

from rig.record import Lines
from rig.record.lines.contract import ContractStep

# What a state begins with, and what is varied in it. The first one that fits counts; all others are of the stack.
DIMENSIONS = (
    ("Valkey away, mitra", "outage and mitra"),
    ("chat ", "chat"),
    ("mitra ", "mitra"),
    ("client ", "sign-in"),
    ("token ", "token"),
    ("a ", "setting"),
)
BOTH = "chat and mitra"
OTHERS = "stack and instance"
SIGN_INS = ("code", "wrong code", "signed in", "refreshed", "logged out", "signing in")


def dimension_of(pair: str) -> str:
    """What this pair varies; `pair` is `action × state`."""
    state = pair.partition(" × ")[2]
    if state.startswith("chat ") and ", mitra " in state:
        return BOTH
    if state.startswith("mitra ") and any(word in state for word in SIGN_INS):
        return "sign-in"
    return next((dimension for begin, dimension in DIMENSIONS if state.startswith(begin)), OTHERS)


def counted(pairs: Iterable[str]) -> dict[str, int]:
    """How many of these pairs there are of each dimension, in the order of their names."""
    return dict(sorted(Counter(map(dimension_of, pairs)).items()))


def reached(lines: Lines) -> dict[str, int]:
    """How many pairs of each dimension have at least one step in the record."""
    return counted({line.case for line in lines.of(ContractStep) if " × " in line.case})
