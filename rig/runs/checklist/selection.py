"""Which boxes a run answers, from what was typed."""

from collections.abc import Iterable, Sequence

from rig.checks import load_checks
from rig.errors import UsageError
from rig.record.sections import SECTIONS


def select_items(wanted: Iterable[str]) -> list[str]:
    """Ids or sections (`C-07`, `C`, `setup`, comma-separated) as ids in the checklist's order; all for none.

    UsageError names what is neither.
    """
    checks = load_checks()
    known = [id for section in SECTIONS for id in sorted(checks) if checks[id].section == section]
    chosen: set[str] = set()
    for word in (part.strip().upper() for text in wanted for part in text.split(",")):
        matching = [id for id in known if word in (id, checks[id].section)]
        if not matching:
            sections = ", ".join(SECTIONS)
            raise UsageError(f"no box or section {word!r} in the checklist (sections: {sections}; boxes: C-07)")
        chosen.update(matching)
    return [id for id in known if id in chosen] if chosen else known


def only_words(only: Sequence[str]) -> list[str]:
    """The boxes asked for, as they are asked for again."""
    return ["--only", ",".join(only)] if only else []
