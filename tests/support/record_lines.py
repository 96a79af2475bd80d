"""Lines of made-up runs. Tests write them in their saved form and leave out the fields that a check does not read."""

import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from msgspec import inspect

from rig.checks.framework import HARDENED, Bounds, Judgement, judge_lines
from rig.record import Lines, RecordWriter
from rig.record.evidence import Evidence
from rig.record.lines import KINDS, line_from

Plain = Mapping[str, Sequence[Mapping[str, Any]]]  # by kind
# A fault of a test is a whole outage that the contract covers, unless the test says otherwise.
USUAL: Mapping[str, Mapping[str, Any]] = {"fault": {"outage": True, "noticed": True, "seeds": True}}


def lines_of(plain: Plain) -> Lines:
    """All lines of a run, as a check reads them."""
    return Lines(
        line_from(KINDS[kind], filled(type_of(kind), {**USUAL.get(kind, {}), **fields}))
        for kind, lines in plain.items()
        for fields in lines
    )


def judge_plain(item: str, plain: Plain, bounds: Bounds, level: str = HARDENED) -> tuple[Judgement, list[Evidence]]:
    """Judge an item from these lines: the judgement, and the evidence that the check has chosen."""
    return judge_lines(item, lines_of(plain), bounds, level)


def write(recorder: RecordWriter, kind: str, /, **fields: Any) -> None:
    """Append a line of this kind to a record; `t` is now, unless it is given."""
    recorder.add(line_from(KINDS[kind], {"t": time.time(), **fields}))


@cache
def type_of(kind: str) -> inspect.Type:
    return inspect.type_info(KINDS[kind])


def filled(wanted: inspect.Type, value: Any) -> Any:
    """The value, with a blank in place of each required field that it lacks."""
    if isinstance(wanted, inspect.UnionType) and value is not None:
        options = [one for one in wanted.types if not isinstance(one, inspect.NoneType)]
        return filled(options[0], value) if len(options) == 1 else value
    if isinstance(wanted, inspect.StructType) and isinstance(value, Mapping):
        blanks = {one.encode_name: blank(one.type) for one in wanted.fields if one.required}
        types = {one.encode_name: one.type for one in wanted.fields}
        return {**blanks, **{name: filled(types[name], own) if name in types else own for name, own in value.items()}}
    if isinstance(wanted, inspect.ListType) and isinstance(value, list):
        return [filled(wanted.item_type, one) for one in value]
    return value


def blank(wanted: inspect.Type) -> Any:
    """A value of this type that says nothing."""
    if isinstance(wanted, inspect.UnionType | inspect.AnyType | inspect.NoneType):
        return None
    if isinstance(wanted, inspect.StructType):
        return filled(wanted, {})
    simple: dict[type[inspect.Type], Any] = {
        inspect.StrType: "", inspect.IntType: 0, inspect.FloatType: 0.0, inspect.BoolType: False,
        inspect.ListType: [], inspect.DictType: {},
    }  # fmt: skip
    return simple[type(wanted)]
