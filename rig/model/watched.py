"""States that note which of their values are read, so that an outcome is remembered by what it depends on.

A state is taken apart into leaves: the fields of the state, of the records in it, and of the records in its tuples. What
a function reads of a watched state is noted in a log; what it puts anew into a state is found afterwards.
"""

from collections.abc import Callable, Iterator
from typing import Any

from rig.model.language import State

NONE: frozenset[int] = frozenset()
WHOLE = [
    "iter",
    "getitem",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "hash",
    "contains",
    "add",
    "radd",
    "mul",
    "rmul",
    "repr",
]


class ShapeChanged(Exception):
    """A part that was taken apart has got another shape. It must stay in one piece."""

    def __init__(self, path: tuple[int, ...]) -> None:
        super().__init__(path)
        self.path = path


class Shape:
    """How a part of a state is taken apart: a record into its fields, a tuple of records into these, a leaf not at all."""

    def __init__(self, value: Any, path: tuple[int, ...], leaves: list["Shape"], whole: set[tuple[int, ...]]) -> None:
        self.path = path
        self.type = type(value)
        self.first = len(leaves)  # the place of its first leaf
        self.parts: list[Shape] = []
        self.is_leaf = path in whole or not _has_records(value)
        if self.is_leaf:
            leaves.append(self)
        else:
            self.parts = [Shape(one, (*path, k), leaves, whole) for k, one in enumerate(value)]
        self.end = len(leaves)
        self.is_record = hasattr(value, "_fields") and not self.is_leaf
        self.leaves = [part.first if part.is_leaf else -1 for part in self.parts]

    def fits(self, value: Any) -> None:
        """Raises ShapeChanged if a value has another shape."""
        if type(value) is not self.type or len(value) != len(self.parts):
            raise ShapeChanged(self.path)

    def taken_apart(self, value: Any) -> Iterator[tuple["Shape", Any]]:
        """The leaves of a plain value."""
        if self.is_leaf:
            yield self, value
            return
        self.fits(value)
        for part, one in zip(self.parts, value, strict=True):
            yield from part.taken_apart(one)

    def put_together(self, leaf: Callable[[int], Any]) -> Any:
        """The plain value that has these leaves."""
        if self.is_leaf:
            return leaf(self.first)
        values = [part.put_together(leaf) for part in self.parts]
        return self.type._make(values) if self.is_record else tuple(values)


def _has_records(value: Any) -> bool:
    """Whether it is a record, or a tuple of such, or a tuple of tuples of such."""
    if hasattr(value, "_fields"):
        return True
    return type(value) is tuple and bool(value) and all(map(_has_records, value))


class Watch:
    """Makes watched states, with one log for all of them."""

    def __init__(self) -> None:
        self.log: dict[int, None] = {}  # the places of the leaves that were read, in this order
        self.types: dict[type, type] = {}  # type of a record -> its watched type
        self.watched: set[type] = set()

    def view(self, shape: Shape, leaf: Callable[[int], Any], offset: int) -> Any:
        """A value of this shape whose leaves, once read, are noted with their places plus `offset`."""
        if shape.is_leaf:
            return leaf(shape.first)
        values = [leaf(part.first) if part.is_leaf else self.view(part, leaf, offset) for part in shape.parts]
        if not shape.is_record:
            return tuple(values)  # its length never changes, and what is in it watches itself
        if shape.type not in self.types:
            self.types[shape.type] = made = self._watched(shape.type)
            self.watched.add(made)
        record: Any = tuple.__new__(self.types[shape.type], values)
        record._shape, record._offset, record._own = shape, offset, NONE
        return record

    def changes(self, shape: Shape, value: Any) -> Iterator[tuple[Shape, Any]]:
        """The leaves that a function gave a new value, by what it made of a watched state."""
        kind: type = type(value)
        if shape.is_leaf:
            yield shape, self.plain(value)
        elif kind in self.watched and shape.is_record and self.types[shape.type] is kind:
            moved = value._shape is not shape
            for k, part in enumerate(shape.parts):
                if moved and k not in value._own and value._shape.leaves[k] >= 0:
                    self.log[value._offset + value._shape.leaves[k]] = None
                if moved or k in value._own:
                    yield from self.changes(part, tuple.__getitem__(value, k))
        else:
            shape.fits(value)
            for part, one in zip(shape.parts, tuple.__iter__(value), strict=True):
                yield from self.changes(part, one)

    def plain(self, value: Any) -> Any:
        """A value without watched records in it. They count as read."""
        kind: Any = type(value)
        if kind in self.watched:
            return kind.__base__._make(map(self.plain, value))
        if kind is frozenset:
            return frozenset(map(self.plain, value)) if value else value
        if isinstance(value, tuple) and value:
            values = list(map(self.plain, value))
            if all(one is other for one, other in zip(values, value, strict=True)):
                return value
            return tuple(values) if kind is tuple else kind._make(values)
        return value

    def _watched(self, record: type) -> type:
        """A subclass of a record's type whose instances note which fields are read."""
        log, watched = self.log, self.watched
        item, items, build = tuple.__getitem__, tuple.__iter__, tuple.__new__
        places = {name: k for k, name in enumerate(record._fields)}  # type: ignore[attr-defined]  # a NamedTuple

        def getter(k: int) -> property:
            def get(self: Any) -> Any:
                if k not in self._own and (place := self._shape.leaves[k]) >= 0:
                    log[self._offset + place] = None
                return item(self, k)

            return property(get)

        def replace(self: Any, /, **new: Any) -> Any:
            values = list(items(self))
            for name, value in new.items():
                values[places[name]] = value
            reached: Any = build(made, values)
            reached._shape, reached._offset = self._shape, self._offset
            reached._own = self._own.union([places[name] for name in new])
            return reached

        def note(record: Any) -> None:
            for k, place in enumerate(record._shape.leaves if record._shape else ()):
                if place >= 0 and k not in record._own:
                    log[record._offset + place] = None

        def whole(name: str) -> Callable[..., Any]:
            inherited = getattr(record, name)

            def method(self: Any, *arguments: Any) -> Any:
                for one in (self, *arguments):
                    if type(one) in watched:
                        note(one)
                return inherited(self, *arguments)

            return method

        body: dict[str, Any] = {f"__{name}__": whole(f"__{name}__") for name in WHOLE if hasattr(record, f"__{name}__")}
        body |= {name: whole(name) for name in ("index", "count") if name not in places}
        body |= {name: getter(k) for name, k in places.items()}
        body |= {"_own": frozenset(places.values()), "_shape": None, "_offset": 0, "_replace": replace}
        body["__radd__"] = lambda self, other: (*other, *self)
        made = type(record.__name__, (record,), body)
        return made


def shape_of(state: State, whole: set[tuple[int, ...]]) -> tuple[Shape, list[Shape]]:
    """The shape of a state, with its leaves. `whole`: the paths of the parts that stay in one piece."""
    leaves: list[Shape] = []
    return Shape(state, (), leaves, whole), leaves
