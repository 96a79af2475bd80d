"""Names the parts of a specification's states for people: which value belongs to which instance or mitra."""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Any

from rig.model.language import Rules, Spec

INSTANCE, MITRA = "instance", "mitra"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
NONE, PRESENT = "none", "present"
ANY = "*"  # in a place: the elements of a set
NUMBERED = re.compile(r"\b(instance|mitra) (\d+)\b")
Place = tuple[Any, ...]


def name_of(who: str, number: int) -> str:
    """Instances are a, b; mitras m1, m2; anything else its word and a number from 1."""
    if who == INSTANCE:
        return LETTERS[number] if number < len(LETTERS) else f"instance {number + 1}"
    return f"m{number + 1}" if who == MITRA else f"{who} {number + 1}"


def named(sentence: str) -> str:
    """A sentence with `m1` for `mitra 0`, and `a` for `instance 0`."""
    return NUMBERED.sub(lambda found: name_of(found[1], int(found[2])), sentence)


class Names:
    """Turns states of one path into rows of (label, value), the same labels for each of them.

    A specification says by its `relabel` which tuples hold a value per instance or per mitra, and which numbers name
    one: those that change places when two of them do. This is tried out with changed copies of the states.
    """

    def __init__(self, spec: Spec, rules: Rules, states: Sequence[Any]) -> None:
        self._spec, self._states = spec, states
        self._counts = {who: rules.bounds[f"{who}s"] for who in (INSTANCE, MITRA) if f"{who}s" in rules.bounds}
        self._left = set(rules.bounds)  # fields with the name of a bound count down how much of it is left
        self._cache: dict[tuple[str, Place], str] = {}
        self._open: dict[Place, bool] = {}

    def rows(self, state: Any) -> list[tuple[str, str]]:
        """The whole state, a row a value."""
        return [(self._label(place), self._text(get(state, place), place)) for place in self._leaves(state, ())]

    def changes(self, before: Any, after: Any) -> list[tuple[str, str, str]]:
        """What differs, without the counters of what is left of a bound."""
        found = []
        for place in self._leaves(before, ()):
            if not (len(place) == 1 and place[0] in self._left):
                found += self._changed(get(before, place), get(after, place), place)
        return found

    def _changed(self, was: Any, became: Any, place: Place) -> list[tuple[str, str, str]]:
        if was == became:
            return []
        if fields(was) and type(was) is type(became):
            return [
                change
                for name in fields(was)
                for change in self._changed(getattr(was, name), getattr(became, name), (*place, name))
            ]
        ends = bool(fields(was)) and self._text(became, place) == NONE  # what it was stands in the steps before
        return [(self._label(place), PRESENT if ends else self._text(was, place), self._text(became, place))]

    def _leaves(self, value: Any, place: Place) -> Iterator[Place]:
        if place and not self._opens(place):
            yield place
            return
        for key in fields(value) or range(len(value)):
            yield from self._leaves(get(value, (key,)), (*place, key))

    def _opens(self, place: Place) -> bool:
        """Whether what stands here is told part by part: in every state a record, or one value per instance or mitra."""
        if place not in self._open:
            self._open[place] = self._found_open(place)
        return self._open[place]

    def _found_open(self, place: Place) -> bool:
        here = [get(state, place) for state in self._states]
        if all(fields(value) for value in here):
            return len({type(value) for value in here}) == 1
        return bool(self.indexed(place))

    def indexed(self, place: Place) -> str:
        """`instance` or `mitra` if the tuple here has one value for each of them, else ''."""
        return self._known("indexed", place, self._find_indexed)

    def names(self, place: Place) -> str:
        """`instance` or `mitra` if the number here is the number of one, else ''."""
        return self._known("names", place, self._find_names)

    def _known(self, what: str, place: Place, find: Callable[[Place], str]) -> str:
        key = (what, place)
        if key not in self._cache:
            try:
                self._cache[key] = find(place)
            except Exception:  # a relabel that cannot bear a made-up value: the part is told by its number
                self._cache[key] = ""
        return self._cache[key]

    def _find_indexed(self, place: Place) -> str:
        here = [(state, get(state, place)) for state in self._states if has(state, place)]
        if not here or any(type(value) is not tuple for _, value in here):
            return ""
        state, sizes = here[0][0], {len(value) for _, value in here}
        alike = [who for who, count in self._counts.items() if sizes == {count}]
        if self._spec.relabel is None:
            return alike[0] if len(alike) == 1 else ""
        for who, count in self._counts.items():
            if count < 2 or sizes != {count}:
                continue
            pool = list(dict.fromkeys(element for _, value in here for element in value))
            for first, other in pairs([*pool, *(made for one in pool[:2] for made in variants(one))]):
                alone, beside = (self._swapped(state, place, (one,) * count, who)[0] for one in (first, other))
                mixed = self._swapped(state, place, (first, other, *([other] * (count - 2))), who)
                if alone != beside:
                    if mixed[:2] == (beside, alone):
                        return who
                    break
        return alike[0] if len(alike) == 1 and sizes == {1} else ""

    def _find_names(self, place: Place) -> str:
        if place[-1] in self._counts:  # a field `mitra` or `instance`
            return str(place[-1])
        state = next(state for state in self._states if has(state, place))
        for who, count in self._counts.items():
            if count >= 2 and [self._swapped(state, place, number, who) for number in (0, 1)] == [1, 0]:
                return who
        return ""

    def _swapped(self, state: Any, place: Place, value: Any, who: str) -> Any:
        """What stands here instead of `value` once the first two have changed places."""
        orders = {name: tuple(range(self._counts.get(name, 1))) for name in (INSTANCE, MITRA)}
        orders[who] = (1, 0, *orders[who][2:])
        assert self._spec.relabel is not None
        changed = self._spec.relabel(replaced(state, place, value), orders[INSTANCE], orders[MITRA])
        moved = tuple(
            orders[who].index(key) if isinstance(key, int) and self.indexed(place[:depth]) == who else key
            for depth, key in enumerate(place)
        )
        return get(changed, moved)

    def _label(self, place: Place) -> str:
        """`a: flight at`, `m1: heartbeat`, `epoch`: whose it is, then the names of the fields."""
        words, owners = [], []
        for depth, key in enumerate(place):
            who = self.indexed(place[:depth])
            if isinstance(key, str):
                words.append(key.replace("_", " "))
            else:
                owners.append(name_of(who or "no.", key))
                if who and words and depth < len(place) - 1 and self._only_records(place[:depth], who):
                    words.pop()  # `instances` of a says no more than a
        if len(place) == 1 and place[0] in self._left:
            words.append("left")
        said = " ".join(words)
        return f"{', '.join(owners)}: {said}".removesuffix(": ") if owners else said

    def _constant(self, value: int) -> str:
        """Numbers below 0 name no instance and no mitra: what the specification's module calls them."""
        module = sys.modules[type(self._states[0]).__module__]
        names = [
            name for name, given in vars(module).items() if name.isupper() and given is not True and given == value
        ]
        return names[0].lower().replace("_", " ") if len(names) == 1 else NONE if value == -1 else str(value)

    def _only_records(self, place: Place, who: str) -> bool:
        """Whether no other field holds records of instances (or of mitras)."""
        beside = [
            (*place[:-1], name)
            for name in fields(get(self._states[0], place[:-1]))
            if self.indexed((*place[:-1], name)) == who and self._opens((*place[:-1], name, 0))
        ]
        return beside == [place]

    def _text(self, value: Any, place: Place) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, Enum):
            return value.name.lower().replace("_", " ")
        if value is None or (isinstance(value, tuple | frozenset | str) and not value):
            return NONE
        if isinstance(value, int):
            if value < 0:
                return self._constant(value)
            who = self.names(place)
            return name_of(who, value) if who else str(value)
        if names := fields(value):
            parts = [f"{name.replace('_', ' ')} {self._text(get(value, (name,)), (*place, name))}" for name in names]
            return ", ".join(parts)
        if isinstance(value, tuple):
            who = self.indexed(place)
            parts = [self._text(one, (*place, number)) for number, one in enumerate(value)]
            if who:
                return ", ".join(f"{name_of(who, number)} {text}" for number, text in enumerate(parts))
            return f"({', '.join(parts)})"
        if isinstance(value, frozenset):
            parts = sorted(self._text(one, (*place, ANY)) for one in value)
            return parts[0] if len(parts) == 1 else f"{{{'; '.join(parts)}}}"
        return str(value)


