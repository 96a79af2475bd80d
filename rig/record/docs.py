"""docs/record.md and docs/record.schema.json, made from the classes of the lines: `python -m rig.record.docs` renews both."""

import json
from pathlib import Path

import msgspec
from msgspec.inspect import Field, type_info

from rig.paths import shipped
from rig.record.lines import ANY_LINE, MODULES, RECORD_VERSION, kinds_of

PAGE, SCHEMA = shipped("docs", "record.md"), shipped("docs", "record.schema.json")
HEAD = f"""# The record of a run

A run directory holds `run.json` (what was run, on what) and `record-<writer>.jsonl`, one JSON object per line, as it was observed. All else is made from these two by
`rig recheck`. This page and [record.schema.json](record.schema.json) are made from the classes in `rig/record/lines` by `python -m rig.record.docs`.

`run.json` holds `record_version`; this is version {RECORD_VERSION}. A run without one is of version 1, whose lines are the same. A rig refuses a version that it does not know, by name.

A verification with campaigns or a load keeps each of them in `parts/<name>`, a run directory of its own. The plan of the whole names them (`parts`).

Every line has `kind` and `t`, the time in epoch seconds. Lines of a scenario of the checklist have `scenario` and `variant` too. A field with a default may be left out.

In Python, `Run.load(directory)` of `rig.record` reads a run. msgspec makes an instance of a class of `rig/record/lines` of each line; one that does not fit is refused by its file, its number and the wrong field.
`run.lines.of(Request)` gives the lines of one kind in the order of their times. The lines are sorted into kinds once, when they are read: 8,700 lines (8 MB) take 0.2 s.
"""
TITLES = {
    "common": "Every kind of run", "checklist": "Checklist", "chaos": "Campaigns", "load": "Loads",
    "scaling": "Growth", "model": "Explorations", "contract": "The contract, sentence by sentence",
    "soak": "Soaks", "cutover": "Cutovers",
}  # fmt: skip


def schema() -> dict[str, object]:
    """A JSON Schema that each line of a record fits."""
    (found,), components = msgspec.json.schema_components([ANY_LINE])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "$defs": components} | {
        "title": f"A line of a record, version {RECORD_VERSION}"
    }


def page() -> str:
    """The whole page, a table per kind of line."""
    parts = [HEAD]
    for module in MODULES:
        parts.append(f"## {TITLES[module.__name__.rpartition('.')[2]]}\n")
        for kind, line in kinds_of(module).items():
            info = type_info(line)
            assert isinstance(info, msgspec.inspect.StructType)
            rows = [row(field) for field in info.fields if field.name not in ("t", "scenario", "variant")]
            told = " ".join((line.__doc__ or "").split())
            parts.append(f"### `{kind}`\n\n{told}\n\n" + table(rows))
    return "\n".join(parts)


def table(rows: list[str]) -> str:
    return "\n".join(["| field | type | default |", "|---|---|---|", *rows]) + "\n" if rows else ""


def row(field: Field) -> str:
    given = "" if field.required else f"`{default(field)}`"
    return f"| `{field.encode_name}` | {name_of(field.type)} | {given} |"


def default(field: Field) -> str:
    if field.default_factory is not msgspec.NODEFAULT:
        return json.dumps(field.default_factory())
    return json.dumps(field.default)


def name_of(found: msgspec.inspect.Type) -> str:
    """A type in words of JSON: `list of text`, `number or null`."""
    inspect = msgspec.inspect
    simple = {
        inspect.StrType: "text", inspect.IntType: "whole number", inspect.FloatType: "number", inspect.BoolType: "true or false",
        inspect.NoneType: "null", inspect.AnyType: "anything",
    }  # fmt: skip
    if type(found) in simple:
        return simple[type(found)]
    if isinstance(found, inspect.ListType):
        return f"list of {name_of(found.item_type)}"
    if isinstance(found, inspect.TupleType):
        return f"[{', '.join(name_of(one) for one in found.item_types)}]"
    if isinstance(found, inspect.DictType):
        return f"object of {name_of(found.value_type)}"
    if isinstance(found, inspect.UnionType):
        return " or ".join(name_of(one) for one in found.types)
    if isinstance(found, inspect.NamedTupleType):
        return f"[{', '.join(f'`{one.encode_name}`' for one in found.fields)}]"
    if isinstance(found, inspect.StructType):
        return "{" + ", ".join(f"`{one.encode_name}`" for one in found.fields) + "}"
    raise TypeError(f"no words for {found}")


def write(page_at: Path = PAGE, schema_at: Path = SCHEMA) -> None:
    page_at.write_text(page())
    schema_at.write_text(json.dumps(schema(), indent=1) + "\n")


if __name__ == "__main__":
    write()
