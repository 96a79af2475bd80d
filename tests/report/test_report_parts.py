"""The small parts of a report: text, trimming, bars, charts and sentences."""

import pytest

from rig.record import Verdict, evidence
from rig.report import text, trim, words
from rig.report.charts import axes, svg
from rig.report.evidence import Row, blocks, plain
from rig.report.trim import Gap, Limits

LIMITS = Limits(lines=6, rows=2, characters=50, pieces=2, answers=1)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "—"),
        (0, "0 s"),
        (0.0004, "0.4 ms"),
        (0.084, "84 ms"),
        (0.9996, "1 s"),
        (1.234, "1.23 s"),
        (41.2, "41.2 s"),
        (99.96, "1 min 40 s"),
        (312, "5 min 12 s"),
        (7260, "2 h 01 min"),
        (-0.5, "-0.5 s"),
    ],
)
def test_seconds(value: float | None, shown: str):
    assert text.seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (12, "12"),
        (0.94, "0.94"),
        (312.4, "312"),
        (48213, "48\N{THIN SPACE}213"),
        (0.00004, "0.00004"),
        ("≤ 1", "≤ 1"),
        (True, "true"),
        (float("nan"), "nan"),
    ],
)
def test_number(value: object, shown: str):
    assert text.number(value) == shown


def test_clean_shows_what_cannot_be_printed():
    assert text.clean("a\x1b[31mb\x1b[0m\x00\ud800\r\nc\td") == "ab\\x00\\ud800\nc\td"


def test_spans_know_code_and_strong_and_drop_the_audience():
    assert text.spans("**[BE]** Watch **no `UPDATE` rows** in `log`") == [
        ("text", "Watch "), ("strong", "no UPDATE rows"), ("text", " in "), ("code", "log"),
    ]  # fmt: skip
    assert text.code_spans("2 ** 3 in `log`") == [("text", "2 ** 3 in "), ("code", "log")]


def test_a_stamped_line_shows_its_time_of_day():
    (line,) = trim.lines(["1795471034.250000 [valkey] subscribed"], LIMITS)
    assert str(line) == "21:57:14.250 [valkey] subscribed"


def test_lines_keep_the_hit_and_its_surroundings():
    kept = trim.lines([f"line {n}" for n in range(20)], LIMITS, "line 12")
    assert [str(line) for line in kept] == [
        "… 10 more lines", "line 10", "line 11", "line 12", "line 13", "line 14", "… 5 more lines",
    ]  # fmt: skip


def test_lines_without_a_hit_keep_the_first():
    kept = trim.lines([f"line {n}" for n in range(20)], LIMITS, "absent")
    assert [str(line) for line in kept][-2:] == ["line 5", "… 14 more lines"]
    assert kept[-1] == Gap(14)


def test_a_gap_of_one_line_is_not_worth_it():
    assert len(trim.lines(["x"] * 7, LIMITS)) == 7


def test_a_placeholder_stands_for_any_word():
    pattern = trim.needle("setOnline <id> failed:")
    assert pattern is not None
    assert pattern.search("[valkey-mirror] setOnline 5b1f-6c failed: refused")
    assert not pattern.search("setOnline failed:")


def test_more_evidence_than_the_limit_is_counted():
    shown = blocks([evidence.note(str(n)) for n in range(5)], LIMITS)
    assert [block.words for block in shown] == ["0", "1", "… 3 more pieces of evidence, in results.json"]


def test_long_values_and_rows_are_cut():
    (block,) = blocks([evidence.sql("SELECT 1", ["a"], [["x" * 200], [None], [True]])], LIMITS)
    assert block.rows == (Row(("x" * 50 + "… 150 more characters",)), Row(("NULL",)), Gap(1, "row"))


