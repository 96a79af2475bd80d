"""What all lines of a record have in common."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
else:  # msgspec knows no type that contains itself
    Json = Any

Number = int | float  # not only `float`: a whole number stays one when it is read back

Verdict = str  # one of rig.record.verdict.Verdict, as written


class Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True, omit_defaults=True):
    """One line: `kind` says what it records, `t` when, in epoch seconds of the rig's machine."""

    t: float


class ScenarioLine(Line, frozen=True, kw_only=True):
    """A line of a checklist scenario. Both fields are empty between scenarios and in other kinds of run."""

    scenario: str = ""
    variant: str = ""


class ArmLine(Line, frozen=True, kw_only=True):
    """A line of one arm of a load: `on` or `off`."""

    arm: str


class Span(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A period, in epoch seconds."""

    since: float = msgspec.field(name="from")
    until: float = msgspec.field(name="to")
