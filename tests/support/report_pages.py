"""Whole pages of each kind of report: a made-up checklist with every verdict and mark, and the saved sample runs."""

import json
import tarfile
from dataclasses import asdict
from typing import Any

from rig.checks.checklist.fault_conditions import CLASSES
from rig.paths import CHECKOUT
from rig.report.build import build
from rig.report.fault_matrix import as_html
from rig.report.formats.html import html
from rig.report.place import Place
from rig.runs.checklist.fault_matrix import cells_of
from tests.support.report_sample import checklist

SAMPLES = ("chaos", "load", "model")


def page_of(results: dict[str, Any]) -> str:
    return html(build(results), results, Place("a-run", logs=("logs/gw0-server-a.log",)))


def page(kind: str) -> str:
    """The report of that kind: checklist, matrix, or one of the saved samples."""
    if kind == "checklist":
        return page_of(checklist())
    if kind == "matrix":
        return matrix()
    return page_of(saved(kind))


def saved(kind: str) -> dict[str, Any]:
    """The results of the sample run of that kind."""
    assert CHECKOUT
    with tarfile.open(CHECKOUT / "reports" / "samples" / kind / "run.tar.xz") as archive:
        name = next(name for name in archive.getnames() if name.endswith("/results.json"))
        file = archive.extractfile(name)
        assert file
        results: dict[str, Any] = json.load(file)
        return results


def matrix() -> str:
    """Two classes: one without a fault of the server, one with an item of each verdict."""
    passed = {**checklist(), "directory": "/x/checklist-1"}
    passed["items"] = [{**item, "verdict": "passed"} for item in passed["items"]]
    runs = (passed, {**checklist(), "directory": "/x/checklist-2"})
    columns = {
        name: {**one, "condition": asdict(under)} for (name, under), one in zip(CLASSES.items(), runs, strict=False)
    }
    cells = {name: cells_of(one, CLASSES[name].changes) for name, one in columns.items()}
    return as_html(columns, cells, "rig chaos matrix --random-seed 7")
