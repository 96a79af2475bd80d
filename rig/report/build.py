"""Makes the view of a run from results.json: cleaned and put into words once, for all outputs."""

from collections.abc import Mapping, Sequence
from typing import Any

from rig.record import Verdict
from rig.report import load, model, text, trim, words
from rig.report.explain.contract import clauses_of
from rig.report.explain.people import People, found_in, named, people_of
from rig.report.explain.subjects import marks, subjects_of
from rig.report.explain.walk import retold
from rig.report.page import Answer, Item, Measure, Page, Section
from rig.report.scenarios import scenarios_of, steps_of, timed
from rig.report.time_spent import time_spent

SERVICES = (("postgres", "Postgres"), ("valkey", "Valkey"), ("toxiproxy", "Toxiproxy"))
TITLES = {
    "checklist": "Checklist report",
    "chaos": "Chaos report",
    "load": "Load report",
    "model": "Model report",
    "contract": "Contract report",
    "soak": "Soak report",
    "verify": "Verification report",
}


def build(results: Mapping[str, Any]) -> Page:
    """The view of a run. ValueError when an item bears a verdict that does not exist."""
    kind = text.clean(results.get("kind") or "")
    known = people_of(results)
    scenarios = tuple(scenarios_of(results))
    sections = tuple(_sections(results.get("items") or (), known, steps_of(scenarios)))
    return Page(
        title=TITLES.get(kind, f"{kind.capitalize()} report".strip()),
        kind=kind,
        verdict=words.verdict_of(results["verdict"]),
        headline=trim.message(words.headline(results)),
        noun=words.nouns_of(results),
        counts=words.counts_of(results),
        promises=_promises(results.get("promise") or {}),
        weakens=tuple(text.clean(reason) for reason in results.get("weakens") or ()),
        message=text.clean(results.get("message") or ""),
        command=text.clean(results.get("command") or ""),
        started=text.iso(results.get("started")),
        facts=tuple(facts_of(results)),
        measures=tuple(_measure(raw) for raw in results.get("measures") or ()),
        sections=sections,
        scenarios=scenarios,
        load=load.view(results),
        model=model.view(results),
        walks=tuple(retold(results)),
        people=known,
        time=time_spent(results, timed(scenarios, sections)),
    )


def _promises(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    return f"{counts.get('passed', 0)} of {words.plural(total, 'promise')} passed" if total else ""


def facts_of(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Short name and value of what a reader needs to place the run; unknown ones are left out."""
    stack = results.get("stack") or {}
    services = " · ".join(f"{name} {stack[key]}" for key, name in SERVICES if stack.get(key))
    facts = [
        ("Started", text.moment(results.get("started"))),
        ("Took", text.seconds(results.get("seconds"))),
        ("Random seed", results.get("random_seed")),
        ("Exit code", results.get("exit_code")),
        ("Cadence", results.get("cadence")),
        ("Level", results.get("level")),
        ("Judged", words.what_was_judged(results) if results.get("kind") == "verify" else None),
        ("Schema", results.get("schema")),
        ("Server", stack.get("sut")),
        *words.judged_facts(results.get("judged") or {}),
        (
            "Stack",
            " · ".join(part for part in (stack.get("mode"), services, *(stack.get("stores") or {}).values()) if part),
        ),
        ("Lacking", "; ".join(sorted(stack.get("lacks") or ()))),
        ("Machine", ", ".join(part for part in (stack.get("machine"), _python(stack)) if part)),
    ]
    return [(name, text.clean(value)) for name, value in facts if value not in (None, "", "—")]


def _python(stack: Mapping[str, Any]) -> str:
    return f"Python {stack['python']}" if stack.get("python") else ""


Steps = Mapping[tuple[str, str, str], str]  # anchors, by scenario, variant and item; the scenario's own under ""


def _sections(items: Sequence[Mapping[str, Any]], known: People, steps: Steps) -> list[Section]:
    """The sections in the order in which their first item stands; an item without one goes under "All"."""
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for item in items:
        grouped.setdefault(text.clean(item.get("section") or ""), []).append(item)
    return [
        Section(
            id=name,
            anchor=f"section-{text.anchor(name)}",
            title=next((text.clean(item["section_title"]) for item in members if item.get("section_title")), ""),
            items=tuple(_item(item, known, steps) for item in members),
        )
        for name, members in grouped.items()
    ]


def _item(item: Mapping[str, Any], known: People, steps: Steps) -> Item:
    answers = item.get("answers") or ()
    message = text.clean(item.get("message") or "")
    own = {person.id: person for person in found_in([message, *answers], known)}
    return Item(
        id=text.clean(item["id"]),
        anchor=text.anchor(item["id"]),
        kind=text.clean(item.get("kind") or ""),
        title=text.clean(item.get("title") or item["id"]),
        audience=text.clean(item.get("audience") or ""),
        verdict=words.verdict_of(item["verdict"]),
        message=named(message, own),
        seconds=item.get("seconds"),
        all_along=bool(item.get("all_along")),
        replay=text.clean(item.get("replay") or ""),
        answers=tuple(_answer(raw, text.clean(item["id"]), own, steps) for raw in answers),
        people=tuple(own.values()),
        clauses=clauses_of(text.clean(item["id"])),
    )


def _answer(raw: Mapping[str, Any], item: str, known: People, steps: Steps) -> Answer:
    verdict, message = words.verdict_of(raw["verdict"]), text.clean(raw.get("message") or "")
    scenario, variant = text.clean(raw.get("scenario") or ""), text.clean(raw.get("variant") or "")
    pieces, differences = tuple(raw.get("evidence") or ()), tuple(raw.get("differences") or ())
    doubtful = verdict in (Verdict.FAILED, Verdict.INCONCLUSIVE)
    return Answer(
        scenario=scenario,
        variant=variant,
        verdict=verdict,
        message=named(message, known),
        seconds=raw.get("seconds"),
        started=raw.get("started"),
        bounds=tuple(_bound(name, value) for name, value in (raw.get("bounds") or {}).items()),
        weakened=tuple(text.clean(reason) for reason in raw.get("weakened") or ()),
        evidence=pieces,
        marks=tuple(marks(pieces, subjects_of(message, differences, known))) if doubtful else (),
        differences=differences,
        step=steps.get((scenario, variant, item)) or steps.get((scenario, variant, ""), ""),
    )


def _bound(name: str, value: Any) -> tuple[str, str]:
    """`within_s: 1.0` as `within` and `1 s`: our names carry their unit at the end."""
    label, _, unit = text.clean(name).rpartition("_")
    if label and unit in ("s", "ms"):
        return label.replace("_", " "), f"{text.number(value)} {unit}"
    return text.clean(name).replace("_", " "), text.number(value)


def _measure(raw: Mapping[str, Any]) -> Measure:
    unit = text.clean(raw.get("unit") or "")
    value, limit = (
        "—" if raw.get(key) is None else f"{text.number(raw[key])} {unit}".strip() for key in ("value", "limit")
    )
    verdict = words.verdict_of(raw["verdict"]) if raw.get("verdict") else None
    return Measure(text.clean(raw.get("name") or ""), value, limit, verdict)
