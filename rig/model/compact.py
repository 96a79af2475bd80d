"""States as tuples of numbers: equal parts are stored once, and states are relabelled and compared quickly.

The parts are the fields of a state, or the records in a field that is a tuple of records. Each value of a part has a
number, and so has each value of a leaf (see watched.py).
"""

import itertools
from collections.abc import Iterable
from operator import getitem, itemgetter
from typing import Any

from rig.model.language import Spec, SpecError, State
from rig.model.watched import Shape, Watch, shape_of

Numbers = tuple[int, ...]
Change = tuple[Any, Any, Any]  # leaves with their numbers; parts with their numbers; parts to be looked up by leaves
COMPARED, SAMPLED = 5000, 64  # so many values are compared with their equals by type as well, and then one of so many


class DependentParts(Exception):
    """A part of a relabelled state depends on several parts of the state."""


class WrongOrder(Exception):
    """A tuple of records does not follow the order that was tried. The next one is to be tried."""


class Parts:
    """The numbers of the values of each part and of each leaf, and the states that are made of them."""

    def __init__(self, spec: Spec, first: State, whole: set[tuple[int, ...]]) -> None:
        self.type: Any = type(first)  # a NamedTuple's, which typing cannot name
        if not (isinstance(first, tuple) and hasattr(first, "_fields")):
            raise SpecError(f"{spec.file}: the initial state is a {self.type.__name__}, not a NamedTuple")
        self.spec = spec
        self.watch = Watch()
        self.shape, leaves = shape_of(first, whole)
        self.rows = [
            not (part.is_leaf or part.is_record) for part in self.shape.parts
        ]  # fields that are tuples of records
        self.places = [
            one
            for part, row in zip(self.shape.parts, self.rows, strict=True)
            for one in (part.parts if row else [part])
        ]
        self.part_of = [place for place, part in enumerate(self.places) for _ in range(part.first, part.end)]
        self.leaf_numbers: list[dict[Any, int]] = [{} for _ in leaves]
        self.leaf_values: list[list[Any]] = [[] for _ in leaves]
        self.numbers: list[dict[Any, int]] = [{} for _ in self.places]  # value of a part -> its number
        self.by_leaves: list[dict[Numbers, int]] = [{} for _ in self.places]  # numbers of its leaves -> its number
        self.values: list[list[Any]] = [[] for _ in self.places]
        self.leaves: list[list[Numbers]] = [[] for _ in self.places]
        self.compared = 0
        self.last: tuple[Numbers, State] = ((), None)

    def name(self, path: tuple[int, ...]) -> str:
        """The field of the state to which a path belongs."""
        return str(self.type._fields[path[0]])

    def _number(self, known: dict[Any, int], values: list[Any], value: Any, path: tuple[int, ...]) -> int | None:
        try:
            found = known.get(value)
        except TypeError as error:
            raise SpecError(
                f"{self.spec.file}: the field `{self.name(path)}` of a state is unhashable: {value!r}"
            ) from error
        if found is None or values[found] is value:
            return found
        self.compared += 1
        if (self.compared < COMPARED or not self.compared % SAMPLED) and not _alike(value, values[found]):
            problem = f"the field `{self.name(path)}` has two values that are equal but of different types"
            raise SpecError(f"{self.spec.file}: {problem}: {value!r} and {values[found]!r}")
        return found

    def leaf(self, shape: Shape, value: Any) -> int:
        """The number of a value of a leaf."""
        known, values = self.leaf_numbers[shape.first], self.leaf_values[shape.first]
        found = self._number(known, values, value, shape.path)
        if found is None:
            found = known[value] = len(values)
            values.append(value)
        return found

    def encode(self, state: State) -> Numbers:
        """A state as the numbers of its parts."""
        if type(state) is not self.type:
            raise SpecError(f"{self.spec.file}: {state!r} stands where a {self.type.__name__} is expected")
        numbers = []
        for place, value in enumerate(self._split(state)):
            found = self._number(self.numbers[place], self.values[place], value, self.places[place].path)
            if found is None:
                part = self.places[place]
                found = self.part(place, tuple([self.leaf(shape, one) for shape, one in part.taken_apart(value)]))
            numbers.append(found)
        return tuple(numbers)

    def _split(self, state: State) -> Iterable[Any]:
        for shape, row, value in zip(self.shape.parts, self.rows, state, strict=True):
            if row:
                shape.fits(value)
                yield from value
            else:
                yield value

    def part(self, place: int, leaves: Numbers) -> int:
        """The number of the value of a part that has these leaves."""
        found = self.by_leaves[place].get(leaves)
        if found is None:
            found = self.by_leaves[place][leaves] = len(self.values[place])
            first = self.places[place].first
            value = self.places[place].put_together(lambda leaf: self.leaf_values[leaf][leaves[leaf - first]])
            self.numbers[place][value] = found
            self.values[place].append(value)
            self.leaves[place].append(leaves)
        return found

    def decode(self, numbers: Numbers) -> State:
        """The state that has these numbers."""
        values = map(getitem, self.values, numbers)
        if not any(self.rows):
            return self.type._make(values)
        fields = zip(self.shape.parts, self.rows, strict=True)
        return self.type._make(
            [tuple(itertools.islice(values, len(part.parts))) if row else next(values) for part, row in fields]
        )

    def apart(self, numbers: Numbers) -> Numbers:
        """The numbers of the leaves of a state."""
        return tuple(itertools.chain.from_iterable(map(getitem, self.leaves, numbers)))

    def before(self, leaves: Numbers) -> State:
        """The watched state that has these leaves. It is the same one as long as it is asked for the same."""
        if self.last[0] is not leaves:
            self.last = leaves, self.after(leaves, 0)
        return self.last[1]

    def after(self, leaves: Numbers, offset: int) -> State:
        """A watched state that notes its leaves with their places plus `offset`."""
        return self.watch.view(self.shape, lambda leaf: self.leaf_values[leaf][leaves[leaf]], offset)

    def change(self, reached: State) -> Change:
        """What an action has changed, by the state that it made of a watched one."""
        if type(reached) not in (self.type, self.watch.types.get(self.type)):
            raise SpecError(f"{self.spec.file}: an action leads to {reached!r}, not to a {self.type.__name__}")
        leaves = [(shape.first, self.leaf(shape, value)) for shape, value in self.watch.changes(self.shape, reached)]
        simple, composed = [], set()
        for leaf, number in leaves:
            place = self.part_of[leaf]
            if self.places[place].is_leaf:
                simple.append((place, self.part(place, (number,))))
            else:
                composed.add(place)
        looked_up = [
            (place, self.places[place].first, self.places[place].end, self.by_leaves[place])
            for place in sorted(composed)
        ]
        return tuple(leaves), tuple(simple), tuple(looked_up)

    def changed(self, numbers: Numbers, leaves: Numbers, change: Change) -> tuple[Numbers, Numbers]:
        """The state after a change: the numbers of its parts, and those of its leaves."""
        reached, after = list(leaves), list(numbers)
        for leaf, number in change[0]:
            reached[leaf] = number
        for place, number in change[1]:
            after[place] = number
        for place, first, end, known in change[2]:
            part = tuple(reached[first:end])
            number = known.get(part)
            after[place] = self.part(place, part) if number is None else number
        return tuple(after), tuple(reached)


