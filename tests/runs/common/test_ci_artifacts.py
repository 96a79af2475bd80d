"""What continuous integration uploads is enough to judge a run again and to compare it, on another machine."""

import glob
import json
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from rig.paths import CHECKOUT
from rig.record import Recorder, RunDirectory, evidence, new_run
from rig.runs.common.conclude import conclude
from tests.support.record_lines import write
from tests.support.stack_support import rig

# Those that make runs; the one of the tests keeps none.
WORKFLOWS = sorted(path for path in (CHECKOUT / ".github" / "workflows").glob("*.yml") if path.stem != "tests")
PLANS: dict[str, dict[str, Any]] = {
    "checklist": {"items": ["SMOKE-04"], "replay": "rig checklist --only {item}"},
    "verify": {"items": ["SMOKE-04"], "replay": "rig verify --only {item}"},
    "chaos": {"items": ["INV-07"], "bounds": {"INV-07": {}}, "scenario": "a campaign", "replay": "rig chaos"},
    "load": {"items": ["INV-24"], "bounds": {"INV-24": {}}, "scenario": "a load", "replay": "rig load"},
    "model": {"items": ["INV-24"], "bounds": {"INV-24": {}}, "scenario": "a model", "replay": "rig model"},
}
REFUSED = set('":<>|*?\r\n\\')  # in names of files, by the action that uploads


def a_run(reports: Path, kind: str, number: int) -> RunDirectory:
    """A judged run with a record in two files, logs and what else stands in a directory."""
    directory = new_run(reports, kind, number, {"command": f"rig {kind}", "level": "hardened"})
    with Recorder(directory) as recorder, Recorder(directory, "gw0") as other:
        write(recorder, "plan", t=1000.0, **PLANS[kind])
        write(other, "stack", t=1001.0, worker="gw0", mode="embedded")
        write(recorder, "broken", t=1002.0, text=f"the stack of run {number} did not come up", shown=evidence.note("x"))
        write(recorder, "end", t=1003.0, interrupted=False)
    (directory.logs / "gw0-server-a.log").write_text("1001.000000 a line\n" * 1000)
    conclude(directory)
    return directory


def uploads(workflow: Path) -> list[dict[str, Any]]:
    """What each upload of a workflow is told."""
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    return [step["with"] for job in jobs for step in job["steps"] if "upload-artifact" in step.get("uses", "")]


def packed(checkout: Path, told: dict[str, Any], target: Path) -> Path:
    """As the action packs: what the patterns match, with all that is below, without what is excluded; links are followed."""
    patterns = str(told["path"]).split()
    left_out = {path for pattern in patterns if pattern[0] == "!" for path in glob.glob(pattern[1:], root_dir=checkout)}
    found: set[Path] = set()
    for pattern in patterns:
        for name in [] if pattern[0] == "!" else glob.glob(pattern, root_dir=checkout):
            if name in left_out:
                continue
            path = checkout / name
            found |= {path} if path.is_file() else {each for each in path.rglob("*") if each.is_file()}
    with zipfile.ZipFile(
        target, "w", zipfile.ZIP_DEFLATED, compresslevel=int(told.get("compression-level", 6))
    ) as archive:
        for path in sorted(found):
            assert not REFUSED & set(path.name), path
            archive.write(path, path.relative_to(checkout / "reports"))
    return target


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout after its jobs: runs of each kind, the samples, and one of `rig prove` that holds runs of its own."""
    reports = tmp_path / "checkout" / "reports"
    (reports / "samples" / "chaos").mkdir(parents=True)
    (reports / "samples" / "chaos" / "report.html").write_text("a sample")
    for kind in PLANS:
        a_run(reports, kind, 1)
        a_run(reports, kind, 2)
    proving = new_run(reports, "prove", 1, {"command": "rig prove"})
    a_run(proving.path / "entries" / "pending-not-counted", "checklist", 3)
    return tmp_path / "checkout"


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_whole_runs_are_uploaded_and_can_be_judged_and_compared_elsewhere(
    workflow: Path, checkout: Path, tmp_path: Path
) -> None:
    """Each upload, unpacked in another place: every run in it gives the results that it gave, and compares with the next."""
    told = uploads(workflow)
    assert told, "this workflow keeps nothing of what it ran"
    for number, upload in enumerate(told):
        archive = packed(checkout, upload, tmp_path / f"{number}.zip")
        elsewhere = tmp_path / f"elsewhere-{number}"
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(elsewhere)
        runs = sorted(path.parent for path in elsewhere.rglob("run.json") if "prove-" not in path.parent.name)
        assert runs, upload["path"]
        assert not list(elsewhere.rglob("samples"))
        assert len({run.name for run in runs}) == len(runs), "a run is in it twice"
        for run in runs[:2]:
            before = json.loads((run / "results.json").read_text())
            (run / "results.json").unlink()
            done = rig("recheck", str(run))
            assert done.returncode == before["exit_code"], done.stdout + done.stderr
            assert json.loads((run / "results.json").read_text()) == before
            assert (run / "logs" / "gw0-server-a.log").stat().st_size > 1000
        done = rig("compare", str(runs[0]), str(runs[-1]))
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
def test_an_archive_is_read_as_it_is(ending: str, checkout: Path, tmp_path: Path) -> None:
    """`rig recheck ARCHIVE` and `rig compare` take what was downloaded; of several runs one is named behind the archive."""
    reports, elsewhere = checkout / "reports", tmp_path / "elsewhere"
    names = sorted(path.name for path in reports.glob("chaos-*"))
    archive = tmp_path / f"chaos.{ending}"
    if ending == "zip":
        packed(checkout, {"path": "reports/chaos-*"}, archive)
    else:
        with tarfile.open(archive, "w:gz") as opened:
            for name in names:
                opened.add(reports / name, name)
    several = rig("recheck", str(archive), "--reports", str(elsewhere))
    assert several.returncode == 4
    assert all(name in several.stderr for name in names)
    done = rig("recheck", f"{archive}/{names[0]}", "--reports", str(elsewhere))
    assert done.returncode == 3, done.stdout + done.stderr
    report = Path(done.stdout.strip().splitlines()[-1].split()[-1])
    assert report.is_relative_to(elsewhere)
    assert report.is_file()
    again = rig("compare", f"{archive}/{names[0]}", f"{archive}/{names[1]}", "--reports", str(elsewhere))
    assert again.returncode == 0, again.stdout + again.stderr


def test_one_run_in_an_archive_needs_no_name(checkout: Path, tmp_path: Path) -> None:
    """The directory of a run, packed by itself or with its parent."""
    run = next((checkout / "reports").glob("checklist-*-1"))
    for base in (run, run.parent):
        archive = tmp_path / f"{base.name}-packed"
        given = shutil.make_archive(str(archive), "gztar", base, None if base == run else run.name)
        done = rig("recheck", given, "--reports", str(tmp_path / "elsewhere"))
        assert done.returncode == 3, done.stdout + done.stderr


@pytest.mark.parametrize("content", [b"no archive at all", b""])
def test_what_is_no_archive_is_one_line(content: bytes, tmp_path: Path) -> None:
    """A download that broke off is told, not a traceback."""
    archive = tmp_path / "broken.zip"
    archive.write_bytes(content)
    done = rig("recheck", str(archive), "--reports", str(tmp_path / "elsewhere"))
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    assert "broken.zip" in done.stderr
