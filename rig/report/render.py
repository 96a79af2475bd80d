"""Writes all reports of a run into its directory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rig.record import RunDirectory
from rig.report.build import build
from rig.report.cutover.runbook import runbook
from rig.report.formats import files
from rig.report.formats.cucumber import cucumber
from rig.report.formats.html import html
from rig.report.formats.junit import junit
from rig.report.formats.markdown import markdown
from rig.report.place import place_of


def render(results: Mapping[str, Any], directory: RunDirectory) -> list[Path]:
    """Write report.html, summary.md, junit.xml and cucumber.json, and the runbook of a cutover; each appears whole or not at all.

    The same results give the same bytes. ValueError when an item bears a verdict that does not exist.
    """
    view = build(results)
    outputs = {
        directory.report: html(view, results, place_of(directory)),
        directory.path / "summary.md": markdown(view),
        directory.path / "junit.xml": junit(view),
        directory.path / "cucumber.json": cucumber(view),
    }
    if results.get("cutover"):
        outputs |= runbook(results, directory.path)
    for path, content in outputs.items():
        files.write(path, content)
    return list(outputs)
