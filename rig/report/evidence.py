"""Shapes each kind of evidence for print: the HTML template draws it, `plain` writes it as text."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from rig.record.evidence import Evidence
from rig.report import text, trim
from rig.report.charts import sequence
from rig.report.explain.subjects import NOTHING, Marks
from rig.report.trim import Gap, Limits, Line

Parts = Collection[int]  # the numbers of the rows or lines that the verdict is about

NEVER = "never came"


@dataclass(frozen=True)
class Block:
    """One piece of evidence, ready to print. Only the fields that its kind uses are set."""

    kind: str
    label: str  # what it is, in a word or two
    command: str | None = None  # what was run or asked; can be copied
    facts: tuple[tuple[str, str], ...] = ()  # short name and value, printed in a row
    columns: tuple[str, ...] = ()
    rows: tuple["Row | Gap", ...] = ()
    lines: tuple[Line | Gap, ...] = ()
    looked_for: str | None = None
    found: int = 0  # lines that hold the text looked for
    bar: "Bar | None" = None
    words: str | None = None  # a note
    drawing: Markup | None = None
    marked: bool = False  # the verdict is about this piece

    @property
    def marks(self) -> int:
        """How many marks it bears."""
        return self.marked + sum(one.marked for one in (*self.lines, *self.rows) if not isinstance(one, Gap))


@dataclass(frozen=True)
class Row:
    """A row of a query's result; `marked` where the verdict is about it."""

    cells: tuple[str, ...]
    marked: bool = False


@dataclass(frozen=True)
class Bar:
    """A measured time against its bound, in seconds; `measured_s` is None when the event never came."""

    what: str
    measured_s: float | None
    bound_s: float
    scale_s: float = field(init=False)

    def __post_init__(self) -> None:
        # The bound stands at four fifths of the bar unless the measured time is beyond it.
        object.__setattr__(self, "scale_s", max(self.bound_s * 1.25, (self.measured_s or 0) * 1.05) or 1.0)

    @property
    def over(self) -> bool:
        return self.measured_s is None or self.measured_s > self.bound_s

    @property
    def measured_percent(self) -> float:
        filled = self.scale_s if self.measured_s is None else max(0.0, self.measured_s)
        return round(100 * filled / self.scale_s, 1)

    @property
    def bound_percent(self) -> float:
        return round(100 * self.bound_s / self.scale_s, 1)

    def __str__(self) -> str:
        came = NEVER if self.measured_s is None else text.seconds(self.measured_s)
        return f"{came} of {text.seconds(self.bound_s)} allowed" + (", over the bound" if self.over else "")


def blocks(pieces: Sequence[Evidence], limits: Limits, marked: Sequence[Marks] = ()) -> list[Block]:
    """The evidence of one answer as printable blocks; those beyond the limit become a note of how many.

    `marked` says for each piece what of it the verdict is about.
    """
    numbers = trim.chosen(len(pieces), limits.pieces, [n for n, marks in enumerate(marked) if marks])
    kept = [_block(pieces[n], limits, marked[n] if marked else NOTHING) for n in numbers]
    if len(pieces) > len(numbers):
        left_out = f"… {len(pieces) - len(numbers)} more pieces of evidence, in results.json"
        kept.append(Block("note", "Note", words=left_out))
    return kept


def _block(piece: Evidence, limits: Limits, marks: Marks) -> Block:
    shaped = SHAPES.get(piece.get("kind", ""), _unknown)(piece, limits, marks.parts)
    return replace(shaped, marked=marks.whole)


def bar(piece: Evidence) -> Bar:
    """The bar of a piece of timing evidence."""
    measured = piece.get("measured_s")
    return Bar(
        text.clean(piece.get("what") or ""),
        None if measured is None else float(measured),
        float(piece.get("bound_s") or 0),
    )


def _sql(piece: Evidence, limits: Limits, parts: Parts) -> Block:
    rows = piece.get("rows") or []
    kept = [
        (n, Row(tuple(trim.value(_cell(cell), limits) for cell in rows[n]), n in parts))
        for n in trim.chosen(len(rows), limits.rows, parts)
    ]
    return Block(
        "sql", "Postgres",
        command=trim.value(piece.get("statement", ""), limits),
        facts=(("rows", str(len(rows))),),
        columns=tuple(text.clean(column) for column in piece.get("columns") or ()),
        rows=tuple(trim.with_gaps(kept, len(rows), "row")),
    )  # fmt: skip


def _cell(value: object) -> object:
    """SQL says NULL, t and f where Python says None, True and False."""
    if value is None:
        return "NULL"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value


def _valkey(piece: Evidence, limits: Limits, parts: Parts) -> Block:
    ttl = piece.get("ttl_ms")
    facts = []
    if piece.get("type"):
        facts.append(("type", text.clean(piece["type"])))
    if ttl is not None:
        facts.append(("TTL", {-1: "none", -2: "no such key"}.get(ttl) or text.seconds(ttl / 1000)))
    value = piece.get("value")
    members = value if isinstance(value, list | tuple) else text.clean(value).split("\n")
    if isinstance(value, list | tuple):
        facts.append(("members", str(len(value))))
    return Block(
        "valkey", "Valkey",
        command=trim.value(piece.get("command", ""), limits),
        facts=tuple(facts),
        lines=tuple(trim.lines([text.as_text(member) for member in members], limits, marked=parts)),
    )  # fmt: skip