def fields(value: Any) -> tuple[str, ...]:
    """The fields of a record, () for anything else."""
    return getattr(value, "_fields", ()) if isinstance(value, tuple) else ()


def get(state: Any, place: Place) -> Any:
    """What stands at a place: field names, indexes, `*` for an element of a set."""
    for key in place:
        state = next(iter(state)) if key == ANY else getattr(state, key) if isinstance(key, str) else state[key]
    return state


def has(state: Any, place: Place) -> bool:
    """Whether there is such a place in this state."""
    try:
        get(state, place)
    except (AttributeError, IndexError, StopIteration, TypeError):
        return False
    return True


def replaced(state: Any, place: Place, value: Any) -> Any:
    """A copy with another value at a place; of a set one element is left."""
    if not place:
        return value
    key, rest = place[0], place[1:]
    if key == ANY:
        return frozenset({replaced(next(iter(state)), rest, value)})
    if isinstance(key, str):
        return state._replace(**{key: replaced(getattr(state, key), rest, value)})
    changed = (*state[:key], replaced(state[key], rest, value), *state[key + 1 :])
    return type(state)(*changed) if fields(state) else changed


def pairs(values: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Two different values each."""
    return ((one, other) for number, one in enumerate(values) for other in values[number + 1 :] if one != other)


def variants(value: Any) -> list[Any]:
    """Other values of the same type, for fields that hold the same everywhere."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, Enum):
        return [one for one in type(value) if one is not value][:2]
    if isinstance(value, int):
        return [value + 1, value + 2]
    if names := fields(value):
        return [value._replace(**{name: other}) for name in names for other in variants(getattr(value, name))[:1]]
    return []
