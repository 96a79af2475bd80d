"""The report of a load run: claims first, both arms side by side, and nothing that must be there."""

import io
import re
from xml.etree import ElementTree

import pytest
from rich.console import Console

from rig.report import print_summary
from rig.report.build import build
from rig.report.charts import plots
from rig.report.formats.html import html
from rig.report.formats.junit import junit
from rig.report.formats.markdown import markdown
from rig.report.place import Place
from tests.report.test_report_html import Document
from tests.support.load_sample import hostile, load
from tests.support.report_sample import HOSTILE

PARTS = [
    "claims",
    "thresholds",
    "courses",
    "percentiles",
    "accounting",
    "spreads",
    "blocks",
    "ledger",
    "valkey",
    "witness",
    "generator",
    "observing",
    "raw",
]


def rendered(results: dict) -> str:
    return html(build(results), results, Place("load-20261123T221714Z-20261123"))


def parts(source: str) -> list[str]:
    return re.findall(r'<section class="load" id="load-([a-z]+)"', source)


def test_the_parts_stand_in_reading_order_before_the_items():
    source = rendered(load())
    assert parts(source) == PARTS
    assert source.index("What weakens") < source.index('id="load-claims"')
    assert source.index('id="load-raw"') < source.index('<section id="items"')


def test_a_claim_stands_with_its_limit_both_arms_and_a_way_to_its_evidence():
    source = rendered(load())
    claims = source[source.index('id="load-claims"') : source.index('id="load-thresholds"')]
    rows = claims.split("<tr>")[2:]
    assert len(rows) == 5
    assert '<a href="#CLAIM-02">' in rows[1]
    for shown in ("≤ 60", "a minute", "9.6", "9\N{THIN SPACE}000"):
        assert shown in rows[1]
    assert "0.71 of the baseline" in rows[3]
    assert "skipped" in rows[4]
    assert "It takes two instances" in rows[4]


def test_links_lead_somewhere_and_only_to_files_of_the_run():
    document = Document(rendered(load()))
    ids = document.having("id")
    assert len(ids) == len(set(ids))
    inner = [link for link in document.having("href") if link.startswith("#")]
    assert {link[1:] for link in inner} <= set(ids)
    outer = [link for link in document.having("href") if not link.startswith(("#", "data:"))]
    assert outer == ["requests-local.csv", "locust.html"]


def test_data_never_becomes_markup():
    source = rendered(hostile())
    document = Document(source)
    assert [tag for tag, _ in document.tags].count("script") == 1
    assert HOSTILE not in source
    assert not re.search("[\x00-\x08\x0b-\x1f]", source)
    markdown(build(hostile()))
    ElementTree.fromstring(junit(build(hostile())))


@pytest.mark.parametrize("empty", [None, [], "missing"])
@pytest.mark.parametrize("key", ["arms", "window", *[key for key in load()["load"] if key not in ("arms", "window")]])
def test_what_is_missing_is_left_out(key: str, empty: object):
    results = load()
    if empty == "missing":
        del results["load"][key]
    else:
        results["load"][key] = empty
    source = rendered(results)
    gone = {"plots": "courses", "histograms": "spreads"}.get(key, key)
    assert parts(source) == [part for part in PARTS if part != gone]
    markdown(build(results))
    junit(build(results))


@pytest.mark.parametrize("rest", [{}, {"arms": [{"id": "on"}]}])
def test_a_run_cut_short_still_renders(rest: dict):
    results = load()
    results["load"] = rest
    assert parts(rendered(results)) == []


def test_rows_that_lack_everything_are_dashes():
    results = load()
    for key, value in results["load"].items():
        if key not in ("arms", "window", "raw"):
            results["load"][key] = [{} for _ in value]
    Document(rendered(results))
    markdown(build(results))
    junit(build(results))


def test_without_a_baseline_the_other_arm_is_a_dash():
    results = load()
    results["load"]["arms"].pop()
    for claim in results["load"]["claims"]:
        del claim["off"]
    results["load"]["plots"][0]["curves"].pop()
    assert "—" in Document(rendered(results)).text


def test_the_ledger_is_folded_beyond_its_first_rows():
    source = rendered(load())
    assert "4 more rows</summary>" in source


def test_both_arms_look_the_same_everywhere():
    drawn = plots.curves(load()["load"]["plots"][1], [], 0.0)
    assert drawn is not None
    assert [(arm, dash) for _, arm, dash in drawn.legend] == [("on", False), ("on", True), ("off", False)]
    assert drawn.drawing.count('class="sign a-off"') >= 8
    assert drawn.drawing.count("<polyline") == 5  # two curves have a gap
    assert 'class="sign a-on"' not in drawn.drawing


def test_curves_and_spreads_without_values_are_left_out():
    assert plots.curves({"title": "x", "curves": [{"points": [[1, None]]}, {}]}, [], 0.0) is None
    assert plots.spread("ping", [("with", "on", []), ("without", "off", [[1.0, 0]])]) is None
    assert plots.spread("ping", [("with", "on", [[1.0, 5]])]) is not None
    assert plots.intervals([("on", ()), ("off", (1.0,))], "") is None


def test_each_threshold_is_a_testcase():
    root = ElementTree.fromstring(junit(build(load())))
    assert (root.get("tests"), root.get("failures")) == ("8", "2")
    cases = root.findall("testsuite[@name='Thresholds']/testcase")
    assert [case.find("failure") is not None for case in cases] == [False, True, False]


def test_the_summary_holds_the_tables_that_come_first():
    shown = markdown(build(load()))
    heads = ["## Claims", "## Thresholds", "## What became of each request", "## Response times"]
    assert [shown.index(head) for head in heads] == sorted(shown.index(head) for head in heads)
    assert "`poll: p(99)<10`" in shown


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_shows_the_claims(width: int):
    console = Console(file=io.StringIO(), width=width)
    print_summary(load(), None, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert re.search(r"claim +limit +with +without", shown)
    assert "9\N{THIN SPACE}000" in shown


def test_a_terminal_without_unicode_shows_whole_figures():
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_summary(load(), None, Console(file=file, width=120))
    file.flush()
    shown = file.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert "<= 60 a minute" in shown
    assert "9000 a minute" in shown
