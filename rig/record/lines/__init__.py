"""The lines of a record, one class per kind. docs/record.md and docs/record.schema.json are made from them.

A change of the saved form needs a new RECORD_VERSION, and a step that upgrades older runs or refuses them
(`rig/record/upgrade.py`).
"""

import json
import time
from collections.abc import Mapping
from functools import reduce
from operator import or_
from types import ModuleType
from typing import TypeVar

import msgspec

from rig.record.lines import chaos, checklist, common, contract, cutover, load, model, scaling, soak
from rig.record.lines.base import Line

L = TypeVar("L", bound=Line)
RECORD_VERSION = 2
MODULES = (common, checklist, contract, chaos, load, scaling, model, soak, cutover)


def kinds_of(module: ModuleType) -> dict[str, type[Line]]:
    """The lines that a module declares, by their `kind`. Classes without a tag are base classes."""
    found: dict[str, type[Line]] = {}
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Line) and value.__module__ == module.__name__:
            tag = value.__struct_config__.tag
            if isinstance(tag, str) and tag != value.__name__:
                found[tag] = value
    return found


KINDS: dict[str, type[Line]] = {tag: line for module in MODULES for tag, line in kinds_of(module).items()}
ANY_LINE: object = reduce(or_, KINDS.values())
DECODER = msgspec.json.Decoder(ANY_LINE)


def decoded(text: str | bytes) -> Line:
    """A line from its saved form. ValueError says what is wrong with it."""
    line: Line = DECODER.decode(text)
    return line


def line_from(kind: type[L], fields: Mapping[str, object]) -> L:
    """A line from fields as plain JSON, as another process sends them; `t` is the current time if it is missing.

    ValueError for a field that is unknown, missing or of another type.
    """
    text = json.dumps({"t": time.time(), **fields, "kind": kind.__struct_config__.tag}, default=str)
    line = decoded(text)
    assert isinstance(line, kind)
    return line