def _commands(piece: Evidence, limits: Limits, parts: Parts) -> Block:
    raw = piece.get("lines") or []
    return Block(
        "commands", "Valkey MONITOR",
        facts=(("", text.clean(piece.get("title") or "")), ("commands", str(len(raw)))),
        lines=tuple(trim.lines(raw, limits, marked=parts)),
    )  # fmt: skip


def _log(piece: Evidence, limits: Limits, parts: Parts) -> Block:
    raw, looked_for = piece.get("lines") or [], piece.get("looked_for")
    pattern = trim.needle(looked_for)
    return Block(
        "log", "Log",
        facts=(("", text.clean(piece.get("source") or "")),),
        lines=tuple(trim.lines(raw, limits, looked_for, parts)),
        looked_for=text.clean(looked_for) if looked_for else None,
        found=sum(bool(pattern.search(text.clean(str(line)))) for line in raw) if pattern else 0,
    )  # fmt: skip


def _http(piece: Evidence, limits: Limits, parts: Parts) -> Block:
    started, ended, status = piece.get("started"), piece.get("ended"), piece.get("status")
    facts = [("by", text.clean(piece.get("actor") or "?"))]
    facts.append(("status", "no answer, outcome unknown" if status is None else str(status)))
    if started is not None and ended is not None:
        facts.append(("took", text.seconds(ended - started)))
    if started is not None:
        facts.append(("at", text.clock(started)))
    if piece.get("error"):
        facts.append(("error", trim.value(piece["error"], limits)))
    reply = piece.get("reply")
    asked = f"{piece.get('method', '')} {piece.get('url', '')}".strip()
    return Block(
        "http", "HTTP",
        command=trim.value(piece.get("curl") or asked, limits),
        facts=tuple(facts),
        lines=tuple(trim.lines(text.clean(reply).split("\n"), limits)) if reply not in (None, "") else (),
    )  # fmt: skip


def _statements(piece: Evidence, limits: Limits, parts: Parts) -> Block:
    counts: Mapping[str, int] = piece.get("counts") or {}
    return Block(
        "statements", "Statement log",
        facts=(
            ("", text.clean(piece.get("title") or "")),
            *((text.clean(name), str(number)) for name, number in counts.items()),
        ),
        lines=tuple(trim.lines(piece.get("lines") or [], limits, marked=parts)),
    )  # fmt: skip


def _timing(piece: Evidence, limits: Limits, parts: Parts) -> Block:
    return Block("timing", "Time", bar=bar(piece))


def _note(piece: Evidence, limits: Limits, parts: Parts) -> Block:
    return Block("note", "Note", words=trim.value(piece.get("text", ""), limits))


def _counts(piece: Evidence, limits: Limits, parts: Parts) -> Block:
    """All of them: what was never seen is what a reader looks for."""
    numbers: Mapping[str, int] = piece.get("counts") or {}
    rows = [Row((text.clean(name), str(number))) for name, number in numbers.items()]
    seen = sum(number > 0 for number in numbers.values())
    return Block(
        "sql", "Counts",
        facts=(("", text.clean(piece.get("title") or "")), ("seen", f"{seen} of {len(numbers)}")),
        columns=("what", "how often"),
        rows=tuple(rows),
    )  # fmt: skip


def _path(piece: Evidence, limits: Limits, parts: Parts) -> Block:
    return Block("path", "Path", facts=(("", text.clean(piece.get("title") or "")),), drawing=sequence.path(piece))


def _unknown(piece: Evidence, limits: Limits, parts: Parts) -> Block:
    """A kind that this version does not know is printed as it is rather than lost."""
    raw = text.clean(dict(piece)).split("\n")
    return Block("other", text.clean(piece.get("kind") or "Evidence"), lines=tuple(trim.lines(raw, limits)))


SHAPES: dict[str, Callable[[Evidence, Limits, Parts], Block]] = {
    "sql": _sql,
    "valkey": _valkey,
    "commands": _commands,
    "log": _log,
    "http": _http,
    "statements": _statements,
    "timing": _timing,
    "note": _note,
    "path": _path,
    "counts": _counts,
}


def plain(pieces: Sequence[Evidence], limits: Limits = trim.PLAIN, marked: Sequence[Marks] = ()) -> str:
    """The same evidence as lines of text, for outputs without typography."""
    return "\n".join(line for block in blocks(pieces, limits, marked) for line in _plain(block))


def _plain(block: Block) -> list[str]:
    facts = ", ".join(f"{name} {value}".strip() for name, value in block.facts if value)
    printed = [f"[{block.label}] {facts}".rstrip()]
    if block.bar:
        printed = [f"[{block.label}] {block.bar.what}: {block.bar}"]
    if block.words:
        printed = [f"[{block.label}] {block.words}"]
    if block.marked:
        printed[0] = trim.MARK + printed[0]
    if block.command:
        printed += [f"  {line}" for line in block.command.split("\n")]
    if block.looked_for:
        printed.append(f"  looked for: {block.looked_for} ({block.found} found)")
    if block.columns:
        printed.append("  " + " | ".join(block.columns))
        printed += [f"  {row if isinstance(row, Gap) else _joined(row)}" for row in block.rows]
    return printed + [f"  {line}" for line in block.lines]


def _joined(row: Row) -> str:
    return trim.MARK * row.marked + " | ".join(row.cells)
