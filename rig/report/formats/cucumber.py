"""Cucumber JSON, for existing QA tools: one feature per file, with its scenarios as they ran."""

import json
from typing import Any

from rig.record import Verdict
from rig.report import trim
from rig.report.page import Page, Scenario, Step

# The format has no word for a broken rig: it shows as failed, and its message says whose fault it is.
STATUSES = {
    Verdict.PASSED: "passed",
    Verdict.FAILED: "failed",
    Verdict.BROKEN: "failed",
    Verdict.INCONCLUSIVE: "pending",
    Verdict.SKIPPED: "skipped",
}
NANOSECONDS = 1_000_000_000


def cucumber(page: Page) -> str:
    """The document as text: a list of features."""
    features: dict[str, list[Scenario]] = {}
    for scenario in page.scenarios:
        features.setdefault(scenario.feature, []).append(scenario)
    facts = dict(page.facts)
    judged = " · ".join(f"{name.lower()} {facts[name]}" for name in ("Label", "Commit", "Rig") if name in facts)
    document = [_feature(name, judged, scenarios) for name, scenarios in features.items()]
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _feature(name: str, judged: str, scenarios: list[Scenario]) -> dict[str, Any]:
    return {
        "uri": name,
        "id": _slug(name),
        "keyword": "Feature",
        "name": name.removesuffix(".feature"),
        "description": judged,  # the format has no other place for it
        "line": 1,
        "tags": [],
        "elements": [_element(name, *numbered) for numbered in enumerate(_told_apart(scenarios), start=1)],
    }


def _told_apart(scenarios: list[Scenario]) -> list[tuple[str, str, Scenario]]:
    """Each with a slug and a name that no other of the feature has: readers take equal ones for the same scenario."""
    found: list[tuple[str, str, Scenario]] = []
    for number, scenario in enumerate(scenarios, start=1):
        name = f"{scenario.name} [{scenario.variant}]" if scenario.variant else scenario.name
        slug = _slug(name) or str(number)
        slug = f"{slug}-{number}" if any(slug == taken for taken, _, _ in found) else slug
        name = f"{name} ({number})" if any(name == taken for _, taken, _ in found) else name
        found.append((slug, name, scenario))
    return found


def _element(feature: str, number: int, told: tuple[str, str, Scenario]) -> dict[str, Any]:
    slug, name, scenario = told
    element: dict[str, Any] = {
        "id": f"{_slug(feature)};{slug}",
        "type": "scenario",
        "keyword": "Scenario",
        "name": name,
        "description": "",
        "line": number,  # its place in the feature: the record holds no line of the source
        "tags": [],
        "steps": [_step(line, step, scenario.error) for line, step in enumerate(scenario.steps, start=1)],
    }
    if scenario.error and all(step.verdict is Verdict.PASSED for step in scenario.steps):  # no step says it
        result = {"status": "failed", "duration": 0, "error_message": trim.message(f"broken: {scenario.error}")}
        element["after"] = [{"match": {"location": "rig"}, "result": result}]
    return element


def _step(line: int, step: Step, error: str | None) -> dict[str, Any]:
    result: dict[str, Any] = {
        "status": STATUSES[step.verdict],
        "duration": round((step.seconds or 0) * NANOSECONDS),
    }
    if step.verdict is not Verdict.PASSED:
        result["error_message"] = trim.message(f"{step.verdict}: {step.message or error or step.text}")
    return {
        "keyword": f"{step.keyword} ",
        "name": step.text,
        "line": line,
        "match": {"location": "rig"},
        "result": result,
    }


def _slug(name: str) -> str:
    return "-".join("".join(letter if letter.isalnum() else " " for letter in name.lower()).split())
