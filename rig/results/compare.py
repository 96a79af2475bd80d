"""What changed between two runs: verdicts, times and statement counts, for a person and for CI."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import cast

from rich import box
from rich.console import Console
from rich.table import Table
from typer import echo

from rig.config import Settings
from rig.errors import UsageError
from rig.record import Verdict, resolve_run
from rig.record.evidence import Evidence
from rig.record.verdict import RANK
from rig.results.forms import Item, Results
from rig.terminal import console

# A time has changed when it is this much longer or shorter, and by enough to be told from noise.
TIME_RATIO = 1.5
TIME_MIN_S = 0.5
SAME_SETTINGS = ("kind", "cadence", "level")
SAME_JUDGED = ("label", "commit", "changed")  # of what was judged

Change = list[object]  # id, before, after; None where that run has no such thing


@dataclass(frozen=True)
class Comparison:
    """Each list holds `[name, before, after]`; `worse` are the ids whose verdict fell."""

    before: str
    after: str
    settings: list[Change] = field(default_factory=list)
    verdicts: list[Change] = field(default_factory=list)
    times: list[Change] = field(default_factory=list)
    statements: list[Change] = field(default_factory=list)
    worse: list[str] = field(default_factory=list)


def run(settings: Settings, before: str, after: str, as_json: bool) -> int:
    """Print what changed; 1 when a verdict got worse, else 0. UsageError for what is no judged run, or of two kinds."""
    old, new = results_of(settings, before), results_of(settings, after)
    require_alike(old, new)
    comparison = compare(old, new)
    if as_json:
        echo(json.dumps(asdict(comparison), indent=1))
    else:
        show(comparison, console())
    return 1 if comparison.worse else 0


def results_of(settings: Settings, name: str) -> Results:
    """The saved results of a run, by path or by its name below the reports."""
    try:
        directory = resolve_run(settings.reports, name)
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(f"cannot compare {name!r}: {error}") from None
    try:
        results = json.loads(directory.results.read_text())
        results["items"], results["seconds"]
    except FileNotFoundError as error:
        raise UsageError(f"cannot compare {name!r}: {error}; `rig recheck` judges a run that has no results") from None
    except (ValueError, KeyError, TypeError):
        raise UsageError(
            f"cannot compare {name!r}: its results.json is damaged; `rig recheck` writes it anew"
        ) from None
    results["name"] = directory.path.name
    return cast(Results, results)


def require_alike(before: Results, after: Results) -> None:
    """UsageError for runs of different kinds, and for those that answer nothing in common."""
    kinds = kind_of(before), kind_of(after)
    if kinds[0] != kinds[1]:
        raise UsageError(
            f"runs of different kinds are not compared: {before['name']} is {kinds[0]}, {after['name']} is {kinds[1]}"
        )
    if not {item["id"] for item in before["items"]} & {item["id"] for item in after["items"]}:
        raise UsageError(f"{before['name']} and {after['name']} answer nothing in common: there is nothing to compare")


def kind_of(results: Results) -> str:
    """What was run, for a reader: a checklist, maybe under a fault, or a campaign by its name."""
    campaign = results["campaign"]["name"] if results.get("campaign") else ""
    under = f" under {results['under']}" if results.get("under") else ""
    return f"{results.get('kind') or 'of no kind'}{f' {campaign}' if campaign else ''}{under}"


def compare(before: Results, after: Results) -> Comparison:
    """Pure: two runs' results to what differs. What the second run lacks is worse; what the first lacks, new."""
    old, new = ({item["id"]: item for item in results["items"]} for results in (before, after))
    ids = [*old, *(id for id in new if id not in old)]
    verdicts = [
        (id, verdict_of(old, id), verdict_of(new, id)) for id in ids if verdict_of(old, id) != verdict_of(new, id)
    ]
    seconds = [("whole run", before["seconds"], after["seconds"])]
    # What was watched all along took as long as its run, which is told already.
    own = [id for id in ids if id in old and id in new and not (old[id].get("all_along") and new[id].get("all_along"))]
    seconds += [(id, old[id]["seconds"], new[id]["seconds"]) for id in own]
    counts = [(id, statement_counts(old[id]), statement_counts(new[id])) for id in ids if id in old and id in new]
    return Comparison(
        before["name"],
        after["name"],
        settings=[
            [name, *values]
            for name in (*SAME_SETTINGS, *SAME_JUDGED)
            if (values := [setting(results, name) for results in (before, after)])[0] != values[1]
        ],
        verdicts=[list(change) for change in verdicts],
        times=[list(change) for change in seconds if time_changed(change[1], change[2])],
        statements=[
            [f"{id}: {what}", was.get(what, 0), now.get(what, 0)]
            for id, was, now in counts
            for what in dict.fromkeys([*was, *now])
            if was.get(what, 0) != now.get(what, 0)
        ],
        worse=[id for id, was, now in verdicts if fell(was, now)],
    )


def setting(results: Results, name: str) -> object:
    return (results.get("judged") or {}).get(name) if name in SAME_JUDGED else results.get(name)


def verdict_of(items: Mapping[str, Item], id: str) -> str | None:
    return items[id]["verdict"] if id in items else None


def fell(was: str | None, now: str | None) -> bool:
    """Whether a verdict is worse than it was.

    A box that is skipped now, or has vanished, is: nobody looks at it any more. None: that run has no such box.
    """
    if was is None or now is None:
        return was is not None and was != Verdict.SKIPPED
    if Verdict.SKIPPED in (was, now):
        return was == Verdict.PASSED or now == Verdict.FAILED
    return RANK.index(Verdict(now)) < RANK.index(Verdict(was))


def time_changed(was: float, now: float) -> bool:
    shorter, longer = sorted((was, now))
    return longer - shorter >= TIME_MIN_S and longer >= TIME_RATIO * shorter


def statement_counts(item: Item) -> Counter[str]:
    """What Postgres was asked, by class and table, in all that the box shows as evidence."""
    found: Counter[str] = Counter()
    for shown in evidence_of(item):
        if shown["kind"] == "statements":
            found.update(shown["counts"])
    return found


def evidence_of(item: Item) -> Iterable[Evidence]:
    return (shown for answer in item["answers"] for shown in answer["evidence"])


def show(comparison: Comparison, console: Console) -> None:
    """A table for each kind of change; a line where nothing changed."""
    console.print(f"before  {comparison.before}\nafter   {comparison.after}")
    kinds = {"settings": "setting", "verdicts": "verdict of", "times": "seconds", "statements": "statements"}
    for kind, head in kinds.items():
        changes = getattr(comparison, kind)
        if not changes:
            console.print(f"\n{kind}: no change")
            continue
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bright_black")
        for name in (head, "before", "after"):
            table.add_column(name, justify="left" if name == head else "right")
        for name, was, now in changes:
            style = "red" if kind == "verdicts" and name in comparison.worse else ""
            table.add_row(str(name), told(was), told(now), style=style)
        console.print()
        console.print(table)
    worse = ", ".join(comparison.worse)
    console.print(f"\n{len(comparison.worse)} worse: {worse}" if worse else "\nno verdict got worse")


def told(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
