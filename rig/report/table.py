"""What a report shows in tables and charts, before a format renders it."""

from dataclasses import dataclass

from markupsafe import Markup

from rig.record import Verdict


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table; `arm` gives it that arm's colour and sign."""

    text: str
    verdict: Verdict | None = None
    link: str = ""
    note: str = ""
    arm: str = ""
    code: bool = False
    drawing: Markup | None = None


@dataclass(frozen=True)
class Table:
    """A table that says in one sentence how to read it. A column whose name begins with `#` holds numbers."""

    id: str
    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    open_rows: int = 1000  # the rows beyond are folded
    more: str = ""  # what was left out


@dataclass(frozen=True)
class Figure:
    """A chart with its legend: a name, its arm, and whether its line is dashed."""

    title: str
    drawing: Markup
    legend: tuple[tuple[str, str, bool], ...]
