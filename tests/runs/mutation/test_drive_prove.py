"""`rig prove`: what a broken server's run proves, the choice of entries, and the command as its users meet it."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from rig.errors import UsageError
from rig.paths import CHECKOUT
from rig.record import Verdict
from rig.runs.mutation.catalogue import Entry, draw_sample, read_catalogue, select_entries
from rig.runs.mutation.docs import BEGIN, END, proved_rows, write_docs
from rig.runs.mutation.outcome import Outcome, Proof, judge_entry
from rig.runs.mutation.report import headline, markdown, print_outcomes, results_of
from tests.support.stack_support import alive, rig, until

ENTRY = Entry("slow-ping", "A ping waits.", ("C-02", "C-04"), ("C",), "checklist", "tests/sabotage/pings.py:1")
OTHER = Entry("loud-blast", "A blast | asks *all*.", ("F-04",), ("F",), "checklist", "tests/sabotage/answers.py:1")
BOTH = replace(ENTRY, name="both", fails=("C-02", "F-04"), sections=("C", "F"))
META = {"kind": "prove", "random_seed": 7, "started": 100.0, "command": "rig prove --random-seed 7", "cross": True}


def items(**verdicts: str) -> list[dict[str, str]]:
    """Items of results: `C_02="failed"`."""
    return [
        {"id": id.replace("_", "-"), "verdict": verdict, "message": f"{verdict} as told"}
        for id, verdict in verdicts.items()
    ]


@pytest.mark.parametrize(
    ("verdicts", "proof", "told"),
    [
        ({"C_01": "passed", "C_02": "failed", "C_04": "failed"}, Proof.CAUGHT, ""),
        ({"C_01": "inconclusive", "C_02": "failed", "C_04": "failed"}, Proof.CAUGHT, ""),
        ({"C_01": "passed", "C_02": "passed", "C_04": "passed"}, Proof.SURVIVED, "C-02 did not fall: passed"),
        ({"C_02": "failed", "C_04": "passed"}, Proof.UNDER_CAUGHT, "C-04 did not fall: passed"),
        ({"C_01": "failed", "C_02": "passed", "C_04": "passed"}, Proof.MIS_CAUGHT, "C-01 fell, which it does not name"),
        ({"C_01": "failed", "C_02": "failed", "C_04": "failed"}, Proof.OVER_CAUGHT, "C-01 fell, which it does not"),
        ({"C_01": "failed", "C_02": "failed", "C_04": "passed"}, Proof.OVER_CAUGHT, "C-04 did not fall"),
        ({"C_02": "inconclusive", "C_04": "inconclusive"}, Proof.INCONCLUSIVE, "C-02 did not fall: inconclusive"),
        ({"C_02": "failed", "C_04": "inconclusive"}, Proof.INCONCLUSIVE, "C-04 did not fall: inconclusive"),
        ({"C_02": "broken", "C_04": "inconclusive"}, Proof.BROKEN, "C-02 did not fall: broken"),
        ({"C_02": "inconclusive", "C_04": "passed"}, Proof.SURVIVED, "C-04 did not fall: passed"),
        ({"C_01": "passed"}, Proof.INCONCLUSIVE, "C-02 did not fall: inconclusive"),
    ],
)
def test_what_a_run_proves(verdicts: dict[str, str], proof: Proof, told: str) -> None:
    found, message, fallen = judge_entry(ENTRY, items(**verdicts))
    assert found is proof
    assert told in message
    assert bool(message) is (proof is not Proof.CAUGHT)
    assert fallen == {id.replace("_", "-"): "failed as told" for id, what in verdicts.items() if what == "failed"}


@pytest.mark.parametrize(
    ("verdicts", "proof", "told"),
    [
        ({"C_02": "inconclusive", "C_04": "broken"}, Proof.CAUGHT, ""),
        ({"C_02": "inconclusive", "C_04": "passed"}, Proof.UNDER_CAUGHT, "C-04 did not fall: passed"),
        ({"C_02": "inconclusive", "C_04": "failed"}, Proof.OVER_CAUGHT, "C-04 blames the server"),
        ({"C_02": "failed", "C_04": "failed"}, Proof.MIS_CAUGHT, "C-02 blames the server"),
        ({"C_02": "passed", "C_04": "passed"}, Proof.SURVIVED, "C-02 did not fall"),
    ],
)
def test_an_action_without_effect_must_blame_nobody(verdicts: dict[str, str], proof: Proof, told: str) -> None:
    found, message, _ = judge_entry(replace(ENTRY, breaks="rig"), items(**verdicts))
    assert found is proof
    assert told in message


def test_only_a_whole_proof_is_a_pass() -> None:
    assert {proof for proof in Proof if Outcome(ENTRY, proof).verdict is Verdict.PASSED} == {Proof.CAUGHT}
    blamed = {proof for proof in Proof if Outcome(ENTRY, proof).verdict is Verdict.FAILED}
    assert blamed == {Proof.SURVIVED, Proof.UNDER_CAUGHT, Proof.MIS_CAUGHT, Proof.OVER_CAUGHT}


def test_entries_are_chosen_by_name_section_and_box() -> None:
    entries = [ENTRY, OTHER, BOTH]
    assert select_entries(entries, [], []) == entries
    assert select_entries(entries, ["loud-blast", "loud-blast"], []) == [OTHER]
    assert select_entries(entries, [], ["f"]) == [OTHER, BOTH]
    assert select_entries(entries, [], ["C-04,F"]) == [ENTRY, OTHER, BOTH]
    assert select_entries(entries, ["both", "slow-ping"], ["F"]) == [BOTH]
    for names, only, told in (
        (["slow-pings"], [], "did you mean 'slow-ping'"),
        (["zzz"], [], "rig prove --list"),
        ([], ["Q"], "with one are C, F"),
        (["slow-ping"], ["F"], "none of the mutants named"),
    ):
        with pytest.raises(UsageError, match=told):
            select_entries(entries, names, only)


def test_a_sample_has_one_of_each_section_and_is_replayed_by_its_seed() -> None:
    entries = read_catalogue()
    of_boxes = [entry for entry in entries if entry.breaks == "server" and entry.command != "contract"]
    sections = {section for entry in of_boxes for section in entry.sections}
    drawn = {seed: draw_sample(entries, seed) for seed in range(5)}
    for sample in drawn.values():
        assert {section for entry in sample if entry.command != "contract" for section in entry.sections} == sections
        assert sum(entry.command == "contract" for entry in sample) == 1
        assert len(sample) == len(set(sample)) <= len(sections) + 1
    assert drawn[3] == draw_sample(list(reversed(entries)), 3)
    assert len({tuple(sample) for sample in drawn.values()}) > 1


def test_each_kind_of_entry_has_its_command() -> None:
    assert ENTRY.words(False)[:5] == ["checklist", "--workers", "1", "--only", "C"]
    assert "--only" not in ENTRY.words(True)
    campaign = replace(ENTRY, fails=("INV-01",), sections=("INV",), command="chaos")
    assert campaign.words(False)[:2] == ["chaos", "valkey_killed"]
    assert replace(ENTRY, fails=("CLAIM-01",), sections=("CLAIM",), command="load").words(False)[0] == "load"
    promise = replace(
        ENTRY, fails=("AUTH-16", "PING-03"), sections=("AUTH", "PING"), command="contract", by=("--stage", "edges")
    )
    words = ["contract", "--only", "AUTH-16", "--only", "PING-03", "--stage", "edges", "--sut", promise.server]
    assert promise.words(False) == [*words, "--level", "hardened"]
    assert "--only" not in promise.words(True)
    action = replace(ENTRY, sections=("RIG",), breaks="rig")
    assert action.words(True) == ["checklist", "--only", "C-02,C-04"]
    assert action.environment["RIG_INTERNAL_SABOTAGE"] == "slow-ping"
    assert all("python -m tests.sabotage slow-ping" in entry.words(False) for entry in (ENTRY, campaign))


def test_outside_a_checkout_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs a checkout"):
        read_catalogue(tmp_path)


def test_a_catalogue_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    package = tmp_path / "tests" / "sabotage"
    package.mkdir(parents=True)
    (package / "__main__.py").write_text("raise RuntimeError('declared twice')")
    with pytest.raises(UsageError, match="declared twice"):
        read_catalogue(tmp_path)


def test_results_and_reports_tell_what_is_wrong() -> None:
    outcomes = [
        Outcome(ENTRY, Proof.OVER_CAUGHT, ("C-01", "C-02", "C-04"), "C-01 fell", 9.0, 2, ("entries/a/report.html",)),
        Outcome(OTHER, Proof.CAUGHT, ("F-04",), "", 8.0),
        Outcome(BOTH, Proof.NOT_RUN),
    ]
    results = json.loads(json.dumps(results_of(META, outcomes, 130.0, interrupted=True)))
    assert results["verdict"] == "failed"
    assert results["exit_code"] == 1
    assert results["seconds"] == 30.0
    assert results["unnamed"] == {"C-01": ["slow-ping"]}
    assert [item["proof"] for item in results["items"]] == ["over-caught", "caught", "not run"]
    page = markdown(results)
    assert "**C-01** fell under `slow-ping`" in page
    assert "[report](entries/a/report.html)" in page
    assert "| `slow-ping` | **01** 02 04 |  |" in page, "the matrix"
    assert "A blast \\| asks \\*all\\*." in page
    assert "1 of 3 broken servers caught; 1 over-caught, 1 not run; 1 repeated once" in headline(results)
    console = Console(width=120, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    print_outcomes(results, console)
    assert "slow-ping: C-01 fell" in console.export_text()
    console.file.close()


def test_the_page_keeps_the_rows_that_were_not_run_again(tmp_path: Path) -> None:
    page = tmp_path / "sabotage.md"
    page.write_text(f"# Head\n\n{BEGIN}\n{END}\n\ntail\n")
    write_docs([ENTRY, OTHER], [Outcome(OTHER, Proof.CAUGHT, ("F-04",), "", 8.0)], page)
    before = proved_rows(page.read_text())
    assert before["slow-ping"] == "not run"
    assert before["loud-blast"].startswith("caught 2")
    write_docs([ENTRY, OTHER, BOTH], [Outcome(ENTRY, Proof.SURVIVED), Outcome(OTHER, Proof.NOT_RUN)], page)
    after = proved_rows(page.read_text())
    assert after["loud-blast"] == before["loud-blast"]
    assert after["slow-ping"].startswith("survived")
    assert page.read_text().endswith(f"{END}\n\ntail\n")
    write_docs([OTHER], [], page)
    assert set(proved_rows(page.read_text())) == {"loud-blast"}


@pytest.mark.parametrize(
    ("words", "environment", "told"),
    [
        (["pending-not-countd"], {}, "pending-not-counted"),
        (["--only", "Q"], {}, "'Q'"),
        (["--workers", "0"], {}, "--workers"),
        ([], {"RIG_MODE": "docker"}, "RIG_MODE"),
        ([], {"RIG_VALKEY": "redis://127.0.0.1:1"}, "RIG_VALKEY has no effect on `rig prove`: unset it"),
    ],
)
def test_misuse_is_one_clear_error(words: list[str], environment: dict[str, str], told: str, tmp_path: Path) -> None:
    done = rig("prove", *words, "--reports", str(tmp_path), **environment)
    assert done.returncode == 4, done.stdout + done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_list_tells_all() -> None:
    done = rig("prove", "--list")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == len(read_catalogue())
    assert "(C-02) tests/sabotage/pings.py:" in done.stdout


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_tells_what_is_done_and_leaves_nothing(end: signal.Signals, tmp_path: Path) -> None:
    """Ended as soon as the stack of an entry runs."""
    command = [
        sys.executable,
        "-m",
        "rig",
        "prove",
        "--only",
        "SMOKE",
        "--workers",
        "1",
        "--reports",
        str(tmp_path),
    ]
    family: set[psutil.Process] = set()
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, start_new_session=True) as run:

        def stack_runs() -> bool:
            family.update(psutil.Process(run.pid).children(recursive=True))
            return any(b'"observation"' in path.read_bytes() for path in tmp_path.glob("prove-*/entries/*/*/record-*"))

        try:
            assert until(stack_runs, 60), "no entry got going"
            os.kill(run.pid, end)
            told, _ = run.communicate(timeout=40)
        finally:
            run.kill()
    assert until(lambda: not [one for one in family if alive(one.pid)], 10), family
    if end == signal.SIGINT:
        assert run.returncode == 130
        results = json.loads(next(tmp_path.glob("prove-*/results.json")).read_text())
        assert results["interrupted"]
        assert {item["proof"] for item in results["items"]} == {"not run"}
        assert "not run; interrupted" in told
