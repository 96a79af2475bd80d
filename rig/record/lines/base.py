"""What all lines of a record have in common."""

import msgspec

Verdict = str  # one of rig.record.verdict.Verdict, as written


class Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True, omit_defaults=True):
    """One line: `kind` says which, `t` when, in epoch seconds of the rig's machine."""

    t: float


class ScenarioLine(Line, frozen=True, kw_only=True):
    """A line of a scenario of the checklist, or of the time between two, where both are empty."""

    scenario: str = ""
    variant: str = ""


class ArmLine(Line, frozen=True, kw_only=True):
    """A line of one arm of a load: `on` or `off`."""

    arm: str


class Span(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From when to when, in epoch seconds."""

    since: float = msgspec.field(name="from")
    until: float = msgspec.field(name="to")
