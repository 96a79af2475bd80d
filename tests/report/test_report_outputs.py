"""The other outputs of a run: JUnit, Cucumber JSON, Markdown and the terminal, and how they are written."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from rich.console import Console

from rig.record import Recorder, Run, RunDirectory, new_run
from rig.report import print_summary, render
from rig.report.build import build
from rig.report.formats.cucumber import cucumber
from rig.report.formats.files import write
from rig.report.formats.html import html
from rig.report.formats.junit import junit
from rig.report.formats.markdown import markdown
from rig.results.judge import judge_run
from tests.support.record_lines import write as write_line
from tests.support.report_sample import chaos, checklist

REPORTS = ["cucumber.json", "junit.xml", "report.html", "summary.md"]


@pytest.fixture(scope="module")
def suites() -> ElementTree.Element:
    return ElementTree.fromstring(junit(build(checklist())))


def test_junit_counts_are_those_of_its_cases(suites: ElementTree.Element):
    assert {name: suites.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "110", "failures": "2", "errors": "3", "skipped": "1",
    }  # fmt: skip
    names = [suite.get("name") for suite in suites]
    assert names[:2] + names[-1:] == ["Setup", "A Seed + Startup", "Smoke tests (quick happy path)"]

    for suite in suites:
        cases = suite.findall("testcase")
        for name, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(name, "")) == sum(case.find(element) is not None for case in cases)
        assert int(suite.get("tests", "")) == len(cases)


def test_junit_tells_why_with_evidence(suites: ElementTree.Element):
    case = next(case for case in suites.iter("testcase") if case.get("name", "").startswith("C-07 "))
    assert case.get("name") == "C-07 Mitra app's next heartbeat → backend returns 403 ACCOUNT_INACTIVE"
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message", "").startswith("The heartbeat was answered 200 instead of 403")
    assert "curl -sS -X POST" in (failure.text or "")
    assert "1.82 s of 1 s allowed, over the bound" in (failure.text or "")
    assert "run it alone: rig checklist --only C-07" in (failure.text or "")
    kinds = [error.get("type") for error in suites.iter("error")]
    assert sorted(kinds) == ["broken", "inconclusive", "inconclusive"]


def test_junit_bears_hostile_data(suites: ElementTree.Element):
    case = next(case for case in suites.iter("testcase") if case.get("name", "").startswith("D-11 "))
    failure = case.find("failure")
    assert failure is not None
    assert "<script>alert('x')</script>" in (failure.text or "")
    assert "\x07" not in (failure.text or "")


def test_cucumber_lists_features_scenarios_and_steps():
    features = json.loads(cucumber(build(checklist())))
    assert [(feature["uri"], len(feature["elements"])) for feature in features] == [
        ("c_heartbeat.feature", 2),
        ("a_seed.feature", 1),
    ]
    failing, broken = features[0]["elements"]
    assert [step["result"]["status"] for step in failing["steps"]] == ["passed", "passed", "failed"]
    assert failing["steps"][0] == {
        "keyword": "Given ", "name": "a mitra who is online", "line": 1, "match": {"location": "rig"},
        "result": {"status": "passed", "duration": 120_000_000},
    }  # fmt: skip
    assert "error_message" in failing["steps"][2]["result"]
    assert broken["after"][0]["result"]["error_message"].startswith("broken: StackError: Toxiproxy")
    for feature in features:
        assert {"uri", "id", "keyword", "name", "line", "elements"} <= feature.keys()
        for element in feature["elements"]:
            assert element["type"] == "scenario"
            assert element["id"].startswith(feature["id"] + ";")


class Strict(BaseModel):
    """A reader that refuses what the format does not know, as the schemas of its makers do."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Result(Strict):
    status: Literal["passed", "failed", "skipped", "undefined", "pending"]
    duration: int = Field(ge=0)
    error_message: str = ""

    @model_validator(mode="after")
    def tells_why(self) -> "Result":
        """The format asks it of what failed, we of whatever did not pass."""
        assert bool(self.error_message) == (self.status != "passed")
        return self


class Match(Strict):
    location: str


class Hook(Strict):
    match: Match
    result: Result


class CucumberStep(Strict):
    keyword: str = Field(pattern="^(Given|When|Then|And|But) $")
    name: str = Field(min_length=1)
    line: int = Field(ge=1)
    match: Match
    result: Result


class Element(Strict):
    id: str
    type: Literal["scenario", "background"]
    keyword: str
    name: str
    description: str
    line: int = Field(ge=1)
    tags: list[dict[str, str]]
    steps: list[CucumberStep]
    after: list[Hook] = []