@pytest.mark.parametrize(
    ("measured", "shown", "over"),
    [
        (0.031, "31 ms of 1 s allowed", False),
        (1.0, "1 s of 1 s allowed", False),
        (1.82, "1.82 s of 1 s allowed, over the bound", True),
        (None, "never came of 1 s allowed, over the bound", True),
    ],
)
def test_a_time_against_its_bound(measured: float | None, shown: str, over: bool):
    (block,) = blocks([evidence.timing("it", measured, 1.0)], LIMITS)
    assert block.bar is not None
    assert (str(block.bar), block.bar.over) == (shown, over)
    assert 0 <= block.bar.measured_percent <= 100
    assert 0 <= block.bar.bound_percent <= 100
    assert (block.bar.measured_percent > block.bar.bound_percent) == over


def test_plain_evidence_has_every_part():
    shown = plain([evidence.valkey("GET k", None, type="none", ttl_ms=-2), evidence.sql("SELECT 1", ["n"], [[1]])])
    assert shown == "[Valkey] type none, TTL no such key\n  GET k\n  nil\n[Postgres] rows 1\n  SELECT 1\n  n\n  1"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 500, [0, 100, 200, 300, 400, 500]), (0, 0.94, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (0, 0, [0, 0.2]), (5, 5, [5, 6])],
)
def test_ticks_are_round_and_span_the_values(low: float, high: float, expected: list[float]):
    assert axes.ticks(low, high) == expected


def test_merging_points_keeps_spikes_and_gaps():
    points = [(float(n), 1.0) for n in range(10_000)]
    points[5000], points[7000] = (5000.0, 99.0), (7000.0, None)
    merged = axes.merge(points)
    assert len(merged) <= axes.POINTS_MAX + 1
    assert (5000.0, 99.0) in merged
    assert len(axes.runs(merged)) == 2


def test_a_chart_takes_epochs_or_seconds_since_the_start():
    spans = svg.phases([{"name": "<fault>", "from": 1000000005.0, "to": 1000000007.0}], 1000000000.0)
    assert (spans[0].begin_s, spans[0].end_s, spans[0].tone) == (5.0, 7.0, "fault")
    by_epoch = svg.chart({"name": "x", "points": [[1000000000.0, 1], [1000000010.0, 2]]}, spans, 1000000000.0)
    assert by_epoch == svg.chart({"name": "x", "points": [[0, 1], [10, 2]]}, spans, 1000000000.0)
    assert "<fault>" not in by_epoch


@pytest.mark.parametrize(
    ("verdict", "counts", "sentence"),
    [
        ("passed", {"passed": 110}, "The server did what was promised in all 110 items."),
        ("passed", {"passed": 1}, "The server did what was promised in the one item."),
        (
            "passed",
            {"passed": 2, "skipped": 1},
            "The server did what was promised in 2 of 3 items. Besides: 1 skipped.",
        ),
        ("failed", {"failed": 1, "broken": 2}, "The server broke a promise in 1 of 3 items. Besides: 2 broken."),
        ("failed", {"passed": 3}, "The server broke a promise; no single item says so."),
        (
            "inconclusive",
            {"inconclusive": 1, "passed": 1},
            "An assumption did not hold: 1 of 2 items could not be judged.",
        ),
        ("broken", {"broken": 2}, "The rig or its stack failed: 2 of 2 items say nothing of the server."),
        ("skipped", {"skipped": 2}, "Nothing was tried: all 2 items need what this stack lacks."),
        ("inconclusive", {}, "No item was answered."),
    ],
)
def test_the_sentence_under_a_verdict(verdict: str, counts: dict[str, int], sentence: str):
    assert words.headline({"kind": "checklist", "verdict": verdict, "counts": counts}) == sentence


def test_each_verdict_has_its_word_mark_and_meaning():
    for known in (words.MARKS, words.ASCII_MARKS, words.MEANINGS):
        assert set(known) == set(Verdict)
    assert len(set(words.MARKS.values())) == len(set(words.ASCII_MARKS.values())) == len(Verdict)
