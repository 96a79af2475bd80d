"""Every report says what was judged: the label the user gave, the commit of the server's sources, the rig's own version."""

import io
import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest
from rich.console import Console

from rig.checks.checklist.fault_conditions import CLASSES
from rig.config import Settings
from rig.record import RunDirectory
from rig.report import print_summary
from rig.report.build import build
from rig.report.fault_matrix import sentences
from rig.report.formats.cucumber import cucumber
from rig.report.formats.html import html
from rig.report.formats.junit import junit
from rig.report.formats.markdown import markdown
from rig.results.compare import compare
from rig.runs.common.provenance import judged
from rig.runs.mutation.report import markdown as proved
from tests.support.report_sample import checklist
from tests.support.stack_support import rig

COMMIT = "0123456789abcdef0123456789abcdef01234567"
JUDGED = {
    "label": "release candidate 7",
    "commit": COMMIT,
    "changed": True,
    "sources": "shop",
    "rig": "0.1.0 at 89abcdef0123",
}


def git(place: Path, *words: str) -> str:
    command = ["git", "-C", str(place), "-c", "user.name=a", "-c", "user.email=a@example.org", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def sources(place: Path) -> str:
    """A repository with one commit, which is returned."""
    place.mkdir()
    git(place, "init", "-q")
    (place / "main.js").write_text("1")
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "one")
    return git(place, "rev-parse", "HEAD")


def test_the_commit_is_that_of_the_directory_the_server_is_started_in(tmp_path: Path) -> None:
    """Uncommitted changes are told; so is that nothing is known of a directory without a history."""
    commit = sources(tmp_path / "shop")
    settings = Settings(sut="node main.js", sut_cwd=tmp_path / "shop", label="mine")
    told = judged(settings)
    assert (told["label"], told["commit"], told["changed"], told["sources"]) == ("mine", commit, False, "shop")
    (tmp_path / "shop" / "main.js").write_text("2")
    assert judged(settings)["changed"] is True
    bare = judged(Settings(sut="node main.js", sut_cwd=tmp_path))
    assert (bare["commit"], bare["label"]) == (None, None)
    assert bare["rig"].startswith("0.1.0")


def test_of_a_server_that_runs_already_no_commit_is_claimed() -> None:
    """What lies in the current directory says nothing of a server that somebody else started."""
    assert judged(Settings(base_url="http://127.0.0.1:3000", internal_url="http://127.0.0.1:3001"))["commit"] is None


@pytest.mark.parametrize("name", ["summary", "html", "junit", "cucumber", "terminal"])
def test_every_output_says_it(name: str, tmp_path: Path) -> None:
    """Label, commit with its changes, and the rig's version, in each form of the report."""
    results = {**checklist(), "judged": JUDGED}
    page = build(results)
    console = Console(width=100, record=True, file=io.StringIO())
    print_summary(results, RunDirectory(tmp_path), console)
    outputs = {
        "summary": markdown(page), "html": html(page, results), "junit": junit(page), "cucumber": cucumber(page),
        "terminal": console.export_text(),
    }  # fmt: skip
    assert "release candidate 7" in outputs[name]
    assert COMMIT[:12] in outputs[name]
    assert "uncommitted changes" in outputs[name]


def test_a_comparison_says_that_two_commits_were_judged() -> None:
    """Or a reader would look for the cause in the wrong place."""
    one, two = (
        {"name": n, "kind": "checklist", "seconds": 1.0, "items": [], "judged": j}
        for n, j in (("a", JUDGED), ("b", {}))
    )
    assert ["commit", COMMIT, None] in compare(one, two).settings
    assert ["label", "release candidate 7", None] in compare(one, two).settings


def test_matrix_and_prove_say_it_too() -> None:
    """Both are pages of their own."""
    name, condition = next(iter(CLASSES.items()))
    columns = {name: {"items": [], "random_seed": 1, "judged": JUDGED, "condition": asdict(condition)}}
    assert "release candidate 7" in "\n".join(sentences(columns, {name: {} for name in columns}))
    meta = {
        "judged": JUDGED,
        "verdict": "passed",
        "counts": {},
        "items": [],
        "seconds": 1.0,
        "random_seed": 1,
        "command": "rig prove",
    }
    assert "release candidate 7" in proved(
        {**meta, "unnamed": {}, "interrupted": False, "cross": False, "exit_code": 0}
    )


def test_a_run_keeps_it(tmp_path: Path) -> None:
    """`--label` stands in run.json beside the commit of this checkout, and in the results made from it."""
    done = rig("checklist", "--only", "SMOKE-01", "--label", "mine", "--reports", str(tmp_path))
    assert done.returncode in (0, 2), done.stdout + done.stderr
    for name in ("run.json", "results.json"):
        told = json.loads((tmp_path / "latest" / name).read_text())["judged"]
        assert told["label"] == "mine"
        assert told["commit"] == git(Path.cwd(), "rev-parse", "HEAD")