class Feature(Strict):
    uri: str
    id: str
    keyword: Literal["Feature"]
    name: str
    description: str
    line: int
    tags: list[dict[str, str]]
    elements: list[Element]


def variants() -> dict[str, Any]:
    """A run with three variants of a scenario, two of which would have one slug: one passed, one skipped, one stopped by an error."""
    run = checklist()
    name, feature = "A toggle succeeds while Valkey is away", "b_toggle.feature"
    step = {"keyword": "Then", "text": "C-07: the next heartbeat is refused with 403", "seconds": 2.1}
    ready = {"keyword": "Given", "text": "a quiet backend", "verdict": "broken", "seconds": 0.5}
    error = {"verdict": "broken", "message": "Toxiproxy did not answer within 2 s", "step": "Given a quiet backend"}
    item = next(item for item in run["items"] if item["id"] == "C-07")
    item["answers"] = [
        {
            **item["answers"][0],
            "scenario": f"{feature}: {name}",
            "variant": variant,
            "verdict": verdict,
            "message": message,
        }
        for variant, verdict, message in (("cut off", "passed", ""), ("cut-off", "skipped", "this stack has no proxy"))
    ]
    run["scenarios"] = [
        {"id": "1", "feature": feature, "name": name, "variant": "cut off", "seconds": 2, "steps": [{**step, "verdict": "passed"}], "error": None},
        {"id": "2", "feature": feature, "name": name, "variant": "cut-off", "seconds": 2, "steps": [{**step, "verdict": "skipped"}], "error": None},
        {"id": "3", "feature": feature, "name": name, "variant": "killed", "seconds": 2, "steps": [ready], "error": error},
    ]  # fmt: skip
    return run


@pytest.mark.parametrize("results", [checklist, variants])
def test_a_strict_reader_takes_the_cucumber_report(results: Callable[[], dict[str, Any]]):
    """Nothing that the format does not know, whatever did not pass has its reason, no two scenarios share an id or a name."""
    features = TypeAdapter(list[Feature]).validate_json(cucumber(build(results())))
    elements = [element for feature in features for element in feature.elements]
    assert len({element.id for element in elements}) == len(elements)
    assert len({(feature.uri, element.name) for feature in features for element in feature.elements}) == len(elements)


def test_cucumber_tells_the_reason_of_each_variant():
    """A skipped item says what lacked, a step that stopped its scenario what went wrong, each in its own variant."""
    passed, skipped, stopped = json.loads(cucumber(build(variants())))[0]["elements"]
    assert [element["name"].partition(" [")[2] for element in (passed, skipped, stopped)] == [
        "cut off]",
        "cut-off]",
        "killed]",
    ]
    assert passed["steps"][0]["result"]["status"] == "passed"
    assert skipped["steps"][0]["result"]["error_message"] == "skipped: this stack has no proxy"
    assert stopped["steps"][0]["result"]["error_message"] == "broken: Toxiproxy did not answer within 2 s"
    assert "after" not in stopped  # its step says it already


@pytest.mark.parametrize("verdict", ["failed", "skipped", "inconclusive"])
def test_a_message_of_any_length_leaves_the_outputs_readable(verdict: str):
    """An item's message of 200,000 characters is cut like evidence, everywhere, and tells how much was left out."""
    results = variants()
    long = "the same `row` again and again, " * 6250
    assert len(long) == 200_000
    for item in (results["items"][0], next(item for item in results["items"] if item["id"] == "C-07")):
        item.update(verdict=verdict, message=long)
        for answer in item["answers"]:
            answer.update(verdict=verdict, message=long, weakened=[long])
    results["message"] = long
    results["weakens"] = [long]
    results["scenarios"][2]["error"]["message"] = long
    page = build(results)
    baseline = build(variants())
    for output in (markdown, junit, cucumber):
        assert len(output(page)) < len(output(baseline)) + 40_000, output.__name__
        assert "more characters" in output(page), output.__name__
    assert len(said(results, 80)) < len(said(variants(), 80)) + 20_000
    assert len(html(page, results)) < len(html(baseline, variants())) + 60_000


def test_cases_of_a_whole_run_have_its_time():
    """A check of all lines took as long as the campaign; together they did not take longer."""
    results = chaos()
    for item in results["items"]:
        item.update(seconds=120.0, all_along=True)
    root = ElementTree.fromstring(junit(build(results)))
    assert {case.get("time") for case in root.iter("testcase")} == {"120.000"}
    assert {suite.get("time") for suite in (root, *root)} == {"120.000"}


