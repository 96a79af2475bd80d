"""The saved runs that stand beside the samples of reports: judged again, they say what they said."""

import json
from pathlib import Path

import pytest

from rig.paths import CHECKOUT
from rig.record import Run, resolve_run
from rig.record.lines import RECORD_VERSION
from rig.results.judge import judge_run

ARCHIVES = sorted((CHECKOUT / "reports" / "samples").glob("*/run.tar.xz"))
BYTES_MAX = 300_000


def test_each_kind_of_run_has_one() -> None:
    assert {path.parent.name for path in ARCHIVES} >= {"checklist", "chaos", "load", "model"}


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda path: path.parent.name)
def test_it_is_judged_as_it_was(archive: Path, tmp_path: Path) -> None:
    assert archive.stat().st_size <= BYTES_MAX
    run = Run.load(resolve_run(tmp_path, str(archive)))
    assert run.meta["record_version"] <= RECORD_VERSION
    before = json.loads(run.directory.results.read_text())
    again = json.loads(json.dumps(judge_run(run)))
    told = {item["id"]: (item["verdict"], item["message"]) for item in again["items"]}
    assert told == {item["id"]: (item["verdict"], item["message"]) for item in before["items"]}
    assert (again["verdict"], again["exit_code"]) == (before["verdict"], before["exit_code"])
