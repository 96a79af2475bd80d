"""The table of sections and classes: what is declared is not judged, what fell is named, and one real column of it."""

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from rig.checks import load_checks
from rig.checks.checklist.fault_conditions import CLASSES
from rig.config import read
from rig.errors import UsageError
from rig.faults.catalogue import FAMILIES, faults
from rig.record import Verdict
from rig.record.verdict import EXIT_USAGE
from rig.report.fault_matrix import as_html, as_markdown
from rig.runs.checklist import fault_matrix as matrix
from rig.runs.checklist.fault_matrix import cells_of


def results(**verdicts: str) -> dict[str, Any]:
    items = [
        {"id": id.replace("_", "-"), "section": id.partition("_")[0], "verdict": verdict}
        for id, verdict in verdicts.items()
    ]
    return {"items": items, "random_seed": 7, "directory": "/x/checklist-1"}


def test_every_class_has_its_fault_and_each_declared_change_a_box_and_a_reason() -> None:
    assert list(CLASSES) == list(FAMILIES)
    boxes = load_checks()
    for under in CLASSES.values():
        assert under.fault in faults()
        assert all(id in boxes and why for id, why in under.changes.items())


def test_a_declared_box_is_told_and_not_judged() -> None:
    cells = cells_of(results(I_05="passed", I_06="failed", C_01="failed"), {"I-06": "why"})
    assert (cells["I"].verdict, cells["I"].declared, cells["I"].fallen) == (Verdict.PASSED, ("I-06",), ())
    assert (cells["C"].verdict, cells["C"].fallen) == (Verdict.FAILED, ("C-01",))
    assert cells["A"].verdict is None


def test_the_page_leads_to_each_run_and_names_what_fell() -> None:
    columns = {"silence": {**results(I_06="failed", C_01="failed"), "condition": asdict(CLASSES["silence"])}}
    cells = {"silence": cells_of(columns["silence"], CLASSES["silence"].changes)}
    command = "rig chaos matrix --random-seed 7"
    page, text = as_html(columns, cells, command), as_markdown(columns, cells, command)
    page = page.replace("<span>", "").replace("</span>", "")  # around the words of a command
    for shown in (page, text):
        assert "checklist-1/report.html" in shown
        assert "andom seed 7" in shown
        assert command in shown
        assert "I-06" in shown
    assert "did not pass: C-01" in text
    assert "declared: I-06: " in text
    assert '<a href="checklist-1/report.html#C-01">C-01</a>' in page
    assert "rig recheck checklist-1 --reports /x" in page
    alone = as_html(columns, cells, command, linked=False)  # as a sample stands: a link would lead nowhere
    assert "report.html" not in alone
    assert "rig recheck" not in alone
    assert "C-01</b>" in alone


def test_an_unknown_class_or_box_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="silence"):
        matrix.run(read(reports=tmp_path), [], ["noise"])
    found = subprocess.run(
        [sys.executable, "-m", "rig", "chaos", "matrix", "--only", "Z-99"], capture_output=True, text=True, timeout=60
    )  # fmt: skip
    assert (found.returncode, "Z-99" in found.stderr) == (EXIT_USAGE, True)


def test_a_box_holds_after_a_fault_and_the_fault_is_on_record(tmp_path: Path) -> None:
    assert matrix.run(read(reports=tmp_path, random_seed=5), ["C-02"], ["cuts"]) == 0
    (run,) = tmp_path.glob("checklist-*")
    lines = "".join(path.read_text() for path in run.glob("record-*.jsonl"))
    events = [event for event in ("requested", "confirmed", "removed", "healed") if f'"event": "{event}"' in lines]
    assert len(events) == 4
    (page,) = tmp_path.glob("matrix-*.html")
    assert f"{run.name}/report.html" in page.read_text()
