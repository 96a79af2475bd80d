"""Makes the view of a load run from `results["load"]`: the arms side by side, cleaned; what is missing is left out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rig.record import Verdict
from rig.report import load_tables, text, trim, words
from rig.report.charts import plots, svg
from rig.report.load_tables import Arms
from rig.report.page import Figures, Item, Load
from rig.report.table import Cell, Figure, Table

Raw = Mapping[str, Any]


def view(results: Raw) -> Load | None:
    """The view, or None for a run that is no load or was cut short before it had anything to show."""
    load = results.get("load")
    if not load:
        return None
    arms = Arms.of(load)
    parts: list[Table | Figures | None] = [
        _claims(load, results.get("items") or ()),
        _thresholds(load),
        _courses(load, results),
        load_tables.percentiles(load, arms),
        load_tables.accounting(load, arms),
        _spreads(load, arms),
        load_tables.blocks(load, arms),
        load_tables.ledger(load, arms),
        load_tables.valkey(load, arms),
        load_tables.witness(load, arms),
        load_tables.generator(load),
        load_tables.observing(load),
    ]
    kept = tuple(
        part for part in parts if part is not None and (part.figures if isinstance(part, Figures) else part.rows)
    )
    raw = tuple(text.clean(name) for name in load.get("raw") or () if _beside(text.clean(name)))
    took = results.get("seconds")
    thresholds = tuple(_threshold_item(one, n, took) for n, one in enumerate(load.get("thresholds") or (), 1))
    return Load(kept, thresholds, raw)


def _beside(name: str) -> bool:
    """A link may only lead to a file of the run: no address, no way upwards."""
    return bool(name) and ":" not in name and not name.startswith(("/", "\\")) and ".." not in name.split("/")


def _claims(load: Raw, items: Sequence[Raw]) -> Table:
    judged = {text.clean(item["id"]): item for item in items}
    claims = list(load.get("claims") or ())
    named = {text.clean(claim.get("id") or "") for claim in claims}
    # A claim that was not tried is told as well, or its absence would read as a pass.
    claims += [
        {"id": name, "wording": item.get("title")}
        for name, item in judged.items()
        if claims and name not in named and item.get("verdict") == Verdict.SKIPPED
    ]
    rows = []
    for claim in claims:
        name = text.clean(claim.get("id") or "")
        item = judged.get(name)
        verdict = words.verdict_of(item["verdict"]) if item else None
        note = text.clean(claim.get("note") or "")
        if item and verdict is not Verdict.PASSED and item.get("message"):
            note = ". ".join(part for part in (trim.message(item["message"]).rstrip("."), note) if part)
        unit = claim.get("unit")
        rows.append(
            (
                Cell(str(verdict or "—"), verdict=verdict),
                Cell(name, link=text.anchor(name) if item else ""),
                Cell(text.flat(claim.get("wording") or name), note=note),
                Cell(load_tables.figure(claim.get("limit"), unit)),
                Cell(load_tables.figure(claim.get("on"), unit)),
                Cell(load_tables.figure(claim.get("off"), unit)),
            )
        )
    return Table(
        "claims",
        "Claims",
        "What the mirror saves. The limit is for the server with the mirror; the same server without the mirror is shown "
        "for comparison. The id links to the evidence.",
        ("Verdict", "Id", "Claim", "#Limit", "#With the mirror", "#Without it"),
        tuple(rows),
    )


def _thresholds(load: Raw) -> Table:
    rows = []
    for one in load.get("thresholds") or ():
        verdict = words.verdict_of(one["verdict"]) if one.get("verdict") else None
        measured = load_tables.figure(one.get("value"), one.get("unit"))
        what = Cell(text.clean(one.get("text") or ""), code=True)
        rows.append((Cell(str(verdict or "—"), verdict=verdict), what, Cell(measured)))
    return Table(
        "thresholds",
        "Thresholds",
        "The limits given on the command line, each with the observed value.",
        ("Verdict", "Limit", "#Observed"),
        tuple(rows),
    )


def _threshold_item(one: Raw, number: int, took: float | None) -> Item:
    """A threshold in the shape of an item, so that each output can count it."""
    measured = load_tables.figure(one.get("value"), one.get("unit"))
    return Item(
        id=f"THRESHOLD-{number:02}",
        anchor=f"threshold-{number}",
        kind="threshold",
        title=text.clean(one.get("text") or ""),
        audience="",
        verdict=words.verdict_of(one.get("verdict") or Verdict.INCONCLUSIVE),
        message=f"observed {measured}",
        seconds=took,
        all_along=True,
        replay="",
        answers=(),
    )


def _courses(load: Raw, results: Raw) -> Figures:
    window = load.get("window") or {}
    origin = float(window.get("from") or results.get("started") or 0)
    spans = svg.phases(results.get("phases") or (), origin)
    return Figures(
        "courses",
        "Course of both arms",
        "Time is counted from the start of the measured window. Each arm has its colour. "
        "Squares mark the arm without the mirror; a dashed line shows the offered load.",
        _figures(plots.curves(plot, spans, origin) for plot in load.get("plots") or ()),
    )


def _spreads(load: Raw, arms: Arms) -> Figures:
    by_action: dict[str, list[tuple[str, str, Sequence[Sequence[float]]]]] = {}
    for one in arms.sort(load.get("histograms") or ()):
        entry = (arms.name(one.get("arm")), one.get("arm", ""), one.get("buckets") or ())
        by_action.setdefault(text.clean(one.get("action") or ""), []).append(entry)
    return Figures(
        "spreads",
        "Spread of response times",
        "Which share of the requests took how long; further left is faster. A dashed outline is the arm "
        "without the mirror. The axis is logarithmic: equal steps multiply the time.",
        _figures(plots.spread(action, entries) for action, entries in by_action.items()),
    )


def _figures(drawn: Iterable[Figure | None]) -> tuple[Figure, ...]:
    return tuple(figure for figure in drawn if figure is not None)
