"""The tables of a load run, each with the sentence that says how to read it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rig.report import text
from rig.report.charts import plots
from rig.report.table import Cell, Table

Raw = Mapping[str, Any]
LEDGER_OPEN, LEDGER_MAX = 12, 300
TEMPLATE_MAX = 400  # characters; the whole statement is in results.json
FINISHED: Mapping[object, str] = {True: "yes", False: "no"}
TIMES = ("p50", "p90", "p95", "p99", "max")


@dataclass(frozen=True)
class Arms:
    """The arms in their order, and what each is called."""

    names: Mapping[str, str]

    @classmethod
    def of(cls, load: Raw) -> "Arms":
        known = {one["id"]: text.clean(one.get("name") or one["id"]) for one in load.get("arms") or ()}
        return cls(known or {"on": "with the mirror", "off": "without it"})

    def name(self, arm: Any) -> str:
        return self.names.get(arm) or text.clean(arm or "")

    def cell(self, arm: Any) -> Cell:
        return Cell(self.name(arm), arm=plots.arm_class(arm))

    def sort(self, rows: Iterable[Raw], *keys: str) -> list[Raw]:
        """The rows with what is compared side by side: by the keys as they first occur, then by arm."""
        rows = list(rows)
        order = list(self.names)
        groups = list(dict.fromkeys(tuple(row.get(key) for key in keys) for row in rows))
        place = {group: number for number, group in enumerate(groups)}

        def rank(row: Raw) -> tuple[int, int]:
            arm = row.get("arm")
            return place[tuple(row.get(key) for key in keys)], order.index(arm) if arm in order else len(order)

        return sorted(rows, key=rank)


def figure(value: Any, unit: Any = "") -> str:
    """A number with its unit, a dash for none."""
    if value is None or value == "":
        return "—"
    return f"{text.number(value)}\N{NO-BREAK SPACE}{text.clean(unit)}" if unit else text.number(value)


def cells(row: Raw, *keys: str) -> tuple[Cell, ...]:
    return tuple(Cell(figure(row.get(key))) for key in keys)


def words_of(row: Raw, key: str) -> Cell:
    return Cell(text.clean(row.get(key) or ""))


def _made(
    name: str,
    title: str,
    caption: str,
    columns: Sequence[str],
    rows: Iterable[Raw],
    cut: Callable[[Raw], tuple[Cell, ...]],
) -> Table:
    return Table(name, title, caption, tuple(columns), tuple(cut(row) for row in rows))


def percentiles(load: Raw, arms: Arms) -> Table:
    return _made(
        "percentiles",
        "Response times",
        "In ms. 95 % of the requests were faster than p95. `corrected` counts from the moment when the request "
        "was planned, so that a stall is not hidden; `raw` counts from the moment when it was sent.",
        ("Action", "Arm", "Counted", "#Requests", *(f"#{name}, ms" for name in TIMES)),
        arms.sort(load.get("percentiles") or (), "action", "kind"),
        lambda row: (
            words_of(row, "action"),
            arms.cell(row.get("arm")),
            words_of(row, "kind"),
            *cells(row, "n", *TIMES),
        ),
    )


def accounting(load: Raw, arms: Arms) -> Table:
    counted = ("planned", "completed", "failed", "missed", "in_flight")
    return _made(
        "accounting",
        "What became of each request",
        "Each planned request was completed (answered correctly), failed, missed (never sent) or in flight "
        "(not yet answered at the end).",
        ("Action", "Arm", *(f"#{name.replace('_', ' ').capitalize()}" for name in counted)),
        arms.sort(load.get("accounting") or (), "action"),
        lambda row: (words_of(row, "action"), arms.cell(row.get("arm")), *cells(row, *counted)),
    )


def blocks(load: Raw, arms: Arms) -> Table:
    def cut(row: Raw) -> tuple[Cell, ...]:
        known = [(arm, row.get(f"{arm}_interval") or ()) for arm in ("on", "off")]
        told = text.clean(row.get("told") or "")
        ranges = [" to ".join(figure(value) for value in interval) or "—" for _, interval in known]
        drawing = plots.intervals(known, f"{arms.name('on')} {ranges[0]}, {arms.name('off')} {ranges[1]}")
        medians = [
            Cell(_median(row.get(arm) or (), row.get("unit")), note=ranges[n]) for n, (arm, _) in enumerate(known)
        ]
        return words_of(row, "name"), *medians, Cell("", drawing=drawing), Cell(told)

    return _made(
        "blocks",
        "Is the difference real?",
        "The window is divided into blocks of time, and each block is measured separately. A cell shows the median block and "
        "below it the interval. The bars share one axis from zero: above with the mirror, below without it. If the bars "
        "overlap, no difference is proven.",
        ("Measure", "#With the mirror", "#Without it", "Intervals", "In words"),
        load.get("blocks") or (),
        cut,
    )


def _median(values: Sequence[Any], unit: Any) -> str:
    known = sorted(value for value in values if plots.finite(value))
    if not known:
        return "—"
    middle = len(known) // 2
    return figure(known[middle] if len(known) % 2 else (known[middle - 1] + known[middle]) / 2, unit)


def ledger(load: Raw, arms: Arms) -> Table:
    def cut(row: Raw) -> tuple[Cell, ...]:
        kept, more = text.shorten(" ".join(text.clean(row.get("template") or "").split()), TEMPLATE_MAX)
        statement = Cell(kept + "…" * bool(more), code=True)
        where = (arms.cell(row.get("arm")), words_of(row, "instance"), words_of(row, "class"), words_of(row, "cause"))
        return *where, *cells(row, "calls", "a_minute"), statement

    rows = list(load.get("ledger") or ())
    return Table(
        "ledger",
        "SQL statements by template",
        "Every statement that Postgres logged, without its values. Class `work` is sent by the server's code, `driver` by "
        "its connection pool, `observer` by this rig. The cause is what made the server send it.",
        ("Arm", "Instance", "Class", "Cause", "#Calls", "#A minute", "Statement"),
        tuple(cut(row) for row in rows[:LEDGER_MAX]),
        open_rows=LEDGER_OPEN,
        more=f"… {len(rows) - LEDGER_MAX} more templates, in results.json" if len(rows) > LEDGER_MAX else "",
    )


def valkey(load: Raw, arms: Arms) -> Table:
    return _made(
        "valkey",
        "Valkey commands",
        "The cost of the mirror in Valkey: the commands that Valkey executed in the window.",
        ("Command", "Arm", "#Calls", "#A second"),
        arms.sort(load.get("valkey") or (), "command"),
        lambda row: (
            Cell(text.clean(row.get("command") or ""), code=True),
            arms.cell(row.get("arm")),
            *cells(row, "calls", "a_second"),
        ),
    )


def witness(load: Raw, arms: Arms) -> Table:
    return _made(
        "witness",
        "Second witness: Postgres' own counters",
        "How much each counter of a table changed in the window, beside the logged statements that explain the change. "
        "Both are counted independently and should agree.",
        ("Table", "Counter", "Arm", "#Moved by", "Explained by"),
        arms.sort(load.get("witness") or (), "table", "counter"),
        lambda row: (
            Cell(text.clean(row.get("table") or ""), code=True),
            Cell(text.clean(row.get("counter") or ""), code=True),
            arms.cell(row.get("arm")),
            *cells(row, "moved"),
            words_of(row, "explained"),
        ),
    )


def generator(load: Raw) -> Table:
    return _made(
        "generator",
        "The load generator",
        "If the generator lacked CPU time or sent late, the response times above include its own delay. Peak to mean tells "
        "how uneven its sending was (1 is even).",
        ("Worker", "#CPU, % of a core", "#Memory, MB", "#Late (p99), ms", "#Peak to mean", "Finished"),
        load.get("generator") or (),
        lambda row: (
            words_of(row, "worker"),
            Cell(figure(100 * row["cpu"] if plots.finite(row.get("cpu")) else None)),
            *cells(row, "rss_mb", "late_p99_ms", "peak_to_mean"),
            Cell(FINISHED.get(row.get("finished"), "—")),
        ),
    )


def observing(load: Raw) -> Table:
    return _made(
        "observing",
        "Cost of observing",
        "What the rig's own observation adds to the measured values.",
        ("Measure", "#Value"),
        load.get("observing") or (),
        lambda row: (words_of(row, "name"), Cell(figure(row.get("value"), row.get("unit")))),
    )
