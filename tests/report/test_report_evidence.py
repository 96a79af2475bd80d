"""What a verdict is about is marked, people have names, and what was expected stands beside what was seen."""

import re
from html import unescape
from typing import Any

import pytest

from rig.record import evidence
from rig.report import trim
from rig.report.build import build
from rig.report.evidence import blocks
from rig.report.explain import difference
from rig.report.explain.contract import REFERENCES, clauses, clauses_of
from rig.report.explain.people import Person, named, spans
from rig.report.explain.subjects import Marks, marks, subjects_of
from rig.report.formats.html import html
from rig.report.formats.junit import junit
from rig.report.formats.markdown import markdown
from rig.report.place import Place
from rig.report.trim import Gap, Limits
from tests.support.report_pages import saved
from tests.support.report_sample import MITRA, checklist

SARI, DEWI = MITRA, "853d093b-04ea-4cfe-8ade-ceae5cd48074"
PEOPLE = {SARI: Person(SARI, "Sari", "mitra"), DEWI: Person(DEWI, "Dewi", "mitra")}
ASK = {"body": None, "reply": {}, "error": None, "started": 1.0, "ended": 1.1, "curl": "curl"}


def http(status: int, url: str = "http://127.0.0.1:1/api/mitra/status/heartbeat") -> dict[str, Any]:
    return evidence.http(actor="mitra 3", method="POST", url=url, status=status, **ASK)


SQL = evidence.sql("SELECT mitra_id FROM t", ["mitra_id"], [[DEWI], [SARI]])
ONLINE = evidence.valkey("SMEMBERS mitras:online", [DEWI, SARI])
BARRED = evidence.valkey("SMEMBERS mitras:deactivated", [DEWI, SARI])
KEY = evidence.valkey(f"GET mitra:capacity:{SARI}", "2")
LOG = evidence.log("a", ["one", "[valkey-mirror] seed: 1 online", "two"], looked_for="[valkey-mirror] seed:")
STATEMENTS = evidence.statements("s", {}, ["1.0 sut LOG SELECT 1", "1.1 sut LOG SELECT is_active FROM mitras"])
COMMANDS = evidence.commands("c", ['"SET" "a"', '"GETEX" "a"'])


@pytest.mark.parametrize(
    ("message", "piece", "parts", "whole"),
    [
        (f"{SARI} is still there", SQL, {1}, False),
        ("Sari: at 1.0 it was None", SQL, {1}, False),
        ("Rani: at 1.0 it was None", SQL, set(), False),
        (f"mitras:online holds {SARI}, which Postgres does not", ONLINE, {1}, False),
        (f"mitras:online holds {SARI}, which Postgres does not", BARRED, set(), False),
        (f"mitras:online lacks {'0' + SARI[1:]}", ONLINE, set(), True),
        ("mitra:capacity is '2', not '1'", KEY, set(), True),
        (f"mitra:capacity:{DEWI} is '2', not '1'", KEY, set(), False),
        ("2 seed lines, not one", LOG, {1}, False),
        ("no log line of that form", {**LOG, "lines": ["one"]}, set(), True),
        ("1 × a statement names mitras: SELECT is_active FROM mitras", STATEMENTS, {1}, False),
        ("the snapshot was also changed by GETEX", COMMANDS, {1}, False),
        ("POST http://127.0.0.1:1/api/mitra/status/heartbeat answered 200 {}, not 403", http(200), set(), True),
        ("POST http://127.0.0.1:1/api/mitra/status/heartbeat answered 200 {}, not 403", http(403), set(), False),
        ("a poll by mitra 3 got 503 SERVICE_UNAVAILABLE", http(503), set(), True),
        ("it came late", evidence.timing("it", 2.0, 1.0), set(), True),
        ("it came late", evidence.timing("it", 0.5, 1.0), set(), False),
    ],
)
def test_what_the_message_names_is_marked(message: str, piece: dict[str, Any], parts: set[int], whole: bool):
    found = marks([piece], subjects_of(message, (), PEOPLE))
    assert found == [Marks(frozenset(parts), whole)]


def test_where_nothing_is_named_the_answer_that_is_spoken_of_is_marked():
    beacon = http(200, "http://127.0.0.1:1/public/bestie-availability")
    assert [mark.whole for mark in marks([http(200), beacon], subjects_of("the beacon says 3", (), {}))] == [
        False,
        True,
    ]
    assert not any(marks([http(200), http(200)], subjects_of("the answer says 3", (), {})))


def test_a_marked_row_is_printed_however_far_down_it_stands():
    limits = Limits(lines=6, rows=3, characters=50, pieces=2, answers=1)
    (block,) = blocks([evidence.sql("SELECT 1", ["n"], [[n] for n in range(100)])], limits, [Marks(frozenset({70}))])
    shown = [str(row) if isinstance(row, Gap) else (*row.cells, row.marked) for row in block.rows]
    assert shown == [("0", False), ("1", False), "… 68 more rows", ("70", True), "… 29 more rows"]
    (log,) = blocks([evidence.log("a", [f"line {n}" for n in range(100)])], limits, [Marks(frozenset({50}))])
    assert "> line 50" in [str(line) for line in log.lines]
    assert blocks([SQL] * 9, limits, [Marks()] * 8 + [Marks(whole=True)])[1].marked


