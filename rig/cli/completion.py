"""The words that a shell completes: ids, campaigns, faults, levels and the like, each with a line of help.

A completion must be quick and must never fail: what cannot be listed is not completed.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from rig.setting_fields import Field

Word = tuple[str, str]  # and its help
Words = Callable[[str], list[Word]]


def completed(listing: Callable[[], Iterable[Word]]) -> Words:
    """The words of a listing that begin with what was typed so far, after the last comma."""

    def words(incomplete: str) -> list[Word]:
        before, comma, _ = incomplete.rpartition(",")
        with suppress(Exception):
            found = [(f"{before}{comma}{word}", help) for word, help in listing()]
            return [one for one in found if one[0].lower().startswith(incomplete.lower())]
        return []

    return words


def of_words(words: Iterable[str]) -> Words:
    return completed(lambda: [(word, "") for word in words])


def of_setting(field: Field) -> Words | None:
    """The values of a setting; None where they cannot be listed."""
    if field.choices:
        return of_words(field.choices)
    return stacks if field.name == "session" else None


@completed
def items() -> list[Word]:
    """Sections and items of the checklist."""
    from rig.checks.checklist.wording import WORDING
    from rig.record.sections import SECTIONS

    return [*SECTIONS.items(), *WORDING.items()]


@completed
def campaigns() -> list[Word]:
    from rig.paths import shipped

    words = [("random", "a campaign drawn from the random seed"), ("matrix", "the checklist under each class of faults"),
             ("shrink", "make a failed campaign smaller")]  # fmt: skip
    return [*words, *((path.stem, "") for path in sorted(shipped("chaos").glob("[a-z]*.py")))]


@completed
def faults() -> list[Word]:
    from rig.faults.catalogue import faults as known

    return [(name, fault.shows) for name, fault in known().items()]


@completed
def fault_classes() -> list[Word]:
    from rig.checks.checklist.fault_conditions import CLASSES

    return [(name, condition.fault) for name, condition in CLASSES.items()]


@completed
def specifications() -> list[Word]:
    from rig.runs.model.specifications import known_specs

    return [(name, "") for name in known_specs()]


@completed
def mutants() -> list[Word]:
    from rig.runs.model.specifications import known_specs, load

    return [(one.name, one.finding) for name in known_specs() for one in load(name).spec.mutants]


@completed
def mutant_servers() -> list[Word]:
    from rig.runs.mutation.catalogue import read_catalogue

    return [(entry.name, entry.sentence) for entry in read_catalogue()]


@completed
def runs() -> list[Word]:
    """Saved runs below the directory of reports that is the default, or that the environment names."""
    from rig.config import read

    return [(path.parent.name, "") for path in sorted(Path(read().reports).glob("*/run.json"), reverse=True)]


@completed
def stacks() -> list[Word]:
    from rig.environment.running_stacks import running

    return [(facts["name"], "") for facts in running()]
