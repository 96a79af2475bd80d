"""States as tuples of numbers: equal parts are stored once, and states are relabelled and compared quickly."""

import itertools
from collections.abc import Callable
from operator import getitem
from typing import Any

from rig.model.language import Spec, SpecError, State

Numbers = tuple[int, ...]
COMPARED, SAMPLED = 5000, 64  # so many values are compared with their equals by type as well, and then one of so many
NONE: frozenset[int] = frozenset()


class DependentFields(Exception):
    """A field of a relabelled state depends on other fields of the state."""


class Parts:
    """The numbers of the values of each field, and the states that are made of them."""

    def __init__(self, spec: Spec, first: State) -> None:
        if not (isinstance(first, tuple) and hasattr(first, "_fields")):
            raise SpecError(f"{spec.file}: the initial state is a {type(first).__name__}, not a NamedTuple")
        self.spec = spec
        self.type = type(first)
        self.watched = _watched(self.type)
        self.fields: tuple[str, ...] = first._fields
        self.numbers: list[dict[Any, int]] = [{} for _ in self.fields]
        self.values: list[list[Any]] = [[] for _ in self.fields]
        self.compared = 0

    def number(self, place: int, value: Any) -> int:
        """The number of a value of a field."""
        known = self.numbers[place]
        try:
            found = known.get(value)
        except TypeError as error:
            name = self.fields[place]
            raise SpecError(f"{self.spec.file}: the field `{name}` of a state is unhashable: {value!r}") from error
        if found is None:
            found = known[value] = len(known)
            self.values[place].append(value)
            return found
        other = self.values[place][found]
        if other is value:
            return found
        self.compared += 1
        if (self.compared < COMPARED or not self.compared % SAMPLED) and not _alike(value, other):
            raise SpecError(
                f"{self.spec.file}: the field `{self.fields[place]}` has two values that are equal but of different "
                f"types, so the checker cannot tell them apart: {value!r} and {other!r}"
            )
        return found

    def encode(self, state: State) -> Numbers:
        """A state as numbers."""
        if type(state) is not self.type:
            raise SpecError(f"{self.spec.file}: {state!r} stands where a {self.type.__name__} is expected")
        return tuple([self.number(place, value) for place, value in enumerate(state)])

    def decode(self, numbers: Numbers) -> State:
        """The state that has these numbers."""
        return self.type._make(map(getitem, self.values, numbers))

    def watch(self, numbers: Numbers, log: dict[int, None], offset: int = 0) -> State:
        """The state, as one that notes in `log` the places (plus `offset`) of the fields that are read."""
        state = tuple.__new__(self.watched, map(getitem, self.values, numbers))
        state._log, state._offset, state._own = log, offset, NONE
        return state

    def changes(self, reached: State) -> tuple[tuple[int, int], ...]:
        """The fields that a reached state got from an action, with the numbers of their values."""
        if type(reached) is self.watched:
            places = sorted(reached._own)
        elif type(reached) is self.type:
            places = list(range(len(self.fields)))
        else:
            raise SpecError(f"{self.spec.file}: an action leads to {reached!r}, not to a {self.type.__name__}")
        return tuple([(place, self.number(place, tuple.__getitem__(reached, place))) for place in places])


class Symmetry:
    """Chooses one state for all states that differ only in the names of instances and mitras: the one with the least numbers.

    If each field of a relabelled state depends on the same field alone, the numbers are renamed field by field.
    """

    def __init__(self, parts: Parts, instances: int, mitras: int, by_field: bool) -> None:
        self.parts = parts
        self.by_field = by_field
        self.orders = []
        if parts.spec.relabel is not None:
            orders = itertools.product(itertools.permutations(range(instances)), itertools.permutations(range(mitras)))
            self.orders = list(orders)[1:]
        self.tables: list[list[dict[int, int]]] = [[{} for _ in parts.fields] for _ in self.orders]

    def relabelled(self, numbers: Numbers, order: int) -> Numbers:
        """The numbers of the relabelled state, by the specification's own function."""
        relabel = self.parts.spec.relabel
        assert relabel is not None
        found = self.parts.encode(relabel(self.parts.decode(numbers), *self.orders[order]))
        if self.by_field:
            for known, old, new in zip(self.tables[order], numbers, found, strict=True):
                if known.setdefault(old, new) != new:
                    raise DependentFields
        return found

    def canonical(self, numbers: Numbers) -> Numbers:
        """The chosen state."""
        best = numbers
        for order, table in enumerate(self.tables):
            if self.by_field:
                try:
                    other = tuple(map(getitem, table, numbers))
                except KeyError:
                    other = self.relabelled(numbers, order)
            else:
                other = self.relabelled(numbers, order)
            if other < best:
                best = other
        return best


def _alike(one: Any, other: Any) -> bool:
    """Whether equal values have equal types, inside as well. A bool counts as an int."""
    if type(one) is not type(other):
        return isinstance(one, bool | int) and isinstance(other, bool | int) and bool in (type(one), type(other))
    if isinstance(one, tuple):
        return all(map(_alike, one, other))
    if isinstance(one, frozenset):
        mates = {value: value for value in other}
        return all(_alike(value, mates[value]) for value in one)
    return True


def _watched(state: type) -> type:
    """A subclass of a state's type that notes which fields are read."""

    item, items, build = tuple.__getitem__, tuple.__iter__, tuple.__new__

    def getter(place: int) -> property:
        def get(self: Any) -> Any:
            if place not in self._own:
                self._log[self._offset + place] = None
            return item(self, place)

        return property(get)

    def replace(self: Any, /, **new: Any) -> Any:
        values = list(items(self))
        for name, value in new.items():
            values[places[name]] = value
        reached = build(made, values)
        reached._log, reached._offset = self._log, self._offset
        reached._own = self._own.union([places[name] for name in new])
        return reached

    def whole(name: str) -> Callable[..., Any]:
        inherited = getattr(state, name)

        def method(self: Any, *arguments: Any) -> Any:
            for place in range(len(places)):
                if place not in self._own:
                    self._log[self._offset + place] = None
            return inherited(self, *arguments)

        return method

    places = {name: place for place, name in enumerate(state._fields)}  # type: ignore[attr-defined]
    wholes = ["iter", "getitem", "eq", "ne", "lt", "le", "gt", "ge", "hash", "contains", "add", "mul", "rmul", "repr"]
    names = [f"__{name}__" for name in wholes] + ["index", "count"]
    body = {name: getter(place) for name, place in places.items()}
    made = type(
        state.__name__, (state,), {"_own": frozenset(places.values()), "_log": {}, "_offset": 0, "_replace": replace}
        | {name: whole(name) for name in names} | body,
    )  # fmt: skip
    return made
