"""The rows of a cutover: each says yes to a good rehearsal, no to its own defect, and unknown without its lines."""

from collections.abc import Sequence

import msgspec
import pytest

from rig.checks import load_checks
from rig.checks.bounds import bounds_from
from rig.checks.cutover.rows import NOT_SEEN, ROWS, bounds_of
from rig.checks.framework import judge_lines
from rig.record import Lines, Verdict
from rig.record.lines.base import Line
from rig.record.lines.cutover import (
    CutoverCapacity,
    CutoverFacts,
    CutoverInstance,
    CutoverLook,
    CutoverOffline,
    CutoverProof,
    CutoverSeed,
    CutoverSql,
    CutoverStep,
    CutoverStore,
    CutoverTraffic,
    CutoverTry,
    CutoverWay,
)
from rig.runs.cutover.defects import DEFECTS
from tests.support.cutover_lines import (
    BEGAN,
    facts_line,
    good_rehearsal,
    moves,
    step_line,
    store_line,
    way_line,
    without,
)

load_checks()
DAY_S = 86_400.0


def says(row: str, lines: Lines) -> tuple[Verdict, str]:
    judgement, _ = judge_lines(row, lines, bounds_from(bounds_of(20.0, 7 * DAY_S)[row]))
    return judgement.verdict, judgement.message


def replaced(kind: type[Line], new: Sequence[Line]) -> Lines:
    """The good rehearsal with these lines in place of all of that kind."""
    return Lines([*(line for line in good_rehearsal() if not isinstance(line, kind)), *new])


def changed(kind: type[Line], **fields: object) -> Lines:
    """The good rehearsal, with other values in the first line of that kind."""
    lines = good_rehearsal()
    at = next(number for number, line in enumerate(lines) if isinstance(line, kind))
    lines[at] = msgspec.structs.replace(lines[at], **fields)
    return Lines(lines)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_says_yes_to_a_good_rehearsal(row: str) -> None:
    assert says(row, Lines(good_rehearsal()))[0] is Verdict.PASSED, says(row, Lines(good_rehearsal()))


NO = {
    "GO-01": (changed(CutoverOffline, wrongful=["m1 at 3, 2 s after a ping"]), "1 were set offline"),
    "GO-02": (changed(CutoverLook, differences=["mitras:online holds m1"]), "mitras:online holds m1"),
    "GO-03": (changed(CutoverTraffic, failed=2), "2 of 100 requests got a 5xx"),
    "GO-04": (changed(CutoverSeed, seconds=5.1), "took 5.100 s"),
    "GO-05": (replaced(CutoverStore, [store_line("settle", "X", calls={"get": 7})]), "X counted 7 get"),
    "GO-06": (
        replaced(CutoverStore, [store_line("settle", "Y", calls={"get": 1}, rejected={"evalsha": 4})]), "4 evalsha",
    ),
    "GO-07": (changed(CutoverSql, per_s=900), "Postgres takes 900"),
    "GO-08": (
        Lines([*without(good_rehearsal(), CutoverInstance), *(
            CutoverInstance(t=BEGAN, step="", instance=name, store="X", event="serves") for name in "ab"
        ), *moves("switch", "Y", [("a", BEGAN + 50, BEGAN + 52), ("b", BEGAN + 82, BEGAN + 85)])]),
        "took 30.000 s",
    ),
    "GO-09": (Lines([*good_rehearsal(), step_line(20, "failover-1", seconds=12.0)]), "took 12.000 s"),
    "GO-10": (
        Lines([*good_rehearsal(), CutoverLook(t=BEGAN, step="on-x", store="X", differences=["holds m9"], looks=9)]),
        "holds m9",
    ),
    "GO-11": (replaced(CutoverStore, [store_line("settle", "Y", evicted=3)]), "evicted 3 keys"),
    "GO-12": (replaced(CutoverFacts, [facts_line("X"), facts_line("Y", policy="allkeys-lru")]), "allkeys-lru"),
    "GO-13": (replaced(CutoverFacts, [facts_line("X"), facts_line("Y", maxmemory_bytes=3_000_000)]), "more than 50%"),
    "GO-14": (replaced(CutoverWay, [way_line("X"), way_line("Y", p50_ms=2.2)]), "more than 1 ms longer"),
    "GO-15": (changed(CutoverTry, error="NOPERM"), "Y refuses get"),
    "GO-16": (Lines([*good_rehearsal(), step_line(9, "storm", "timed out", 99)]), "timed out"),
    "GO-17": (changed(CutoverProof, at=BEGAN - 8 * DAY_S), "8.0 days ago"),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_every_row_says_no_to_its_own_defect_and_names_it(row: str) -> None:
    lines, told = NO[row]
    verdict, message = says(row, lines)
    assert verdict is Verdict.FAILED, message
    assert told in message


NEEDED: list[tuple[str, type[Line]]] = [
    ("GO-01", CutoverOffline), ("GO-02", CutoverLook), ("GO-03", CutoverTraffic), ("GO-04", CutoverSeed),
    ("GO-05", CutoverStore), ("GO-06", CutoverStore), ("GO-07", CutoverCapacity), ("GO-07", CutoverSql),
    ("GO-08", CutoverInstance), ("GO-09", CutoverStep), ("GO-10", CutoverLook), ("GO-10", CutoverStep),
    ("GO-11", CutoverStore), ("GO-12", CutoverFacts), ("GO-13", CutoverFacts), ("GO-14", CutoverWay), ("GO-15", CutoverTry),
    ("GO-15", CutoverFacts), ("GO-16", CutoverStep), ("GO-17", CutoverProof),
]  # fmt: skip


@pytest.mark.parametrize(("row", "kind"), NEEDED)
def test_a_row_without_the_lines_that_it_reads_is_unknown(row: str, kind: type[Line]) -> None:
    verdict, message = says(row, without(good_rehearsal(), kind))
    assert verdict is Verdict.INCONCLUSIVE
    assert "unknown" in message


def test_an_instance_that_stays_on_x_is_an_overlap_without_an_end() -> None:
    forgotten = [
        line
        for line in good_rehearsal()
        if not (isinstance(line, CutoverInstance) and line.step and line.instance == "b")
    ]
    verdict, message = says("GO-08", Lines(forgotten))
    assert verdict is Verdict.FAILED
    assert "switch: it ended with instances on two stores" in message


def test_the_same_store_under_two_addresses_is_refused() -> None:
    verdict, message = says("GO-15", replaced(CutoverFacts, [facts_line("X"), facts_line("Y", run_id="id of X")]))
    assert verdict is Verdict.FAILED
    assert "the same store" in message


def test_a_fact_that_y_does_not_tell_is_unknown_until_somebody_states_it() -> None:
    from rig.record.lines.cutover import CutoverAttest

    silent = replaced(CutoverFacts, [facts_line("X"), facts_line("Y", policy=None)])
    assert says("GO-12", silent)[0] is Verdict.INCONCLUSIVE
    stated = Lines([*silent, CutoverAttest(t=BEGAN, fact="policy", value="volatile-lru", by="Ann")])
    verdict, message = says("GO-12", stated)
    assert verdict is Verdict.PASSED
    assert "stated by Ann" in message


def test_every_row_has_a_defect_and_tells_what_it_does_not_see() -> None:
    assert {defect.row for defect in DEFECTS.values()} == {*ROWS} - {"GO-17"}
    assert all(NOT_SEEN.values())