def test_names_stand_beside_ids():
    assert named(f"{SARI} and {DEWI}!", PEOPLE) == f"{SARI} (Sari) and {DEWI} (Dewi)!"
    assert spans("nobody", PEOPLE) == [("nobody", "")]
    assert named(SARI, {}) == SARI


@pytest.mark.parametrize(
    ("expected", "seen", "pairs"),
    [
        ("1", None, [("differs", "1", "nothing")]),
        (["a", "b"], ["b", "c"], [("missing", "a", ""), ("same", "b", "b"), ("not expected", "", "c")]),
        ({"x": 1, "y": 2}, {"x": 1, "y": 3}, [("same", "x: 1", "x: 1"), ("differs", "y: 2", "y: 3")]),
    ],
)
def test_a_difference_says_in_words_how_both_sides_compare(
    expected: object, seen: object, pairs: list[tuple[str, str, str]]
):
    found = difference.compared({"what": "it", "expected": expected, "seen": seen}, trim.PLAIN)
    assert [(pair.word, pair.expected, pair.seen) for pair in found.pairs] == pairs


def test_of_many_equal_lines_only_the_first_are_printed():
    same = [str(n) for n in range(50)]
    found = difference.compared({"what": "it", "expected": [*same, "x"], "seen": same}, trim.PLAIN)
    assert [pair.expected for pair in found.pairs] == ["0", "1", "2", "… 47 more", "x"]


def failing() -> dict[str, Any]:
    """A run in which C-07 failed for Sari, with a difference, and whose logs are saved."""
    results = checklist()
    item = next(item for item in results["items"] if item["id"] == "C-07")
    item["message"] = f"mitras:online holds {SARI}, as logs/gw0-server-a.log says"
    item["answers"][0] |= {
        "scenario": "c_heartbeat.feature: A deactivated mitra's ping is refused",
        "message": item["message"],
        "evidence": [ONLINE, SQL],
        "differences": [{"what": "mitras:online", "expected": [DEWI], "seen": [DEWI, SARI]}],
    }
    results["scenarios"][0] |= {"feature": "c_heartbeat.feature", "name": "A deactivated mitra's ping is refused"}
    results["people"] = {id: {"name": one.name, "role": one.role} for id, one in PEOPLE.items()}
    results["wall_time"] = {"workers": 3, "parts": [{"name": "start", "seconds": 9.0}, {"name": "rest", "seconds": 27}]}
    return results


def test_a_failed_item_shows_all_of_it():
    results = failing()
    source = html(build(results), results, Place("a-run", "my reports", ("logs/gw0-server-a.log",)))
    start = source.index('<details class="item" id="C-07"')
    item = source[start : source.index("</details>", start)]
    assert item.count('id="C-07-mark"') == 1
    assert item.index('<a href="#C-07-mark">') < item.index('id="C-07-mark"')
    assert f'{SARI}<span class="who">Sari</span>' in item
    assert '<tr class="marked"><td><b class="flag"' in item
    assert '<th scope="row">not expected</th>' in item
    assert '<a href="#contract-PING-04">PING-04</a>' in item
    assert "<blockquote>" in item
    assert '<a href="logs/gw0-server-a.log">logs/gw0-server-a.log</a>' in item
    step = re.search(r'<a href="#(scenario-1-step-\d)">', item)
    assert step
    assert f'<li id="{step[1]}">' in source
    assert '<div id="contract-PING-04">' in source
    assert "a-run --reports 'my reports'" in unescape(re.sub("</?span>", "", source))
    assert "36 s together" in source
    assert "25.0 %" in source


def test_a_real_run_names_its_people_and_accounts_for_its_time():
    results = saved("checklist")
    assert {"Sari", "Dewi", "Budi"} <= {person["name"] for person in results["people"].values()}
    wall = results["wall_time"]
    whole = wall["workers"] * results["seconds"]
    assert sum(part["seconds"] for part in wall["parts"]) == pytest.approx(whole, abs=0.1)
    page = build(results)
    unnamed = [item.id for item in page.items if item.id[0] in "BDEG" and not item.people and item.answers]
    assert len(unnamed) < 10, unnamed


def test_text_outputs_have_names_marks_and_both_sides():
    assert "| start | 9 s | 25.0 % |" in markdown(build(failing()))
    shown = junit(build(failing()))
    assert f"mitras:online holds {SARI} (Sari)" in shown
    assert f"&gt; {SARI} (Sari)" in shown
    assert f"not expected: seen {SARI}" in shown


def test_each_promise_of_the_checklist_has_its_sentence_in_the_contract():
    assert {name for names in REFERENCES.values() for name in names} <= clauses().keys()
    assert [item["id"] for item in checklist()["items"] if not clauses_of(item["id"])] == ["SETUP-06"]  # the rig's own
    assert clauses_of("sweep/INV-07") == ()
