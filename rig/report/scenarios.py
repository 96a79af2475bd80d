"""The scenarios of a run as they went, each step with the item that it asks for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rig.record import Verdict
from rig.report import text, words
from rig.report.page import Scenario, Section, Step
from rig.report.time_spent import Timed


def scenarios_of(results: Mapping[str, Any]) -> list[Scenario]:
    """Each scenario as it ran; a step that asks for an item says what that item's answer was there."""
    told = {
        (answer.get("scenario"), answer.get("variant") or "", item["id"]): text.clean(answer.get("message") or "")
        for item in results.get("items") or ()
        for answer in item.get("answers") or ()
    }
    items = {text.clean(item["id"]) for item in results.get("items") or ()}
    return [_scenario(raw, number, told, items) for number, raw in enumerate(results.get("scenarios") or (), start=1)]


def steps_of(scenarios: Iterable[Scenario]) -> dict[tuple[str, str, str], str]:
    """The anchor of the step that asks for an item, by scenario, variant and item; the scenario's own under ""."""
    found: dict[tuple[str, str, str], str] = {}
    for scenario in scenarios:
        key = (f"{scenario.feature}: {scenario.name}", scenario.variant)
        found[*key, ""] = scenario.anchor
        for step in scenario.steps:
            if step.item:
                found[*key, step.text.partition(": ")[0]] = step.anchor
    return found


def timed(scenarios: Iterable[Scenario], sections: Sequence[Section]) -> list[Timed]:
    """How long each took, under the section of the first item that it asks for."""
    section_of = {item.anchor: section.name for section in sections for item in section.items}
    found = []
    for one in scenarios:
        section = next((section_of[step.item] for step in one.steps if step.item in section_of), one.feature)
        name = f"{one.name} [{one.variant}]" if one.variant else one.name
        found.append(Timed(one.anchor, name, section, one.seconds or 0.0))
    return found


def _scenario(
    raw: Mapping[str, Any], number: int, told: Mapping[tuple[str, str, str], str], items: set[str]
) -> Scenario:
    variant, error, anchor = raw.get("variant") or "", raw.get("error"), f"scenario-{number}"
    # A step that stopped its scenario is told as a mapping; whatever else went wrong as words.
    stopped = error if isinstance(error, Mapping) else {}
    name = f"{raw.get('feature')}: {raw.get('name')}"

    def step_of(step: Mapping[str, Any], place: int) -> Step:
        verdict, said = words.verdict_of(step.get("verdict", "passed")), text.clean(step.get("text") or "")
        item = said.partition(": ")[0]
        if stopped and stopped.get("step") == f"{step.get('keyword')} {step.get('text') or ''}":
            message = stopped.get("message") or ""
        else:
            message = step.get("message") or told.get((name, variant, item), "")
        return Step(
            keyword=text.clean(step.get("keyword") or "").strip(),
            text=said,
            verdict=verdict,
            seconds=step.get("seconds"),
            message="" if verdict is Verdict.PASSED else text.clean(message),
            anchor=f"{anchor}-step-{place}",
            item=text.anchor(item) if item in items else "",
        )

    whole = ": ".join(stopped[part] for part in ("step", "message") if stopped.get(part)) if stopped else error
    return Scenario(
        id=text.clean(raw.get("id") or raw.get("name") or ""),
        feature=text.clean(raw.get("feature") or ""),
        name=text.clean(raw.get("name") or ""),
        variant=text.clean(variant),
        seconds=raw.get("seconds"),
        error=text.clean(whole) if whole else None,
        steps=tuple(step_of(step, place) for place, step in enumerate(raw.get("steps") or (), start=1)),
        anchor=anchor,
    )
