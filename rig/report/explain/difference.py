"""Lays what was expected and what was seen side by side, each line with a word for how they compare."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from rig.report import text, trim
from rig.report.trim import Limits

SAME, DIFFERS, MISSING, UNEXPECTED = "same", "differs", "missing", "not expected"
SAME_MAX = 3  # equal lines in a row that are printed


@dataclass(frozen=True)
class Pair:
    """One line of both sides; `word` says how they compare. A side that has no such line is empty."""

    word: str
    expected: str = ""
    seen: str = ""


@dataclass(frozen=True)
class Compared:
    """A difference, ready to print."""

    what: str
    pairs: tuple[Pair, ...]
    more: str = ""  # what was left out


def compared(raw: Mapping[str, Any], limits: Limits) -> Compared:
    """From `what`, `expected` and `seen`, as results.json holds them."""
    expected, seen = raw["expected"], raw["seen"]
    if isinstance(expected, Mapping) and isinstance(seen, Mapping):
        pairs = _by_key(expected, seen)
    elif isinstance(expected, list) and isinstance(seen, list):
        pairs = _in_order(expected, seen)
    else:
        pairs = [Pair(DIFFERS, _value(expected), _value(seen))]
    kept = _shortened(pairs)
    cut = [Pair(pair.word, trim.value(pair.expected, limits), trim.value(pair.seen, limits)) for pair in kept]
    more = len(cut) - limits.lines
    told = f"… {more} more line{'s' * (more != 1)}" if more > 0 else ""
    return Compared(trim.value(raw["what"], limits), tuple(cut[: limits.lines]), told)


def plain(one: Compared) -> list[str]:
    """The same as lines of text."""
    told = [f"[Expected and seen] {one.what}"]
    for pair in one.pairs:
        sides = [f"expected {pair.expected}"] * bool(pair.expected) + [f"seen {pair.seen}"] * bool(pair.seen)
        told.append(f"  {pair.word}: {', '.join(sides)}")
    return told + [f"  {one.more}"] * bool(one.more)


def _value(value: Any) -> str:
    return "nothing" if value is None else text.clean(value) or "(empty)"


def _by_key(expected: Mapping[str, Any], seen: Mapping[str, Any]) -> list[Pair]:
    pairs = []
    for key in dict.fromkeys([*expected, *seen]):
        left = f"{key}: {_value(expected[key])}" if key in expected else ""
        right = f"{key}: {_value(seen[key])}" if key in seen else ""
        word = SAME if left == right else DIFFERS if left and right else MISSING if left else UNEXPECTED
        pairs.append(Pair(word, left, right))
    return pairs


def _in_order(expected: list[Any], seen: list[Any]) -> list[Pair]:
    left, right = [_value(one) for one in expected], [_value(one) for one in seen]
    pairs: list[Pair] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            pairs += [Pair(SAME, one, one) for one in left[i1:i2]]
        else:
            pairs += [Pair(MISSING, one, "") for one in left[i1:i2]]
            pairs += [Pair(UNEXPECTED, "", one) for one in right[j1:j2]]
    return pairs


def _shortened(pairs: list[Pair]) -> list[Pair]:
    """Of many equal lines in a row only the first ones, and how many there are."""
    kept: list[Pair] = []
    run = 0
    for number, pair in enumerate(pairs):
        run = run + 1 if pair.word == SAME else 0
        if run <= SAME_MAX:
            kept.append(pair)
        elif number + 1 == len(pairs) or pairs[number + 1].word != SAME:
            told = f"… {run - SAME_MAX} more"
            kept.append(Pair(SAME, told, told))
    return kept
