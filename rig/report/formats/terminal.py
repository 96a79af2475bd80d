"""What stands on the terminal when a run has ended: what did not pass, the verdict, the replay."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box as boxes
from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from rig import terminal
from rig.record import RunDirectory, Verdict
from rig.report import text, trim, words
from rig.report.build import build
from rig.report.formats.github import annotations
from rig.report.page import Item, Page

COLOURS = {
    Verdict.PASSED: "green",
    Verdict.FAILED: "red",
    Verdict.BROKEN: "magenta",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.SKIPPED: "bright_black",
}
WALKS_MAX = 2
TROUBLES_MAX = 12  # more would push the verdict off the screen; the report has them all


def print_summary(
    results: Mapping[str, Any], directory: RunDirectory | None = None, console: Console | None = None
) -> None:
    """Print the end of a run. The console decides on colour (NO_COLOR, a pipe), its encoding on the marks.

    In a quiet run that is its verdict and the path of its report. On GitHub annotations come before it.
    """
    if console is None:
        for line in annotations(results):
            terminal.print_always(line)
        terminal.print_result(str(results["verdict"]), directory.report if directory else "")
    _Summary(build(results), console or terminal.console()).show(directory)


class _Summary:
    def __init__(self, view: Page, console: Console) -> None:
        self.view = view
        self.console = console
        self.marks = words.MARKS if console.encoding.lower().startswith("utf") else words.ASCII_MARKS

    def show(self, directory: RunDirectory | None) -> None:
        """Print everything. A character that the console cannot encode becomes a question mark, not an error."""
        if self.marks is words.MARKS:
            self._show(directory)
            return
        encoding = self.console.encoding
        with self.console.capture() as captured:
            self._show(directory)
        self.console.file.write(captured.get().encode(encoding, "replace").decode(encoding))

    def _show(self, directory: RunDirectory | None) -> None:
        self.console.print()
        if len(self.view.sections) > 1 or self.view.total > len(self.view.troubles):
            self.console.print(self._table())
            self.console.print()
        self._load()
        self._troubles()
        self._walks()
        self._skips()
        self._weakens()
        rule = Rule(style="bright_black", characters="─" if self.marks is words.MARKS else "-")
        self.console.print(rule, width=min(self.console.width, terminal.RULE_MAX))
        self._verdict()
        self._facts(directory)

    def _mark(self, verdict: Verdict) -> Text:
        return Text(f"{self.marks[verdict]} {verdict}", style=f"bold {COLOURS[verdict]}")

    def _table(self) -> Table:
        """One row per section, one column per verdict that occurs."""
        shown = [verdict for verdict, number in self.view.counts.items() if number]
        table = Table(box=boxes.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bright_black")
        table.add_column("section")  # the only one that may wrap
        for verdict in shown:
            # Where space is short the mark says it; the last lines give mark and word.
            head = verdict.value if self.console.width >= 100 else self.marks[verdict]
            table.add_column(Text(head, style=COLOURS[verdict]), justify="right", no_wrap=True)
        table.add_column("time", justify="right", no_wrap=True)
        for section in self.view.sections:
            counts = section.counts
            cells = [
                Text(str(counts[verdict] or ""), style="" if verdict is Verdict.PASSED else COLOURS[verdict])
                for verdict in shown
            ]
            letter = f"{section.letter:<3}" if any(other.letter for other in self.view.sections) else ""
            table.add_row(Text(letter + section.heading), *cells, text.seconds(section.seconds))
        return table

    def _load(self) -> None:
        """The claims of a load run: the limit and the values measured with and without the mirror."""
        claims = self.view.load.table("claims") if self.view.load else None
        if claims is None:
            return
        table = Table(box=boxes.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bright_black")
        table.add_column("claim")
        for head in ("limit", "with", "without"):
            table.add_column(head, justify="right")
        for verdict, name, wording, *numbers in claims.rows:
            mark = Text(self.marks[verdict.verdict], COLOURS[verdict.verdict]) if verdict.verdict else Text(" ")
            what = Text.assemble(mark, " ", (name.text, "bold"), " ", wording.text)
            table.add_row(what, *(Text(self._typed(cell.text)) for cell in numbers))
        self.console.print(table)
        self.console.print()

    def _typed(self, figure: str) -> str:
        """A figure for a console without Unicode, where its spaces and signs would become question marks."""
        if self.marks is words.MARKS:
            return figure
        return figure.translate({0x2009: "", 0xA0: " ", ord("≤"): "<=", ord("≥"): ">=", ord("—"): "-"})

    def _troubles(self) -> None:
        for alike in self.view.causes[:TROUBLES_MAX]:
            self._trouble(alike[0]) if len(alike) == 1 else self._cause(alike)
        more = sum(map(len, self.view.causes[TROUBLES_MAX:]))
        if more:
            noun = words.plural(more, f"more {self.view.noun[0]}", f"more {self.view.noun[1]}")
            self.console.print(Text(f"... {noun} did not pass: see the report.\n"))

    def _trouble(self, item: Item) -> None:
        self.console.print(Text.assemble(self._mark(item.verdict), "  ", (item.id, "bold")))
        for paragraph in (text.flat(item.title), trim.message(item.message)):
            if paragraph:
                self.console.print(Padding(Text(paragraph), (0, 0, 0, 2), expand=False))
        if item.replay:
            self._command(item.replay, indent=2)
        self.console.print()

    def _cause(self, alike: Sequence[Item]) -> None:
        """A cause that several items share, printed once; the report has each item."""
        count = words.plural(len(alike), *self.view.noun)
        self.console.print(Text.assemble(self._mark(alike[0].verdict), "  ", (count, "bold")))
        for paragraph in (", ".join(item.id for item in alike), trim.message(alike[0].message)):
            self.console.print(Padding(Text(paragraph), (0, 0, 0, 2), expand=False))
        self.console.print()

    def _walks(self) -> None:
        """The shortest walks that broke a sentence, as a scenario and as lines for a shell."""
        for walk in self.view.walks[:WALKS_MAX]:
            count = words.plural(walk.requests, "request")
            self.console.print(Text(f"{walk.sentence} is broken by {walk.name}, {count}", style="bold"))
            for line in walk.scenario:
                self.console.print(Padding(Text(self._typed(line)), (0, 0, 0, 2), expand=False))
            for line in walk.shell:
                self._command(line, indent=2)
            self.console.print()
        more = len(self.view.walks) - WALKS_MAX
        if more > 0:
            self.console.print(Text(f"... {words.plural(more, 'more walk')} in the report\n"))

    def _command(self, command: str, indent: int = 0) -> None:
        """Never wrapped by us, so that it can be copied whole."""
        line = Text.assemble(" " * indent, (command, "cyan"))
        self.console.print(line, soft_wrap=True)

    def _skips(self) -> None:
        if not self.view.skips:
            return
        self.console.print(Text("Skipped", style="bold"))
        for reason, ids in self.view.skips.items():
            grid = Table.grid(padding=(0, 1))
            grid.add_row("-", Text(f"{', '.join(ids)}: {trim.message(reason)}"))
            self.console.print(grid)
        self.console.print()

    def _weakens(self) -> None:
        if not self.view.weakens:
            return
        self.console.print(Text("What weakens this verdict", style="bold"))
        for reason in self.view.weakens:
            grid = Table.grid(padding=(0, 1))
            grid.add_row("-", Text(trim.message(reason)))
            self.console.print(grid)
        self.console.print()

    def _verdict(self) -> None:
        verdict = self.view.verdict
        mark = Text(f"{self.marks[verdict]} {verdict.upper()}", style=f"bold {COLOURS[verdict]}")
        self.console.print(Text.assemble(mark, "  ", self.view.headline))
        if self.view.message and self.view.message != self.view.headline:
            self.console.print(Text(trim.message(self.view.message)))
        if self.view.total:
            counts = Text(" · " if self.marks is words.MARKS else ", ").join(
                Text(f"{number} {verdict}", style=COLOURS[verdict])
                for verdict, number in self.view.counts.items()
                if number
            )
            promises = f"  ({self.view.promises})" if self.view.promises else ""
            self.console.print(Text.assemble(counts, (promises, "bright_black")))

    def _facts(self, directory: RunDirectory | None) -> None:
        facts = dict(self.view.facts)
        for name in ("Judged", "Label", "Commit", "Stack", "Took", "Random seed", "Cadence"):
            if name in facts:
                self._fact(name.lower(), facts[name], whole=False)
        if self.view.command:
            self._fact("replay", self.view.command, "cyan")
        if directory is not None:  # last of all: what the eye, and a script, finds first
            self._fact("report", str(directory.report))

    def _fact(self, name: str, value: str, style: str = "", *, whole: bool = True) -> None:
        """A line that may be copied stays whole, however long it is."""
        line = Text.assemble((f"{name:<12} ", "bright_black"), (value, style))
        self.console.print(line, soft_wrap=whole)
