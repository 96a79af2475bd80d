"""Cucumber JSON, for the tools that QA already has: one feature a file, its scenarios as they ran."""

import json
from typing import Any

from rig.record import Verdict
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
    document = [_feature(name, scenarios) for name, scenarios in features.items()]
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _feature(name: str, scenarios: list[Scenario]) -> dict[str, Any]:
    return {
        "uri": name,
        "id": _slug(name),
        "keyword": "Feature",
        "name": name.removesuffix(".feature"),
        "description": "",
        "line": 1,
        "tags": [],
        "elements": [_element(name, number, scenario) for number, scenario in enumerate(scenarios, start=1)],
    }


def _element(feature: str, number: int, scenario: Scenario) -> dict[str, Any]:
    element: dict[str, Any] = {
        "id": f"{_slug(feature)};{_slug(scenario.name) or number}",
        "type": "scenario",
        "keyword": "Scenario",
        "name": scenario.name,
        "description": "",
        "line": number,  # its place in the feature: the record holds no line of the source
        "tags": [],
        "steps": [_step(line, step, scenario.error) for line, step in enumerate(scenario.steps, start=1)],
    }
    if scenario.error and scenario.verdict is Verdict.BROKEN:
        result = {"status": "failed", "duration": 0, "error_message": f"broken: {scenario.error}"}
        element["after"] = [{"match": {"location": "rig"}, "result": result}]
    return element


def _step(line: int, step: Step, error: str | None) -> dict[str, Any]:
    result: dict[str, Any] = {
        "status": STATUSES[step.verdict],
        "duration": round((step.seconds or 0) * NANOSECONDS),
    }
    if step.verdict is not Verdict.PASSED:
        result["error_message"] = f"{step.verdict}: {step.message or error or step.text}"
    return {
        "keyword": f"{step.keyword} ",
        "name": step.text,
        "line": line,
        "match": {"location": "rig"},
        "result": result,
    }


def _slug(name: str) -> str:
    return "-".join("".join(letter if letter.isalnum() else " " for letter in name.lower()).split())
