"""Makes the view of a run from results.json: cleaned and put into words once, for all outputs."""

from collections.abc import Mapping, Sequence
from typing import Any

from rig.record import Verdict
from rig.report import load, model, text, trim, words
from rig.report.page import Answer, Box, Measure, Page, Scenario, Section, Step

SERVICES = (("postgres", "Postgres"), ("valkey", "Valkey"), ("toxiproxy", "Toxiproxy"))
TITLES = {"checklist": "Checklist report", "chaos": "Chaos report", "load": "Load report", "model": "Model report", "contract": "Contract report"}


def build(results: Mapping[str, Any]) -> Page:
    """The view of a run. ValueError when an item bears a verdict that does not exist."""
    kind = text.clean(results.get("kind") or "")
    return Page(
        title=TITLES.get(kind, f"{kind.capitalize()} report".strip()),
        kind=kind,
        verdict=words.verdict_of(results["verdict"]),
        headline=trim.message(words.headline(results)),
        noun=words.NOUNS.get(kind, words.NOUNS["chaos"]),
        counts=words.counts_of(results),
        promises=_promises(results.get("promise") or {}),
        weakens=tuple(text.clean(reason) for reason in results.get("weakens") or ()),
        message=text.clean(results.get("message") or ""),
        command=text.clean(results.get("command") or ""),
        started=text.iso(results.get("started")),
        facts=tuple(_facts(results)),
        measures=tuple(_measure(raw) for raw in results.get("measures") or ()),
        sections=tuple(_sections(results.get("items") or ())),
        scenarios=tuple(_scenarios(results)),
        load=load.view(results),
        model=model.view(results),
    )


def _promises(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    return f"{counts.get('passed', 0)} of {words.plural(total, 'promise')} passed" if total else ""


def _facts(results: Mapping[str, Any]) -> list[tuple[str, str]]:
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


def _sections(items: Sequence[Mapping[str, Any]]) -> list[Section]:
    """The sections in the order in which their first item stands; an item without one goes under "All"."""
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for item in items:
        grouped.setdefault(text.clean(item.get("section") or ""), []).append(item)
    return [
        Section(
            id=name,
            anchor=f"section-{text.anchor(name)}",
            title=next((text.clean(item["section_title"]) for item in members if item.get("section_title")), ""),
            boxes=tuple(_box(item) for item in members),
        )
        for name, members in grouped.items()
    ]


def _box(item: Mapping[str, Any]) -> Box:
    return Box(
        id=text.clean(item["id"]),
        anchor=text.anchor(item["id"]),
        kind=text.clean(item.get("kind") or ""),
        title=text.clean(item.get("title") or item["id"]),
        audience=text.clean(item.get("audience") or ""),
        verdict=words.verdict_of(item["verdict"]),
        message=text.clean(item.get("message") or ""),
        seconds=item.get("seconds"),
        all_along=bool(item.get("all_along")),
        replay=text.clean(item.get("replay") or ""),
        answers=tuple(_answer(raw) for raw in item.get("answers") or ()),
    )


def _answer(raw: Mapping[str, Any]) -> Answer:
    return Answer(
        scenario=text.clean(raw.get("scenario") or ""),
        variant=text.clean(raw.get("variant") or ""),
        verdict=words.verdict_of(raw["verdict"]),
        message=text.clean(raw.get("message") or ""),
        seconds=raw.get("seconds"),
        started=raw.get("started"),
        bounds=tuple(_bound(name, value) for name, value in (raw.get("bounds") or {}).items()),
        weakened=tuple(text.clean(reason) for reason in raw.get("weakened") or ()),
        evidence=tuple(raw.get("evidence") or ()),
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


def _scenarios(results: Mapping[str, Any]) -> list[Scenario]:
    """Each scenario as it ran; a step that asks for an item says what that item's answer was there."""
    told = {
        (answer.get("scenario"), answer.get("variant") or "", item["id"]): text.clean(answer.get("message") or "")
        for item in results.get("items") or ()
        for answer in item.get("answers") or ()
    }
    return [_scenario(raw, told) for raw in results.get("scenarios") or ()]


def _scenario(raw: Mapping[str, Any], told: Mapping[tuple[str, str, str], str]) -> Scenario:
    variant, error = raw.get("variant") or "", raw.get("error")
    # A step that stopped its scenario is told as a mapping; whatever else went wrong as words.
    stopped = error if isinstance(error, Mapping) else {}
    name = f"{raw.get('feature')}: {raw.get('name')}"

    def message(step: Mapping[str, Any]) -> str:
        words_ = step.get("text") or ""
        if stopped and stopped.get("step") == f"{step.get('keyword')} {words_}":
            return text.clean(stopped.get("message") or "")
        return step.get("message") or told.get((name, variant, words_.partition(": ")[0]), "")

    whole = ": ".join(stopped[part] for part in ("step", "message") if stopped.get(part)) if stopped else error
    return Scenario(
        id=text.clean(raw.get("id") or raw.get("name") or ""),
        feature=text.clean(raw.get("feature") or ""),
        name=text.clean(raw.get("name") or ""),
        variant=text.clean(variant),
        seconds=raw.get("seconds"),
        error=text.clean(whole) if whole else None,
        steps=tuple(
            Step(
                keyword=text.clean(step.get("keyword") or "").strip(),
                text=text.clean(step.get("text") or ""),
                verdict=(verdict := words.verdict_of(step.get("verdict", "passed"))),
                seconds=step.get("seconds"),
                message="" if verdict is Verdict.PASSED else text.clean(message(step)),
            )
            for step in raw.get("steps") or ()
        ),
    )
