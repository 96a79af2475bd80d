"""Items of campaigns and claims in one run with items of the checklist: ids, verdicts, words, and what lacks a record."""

import tarfile
from pathlib import Path
from typing import Any

import pytest

from rig.record import Recorder, RunDirectory, new_run, resolve_run
from rig.record.directory import new_part
from rig.report.words import headline, what_was_judged
from rig.results.compare import compare
from rig.results.entries import INTERRUPTED
from rig.runs.common.conclude import conclude
from tests.support.chaos_lines import campaign
from tests.support.record_lines import write

CHATS = ("INV-13", {"max_customers": 3})


def planned(name: str, of: str, items: list[str]) -> dict[str, Any]:
    return {"name": name, "of": of, "title": f"Part {name}", "items": items, "replay": f"rig {of} {name}"}


PARTS = [
    planned("hang", "chaos", ["INV-13"]),
    planned("cuts", "chaos", ["INV-13"]),
    planned("load", "load", ["CLAIM-01"]),
]


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return new_run(tmp_path, "verify", 7, {"command": "rig verify --full", "level": "hardened"})


def record(run: RunDirectory, interrupted: bool = False, **plan: Any) -> None:
    with Recorder(run) as recorder:
        write(recorder, "plan", **{"items": ["C-01"], "replay": "rig verify --only {item}", "parts": PARTS, **plan})
        write(recorder, "end", interrupted=interrupted)


def record_campaign(run: RunDirectory, name: str, load: int) -> None:
    """A campaign in which one mitra had so many chats; INV-13 allows three."""
    item, bounds = CHATS
    directory = new_part(run, name, "chaos", 7, {"campaign": {"name": name}})
    with Recorder(directory) as recorder:
        write(recorder, "plan", items=[item], bounds={item: bounds}, scenario=name, replay=f"rig chaos {name}")
        for fields in campaign()["sample"]:
            truth = {**fields["truth"], "loads": {"m1": load}, "heartbeats": {}}
            write(recorder, "sample", **{**fields, "truth": truth, "keys_before": None, "keys_after": None})
        write(recorder, "weakness", text="3 steps were left out")
        write(recorder, "end", interrupted=False)


def verdicts(results: dict[str, Any]) -> dict[str, str]:
    return {item["id"]: item["verdict"] for item in results["items"]}


def test_the_same_invariant_of_two_campaigns_has_two_ids_and_two_verdicts(run: RunDirectory) -> None:
    record(run)
    record_campaign(run, "hang", load=3)
    record_campaign(run, "cuts", load=4)
    results = conclude(run)
    assert verdicts(results) == {
        "C-01": "inconclusive", "hang/INV-13": "passed", "cuts/INV-13": "failed", "CLAIM-01": "inconclusive",
    }  # fmt: skip
    assert (results["verdict"], results["exit_code"]) == ("failed", 1)
    assert "hang: 3 steps were left out" in results["weakens"]
    failed = next(item for item in results["items"] if item["id"] == "cuts/INV-13")
    assert (failed["section"], failed["section_title"], failed["replay"]) == ("cuts", "Part cuts", "rig chaos cuts")
    assert failed["answers"][0]["evidence"]
    for name in ("hang", "cuts"):
        assert run.part(name).report.is_file()
        assert f'href="parts/{name}/report.html"' in run.report.read_text()


def test_a_part_without_a_record_is_inconclusive_and_says_so(run: RunDirectory) -> None:
    record(run)
    results = conclude(run)
    assert set(verdicts(results).values()) == {"inconclusive"}
    assert {item["message"] for item in results["items"] if item.get("part")} == {"it has no record"}


def test_what_was_judged_before_ctrl_c_stays_and_is_told(run: RunDirectory) -> None:
    record(run, interrupted=True)
    record_campaign(run, "hang", load=3)
    results = conclude(run)
    assert verdicts(results)["hang/INV-13"] == "passed"
    assert {item["message"] for item in results["items"] if item["verdict"] == "inconclusive"} == {INTERRUPTED}
    assert headline(results).startswith("Interrupted: 3 of 4 items, sentences, invariants and claims could not")
    assert headline(results).endswith("Judged so far: 1 passed.")
    assert results["exit_code"] == 130


def test_a_killed_campaign_is_inconclusive_not_passed(run: RunDirectory) -> None:
    record(run)
    record_campaign(run, "hang", load=3)
    file = run.part("hang").path / "record-main.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))  # without its end
    assert verdicts(conclude(run))["hang/INV-13"] == "inconclusive"


def test_the_run_judged_again_gives_the_same_and_two_runs_are_compared_by_these_ids(
    run: RunDirectory, tmp_path: Path
) -> None:
    record(run)
    record_campaign(run, "hang", load=3)
    first = conclude(run)
    assert conclude(run) == first
    later = new_run(tmp_path, "verify", 8, {"command": "rig verify --full"})
    record(later)
    record_campaign(later, "hang", load=4)
    named: list[Any] = [{**results, "name": str(number)} for number, results in enumerate((first, conclude(later)))]
    assert compare(*named).worse == ["hang/INV-13"]


def test_a_deviation_of_one_campaign_is_accepted_by_its_id(run: RunDirectory) -> None:
    record(run, accepted=[{"id": "cuts/INV-13", "reason": "ticket 17", "until": "9999-12-31"}])
    record_campaign(run, "hang", load=4)
    record_campaign(run, "cuts", load=4)
    found = verdicts(conclude(run))
    assert (found["cuts/INV-13"], found["hang/INV-13"]) == ("skipped", "failed")


def test_a_packed_run_is_one_run_with_its_parts(run: RunDirectory, tmp_path: Path) -> None:
    record(run)
    record_campaign(run, "hang", load=3)
    archive = tmp_path / "verify.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(run.path, run.path.name)
    assert resolve_run(tmp_path, str(archive)).path.name == run.path.name


def test_the_words_of_a_pass_count_campaigns_and_claims() -> None:
    items = [{"id": "C-01", "section": "C"}, {"id": "PING-01", "section": "PING"}, {"id": "PING-02", "section": "PING"}]
    results: dict[str, Any] = {
        "kind": "verify", "verdict": "passed", "counts": {"passed": 6}, "level": "contract",
        "items": [*items, *({"id": "x", "section": "x", "part": "x"} for _ in range(3))],
        "parts": [{"of": "chaos", "items": 1}, {"of": "chaos", "items": 1}, {"of": "load", "items": 1}],
    }  # fmt: skip
    told = "1 item of the checklist, 2 sentences of the contract at level contract, 2 campaigns and 1 claim"
    assert what_was_judged(results) == told
    assert headline(results) == f"The server did what was promised in {told}."
    quick = {**results, "parts": [], "items": items, "counts": {"passed": 3}, "more_by_full": "9 campaigns"}
    assert headline(quick).endswith("level contract; `--full` judges 9 campaigns besides.")