class Symmetry:
    """Of all states that differ only in the names of instances and mitras it chooses one: that with the least numbers.

    What a part becomes is noted for each order of the names, so that `relabel` is called once per value. In a tuple of
    records the record k becomes what the record at the k-th place of the order was: the order of the instances, that of
    the mitras, or none. Which of them is found by trying.
    """

    def __init__(
        self, parts: Parts, instances: int, mitras: int, by_part: bool, excluded: set[tuple[int, int]]
    ) -> None:
        self.parts = parts
        self.by_part = by_part
        self.orders: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        if parts.spec.relabel is not None:
            orders = itertools.product(itertools.permutations(range(instances)), itertools.permutations(range(mitras)))
            self.orders = list(orders)[1:]
        self.excluded = excluded  # pairs of a field and an order that it does not follow: 0 instances, 1 mitras, 2 none
        for field, (shape, row) in enumerate(zip(parts.shape.parts, parts.rows, strict=True)):
            for kind in (0, 1):
                if not row or any(len(order[kind]) != len(shape.parts) for order in self.orders):
                    excluded.add((field, kind))
        self._begin()

    def _begin(self) -> None:
        fields = range(len(self.parts.rows))
        self.kinds = [
            min({0, 1, 2} - {kind for one, kind in self.excluded if one == field}, default=2) for field in fields
        ]
        if self.by_part and any({(field, kind) for kind in (0, 1, 2)} <= self.excluded for field in fields):
            raise DependentParts
        self.tables: list[list[dict[int, int]]] = [[{} for _ in self.parts.places] for _ in self.orders]
        self.sources = [self._sources(order) for order in self.orders]
        self.gather = [itemgetter(*sources) if len(sources) > 1 else tuple for sources in self.sources]

    def _sources(self, order: tuple[tuple[int, ...], ...]) -> list[int]:
        found: list[int] = []
        for shape, row, kind in zip(self.parts.shape.parts, self.parts.rows, self.kinds, strict=True):
            width = len(shape.parts) if row else 1
            found += [len(found) + k for k in (order[kind] if kind < 2 else range(width))]
        return found

    def try_out(self, states: list[Numbers]) -> None:
        """Finds which order each tuple of records follows, by some reachable states."""
        while True:
            try:
                for numbers in states:
                    for order in range(len(self.orders)):
                        self.relabelled(numbers, order)
                return
            except WrongOrder:
                self._begin()

    def relabelled(self, numbers: Numbers, order: int) -> Numbers:
        """The relabelled state by the specification's own function. What each part becomes is noted, and must stay so."""
        relabel = self.parts.spec.relabel
        assert relabel is not None
        found = self.parts.encode(relabel(self.parts.decode(numbers), *self.orders[order]))
        if self.by_part:
            for place, (known, source, new) in enumerate(
                zip(self.tables[order], self.sources[order], found, strict=True)
            ):
                if known.setdefault(numbers[source], new) != new:
                    field = self.parts.places[place].path[0]
                    self.excluded.add((field, self.kinds[field]))
                    raise WrongOrder
        return found

    def canonical(self, numbers: Numbers) -> Numbers:
        """The chosen state."""
        best = numbers
        for order, (table, gather) in enumerate(zip(self.tables, self.gather, strict=True)):
            if self.by_part:
                try:
                    other = tuple(map(getitem, table, gather(numbers)))
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
