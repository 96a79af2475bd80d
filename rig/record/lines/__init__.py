"""The lines of a record, one class per kind; docs/record.md tells of each, docs/record.schema.json checks them.

A change of a class is a new RECORD_VERSION, with a step that upgrades older runs or a refusal (`rig/record/upgrade.py`).
"""

from functools import reduce
from operator import or_
from types import ModuleType
from typing import Any

import msgspec

from rig.record.lines import chaos, checklist, common, contract, load, model, scaling
from rig.record.lines.base import Line

RECORD_VERSION = 2
MODULES = (common, checklist, contract, chaos, load, scaling, model)


def kinds_of(module: ModuleType) -> dict[str, type[Line]]:
    """The lines that a module declares, by the `kind` that stands in them; a class without a tag is a base of others."""
    found: dict[str, type[Line]] = {}
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Line) and value.__module__ == module.__name__:
            tag = value.__struct_config__.tag
            if isinstance(tag, str) and tag != value.__name__:
                found[tag] = value
    return found


KINDS: dict[str, type[Line]] = {tag: line for module in MODULES for tag, line in kinds_of(module).items()}
ANY_LINE: Any = reduce(or_, KINDS.values())
DECODER = msgspec.json.Decoder(ANY_LINE)


def decoded(text: str | bytes) -> Line:
    """A line of a record's file. ValueError says what is wrong with it."""
    line: Line = DECODER.decode(text)
    return line
