"""Adds the name of a person to each id in a text, because a reader knows the names of the steps, not the ids."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rig.report import text

UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


@dataclass(frozen=True)
class Person:
    """Somebody whose row the rig wrote; `role` is mitra or customer."""

    id: str
    name: str
    role: str


People = Mapping[str, Person]  # by id


def people_of(results: Mapping[str, Any]) -> dict[str, Person]:
    """Everybody whose name was recorded, by id; empty for an older run, which recorded no names."""
    known = results.get("people") or {}
    return {id: Person(id, text.clean(one["name"]), text.clean(one["role"])) for id, one in known.items()}


def found_in(value: Any, known: People) -> tuple[Person, ...]:
    """Those whose id stands somewhere in plain JSON, in the order of their names."""
    if not known:
        return ()
    ids = set(UUID.findall(value if isinstance(value, str) else json.dumps(value, default=str)))
    return tuple(sorted((known[id] for id in ids & known.keys()), key=lambda one: (one.role, one.name, one.id)))


def spans(words: str, known: People) -> list[tuple[str, str]]:
    """The text in parts; the second of a pair is the name of the person whose id ends the first, or empty."""
    parts: list[tuple[str, str]] = []
    position = 0
    for match in UUID.finditer(words) if known else ():
        if person := known.get(match[0]):
            parts.append((words[position : match.end()], person.name))
            position = match.end()
    return [*parts, (words[position:], "")] if position < len(words) or not parts else parts


def named(words: str, known: People) -> str:
    """The text with `(name)` behind each id, for outputs without typography."""
    return "".join(f"{part} ({name})" if name else part for part, name in spans(words, known))
