"""A short load on a real stack: what it counts, and that a server without a mirror fails its claims."""

import json
import sys
from pathlib import Path

import pytest

from rig.config import read
from rig.drive.load import run
from rig.record import Run, RunDirectory
from rig.stack.paths import CHECKOUT
from rig.traffic.load import LoadPace

PACE = LoadPace(mitras=30, pollers=6, ping_every_s=4.0)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    reports = tmp_path_factory.mktemp("reports")
    assert run(read(reports=reports, random_seed=7), 30, 8, PACE) == 0
    return RunDirectory((reports / "latest").resolve())


def test_every_claim_is_answered_with_evidence(directory: RunDirectory) -> None:
    results = json.loads(directory.results.read_text())
    assert {item["id"]: item["verdict"] for item in results["items"]} == {f"CLAIM-0{n}": "passed" for n in (1, 2, 3)}
    assert all(answer["evidence"] for item in results["items"] for answer in item["answers"])
    names = {measure["name"] for measure in results["measures"]}
    assert {"requests a second", "ping: p99", "SQL statements for 1000 requests"} <= names


def test_each_request_was_planned_and_sent_once(directory: RunDirectory) -> None:
    saved = Run.load(directory)
    planned = next(saved.of("load"))["planned"]
    requests = [line for line in saved.of("request") if "planned" in line]
    assert planned == {"ping": 60, "beacon": 96, "dashboard": 8}
    assert len({(line["actor"], line["planned"]) for line in requests}) == len(requests) == sum(planned.values())


def test_no_token_is_in_the_run(directory: RunDirectory) -> None:
    assert "Bearer ey" not in "".join(path.read_text() for path in directory.path.glob("*.*"))
    assert '"token"' not in "".join(path.read_text() for path in directory.path.glob("*.jsonl"))


def test_a_server_without_a_mirror_fails(tmp_path: Path) -> None:
    sut = f"env AVAILABILITY_MIRROR=off {sys.executable} -m server"
    assert run(read(reports=tmp_path, random_seed=7, sut=sut, sut_cwd=CHECKOUT), 30, 5, PACE) == 1
    results = json.loads((tmp_path / "latest" / "results.json").read_text())
    assert [item["verdict"] for item in results["items"]] == ["failed", "failed", "passed"]
