"""Reads the file of known deviations: what a server breaks, why that is accepted, and until when."""

import tomllib
from collections.abc import Collection
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rig.errors import UsageError, unknown
from rig.record.lines.common import AcceptedDeviation


class Entry(BaseModel):
    """One `[[accept]]` of the file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: str
    reason: str = Field(min_length=1)
    until: date  # the last day on which it is accepted


class File(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    accept: list[Entry]


def read_accepted(path: Path, known: Collection[str]) -> list[AcceptedDeviation]:
    """The deviations of the file, in its order. UsageError, in one line, for a file that cannot be used.

    `known`: the ids of all items and sentences.
    """
    try:
        file = File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"--accept {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--accept {path} is no TOML: {error}") from None
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise UsageError(f"--accept {path}: {place}: {problem['msg'].lower()}") from None
    ids = [entry.id for entry in file.accept]
    for id in ids:
        if id not in known:
            raise unknown("item or sentence", id, sorted(known), f"it stands in {path}")
        if ids.count(id) > 1:
            raise UsageError(f"--accept {path}: {id} stands there twice: leave one of them out")
    return [AcceptedDeviation(entry.id, entry.reason, entry.until.isoformat()) for entry in file.accept]