def test_a_check_of_all_lines_took_as_long_as_its_run(tmp_path: Path):
    """From the plan to the end; where the run was killed, to its last line."""
    ends = {
        "ended": ("end", {"interrupted": False}),
        "killed": ("log", {"instance": "a", "source": "a", "lines": []}),
    }
    for kind, (last, fields) in ends.items():
        directory = new_run(tmp_path / kind, "chaos", 1, {"command": "rig chaos"})
        with Recorder(directory) as recorder:
            plan = {"items": ["INV-07"], "bounds": {"INV-07": {}}, "scenario": "a campaign", "replay": "rig chaos"}
            write_line(recorder, "plan", t=1000.0, **plan)
            write_line(recorder, "broken", t=1050.0, text="the rig itself")
            write_line(recorder, last, t=1090.0, **fields)
        (item,) = judge_run(Run.load(directory))["items"]
        assert (item["seconds"], item["all_along"]) == (90.0, True)


def test_cucumber_of_a_run_without_scenarios_is_an_empty_list():
    assert json.loads(cucumber(build(chaos()))) == []


def test_markdown_puts_troubles_before_the_sections():
    lines = markdown(build(checklist())).splitlines()
    assert lines[0] == "# ✗ Failed — Checklist report"
    headings = ("### ✗ C-07 failed", "### ! F-12 broken", "### ? G-06 inconclusive", "## Sections")
    order = [lines.index(line) for line in headings]
    assert order == sorted(order)
    assert "> \\<script\\>alert('x')\\</script\\>" in "\n".join(lines)
    assert sum(line.startswith("| ") and " passed |" in line for line in lines) >= 104


def test_markdown_says_how_to_run_it_again_and_where_the_evidence_is():
    lines = markdown(build(checklist())).splitlines()
    assert lines[lines.index("Run it again:") + 2] == "```sh"
    below = lines[lines.index("## Sections") + 2]
    assert "`report.html`" in below
    assert "`time`" in below


def test_markdown_rows_have_as_many_cells_as_their_head():
    results = checklist()
    results["items"][0]["title"] = "a `b|c` d|e"
    table = [line for line in markdown(build(results)).splitlines() if line.startswith("| SETUP-01")]
    assert table[0].replace(r"\|", "").count("|") == 5


def said(results: dict, width: int, **options: object) -> str:
    console = Console(file=io.StringIO(), width=width, **options)  # type: ignore[arg-type]
    print_summary(results, RunDirectory(Path("reports/latest")), console)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_terminal_fits_its_width(width: int):
    shown = said(checklist(), width)
    assert "✗ FAILED The server broke a promise in 2 of 110 items." in " ".join(shown.split())
    assert "2.31 s" in shown  # no column was squeezed
    commands = ("rig checklist", "report ", "replay ")
    assert all(len(line) <= width for line in shown.splitlines() if not line.strip().startswith(commands))
    # Commands stay whole, so that they can be copied.
    assert "  rig checklist --only C-07 --random-seed 20261123\n" in shown


def test_terminal_ends_with_the_replay_and_the_report(tmp_path: Path):
    console = Console(file=io.StringIO(), width=80)
    print_summary(checklist(), RunDirectory(tmp_path), console)
    replay, report = console.file.getvalue().rstrip().splitlines()[-2:]
    assert replay.split() == ["replay", *checklist()["command"].split()]
    assert report.split() == ["report", str(tmp_path / "report.html")]


def test_terminal_is_plain_where_colour_is_off():
    assert "\x1b" not in said(checklist(), 80, force_terminal=True, no_color=True, color_system=None)
    assert "\x1b[" in said(checklist(), 80, force_terminal=True, color_system="standard")


def test_terminal_without_unicode_still_prints():
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_summary(checklist(), None, Console(file=file, width=80))
    file.flush()
    shown = file.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert "x FAILED" in shown
    assert "+ passed" not in shown


def test_terminal_names_only_so_many_troubles():
    results = checklist()
    for item in results["items"]:
        item |= {"verdict": "failed", "message": f"of its own: {item['id']}"}
    assert "98 more items did not pass" in said(results, 80)


def test_the_same_results_give_the_same_bytes(tmp_path: Path):
    path = tmp_path / "checklist-1"
    path.mkdir()
    contents = []
    for _ in range(2):
        written = render(checklist(), RunDirectory(path))
        assert sorted(file.name for file in path.iterdir()) == sorted(file.name for file in written) == REPORTS
        contents.append({file.name: file.read_bytes() for file in written})
    assert contents[0] == contents[1]


def test_results_survive_json(tmp_path: Path):
    render(json.loads(json.dumps(checklist())), RunDirectory(tmp_path))
    assert (tmp_path / "report.html").stat().st_size > 100_000


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path):
    target = tmp_path / "summary.md"
    write(target, "old")
    with pytest.raises(UnicodeEncodeError):
        write(target, "new \ud800")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["summary.md"]
