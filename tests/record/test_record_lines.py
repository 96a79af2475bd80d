"""The record: typed lines, a page and a schema made from them, and versions that are read, upgraded or refused."""

import json
from pathlib import Path

import jsonschema_rs
import pytest

from rig.record import Recorder, Run, new_run
from rig.record.docs import PAGE, SCHEMA, page, schema
from rig.record.lines import KINDS, RECORD_VERSION, decoded
from tests.support.record_lines import write


def test_the_page_and_the_schema_are_those_of_the_classes() -> None:
    renew = "renew both: python -m rig.record.docs"
    assert PAGE.read_text() == page(), renew
    assert json.loads(SCHEMA.read_text()) == schema(), renew


def test_the_schema_takes_what_the_rig_takes() -> None:
    validator = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text()))
    line = {"t": 1.0, "kind": "phase", "name": "fault", "from": 1.0, "to": 2.0}
    assert validator.is_valid(line)
    decoded(json.dumps(line))
    for wrong in ({**line, "name": None}, {**line, "form": 1.0}, {"t": 1.0, "kind": "phase"}, {**line, "kind": "fase"}):
        assert not validator.is_valid(wrong)
        with pytest.raises(ValueError, match=r"field|value|Expected"):
            decoded(json.dumps(wrong))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_says_what_it_is(kind: str) -> None:
    assert (KINDS[kind].__doc__ or "").strip().endswith(".")


@pytest.mark.parametrize(
    ("kind", "fields", "told"),
    [
        ("weakness", {"txet": "a misspelt field"}, "txet"),
        ("weakness", {}, "text"),
        ("weekness", {"text": "a misspelt kind"}, "weekness"),
        ("lag", {"worst_s": "0.1"}, "worst_s"),
    ],
)
def test_a_line_that_is_none_is_not_written(tmp_path: Path, kind: str, fields: dict[str, object], told: str) -> None:
    directory = new_run(tmp_path, "checklist", 1, {})
    with Recorder(directory) as recorder, pytest.raises(ValueError, match=told):
        write(recorder, kind, **fields)
    assert Run.load(directory).lines == []


def test_a_line_that_is_none_is_refused_by_file_and_number(tmp_path: Path) -> None:
    directory = new_run(tmp_path, "checklist", 1, {})
    with Recorder(directory) as recorder:
        write(recorder, "lag", worst_s=0.1)
    with recorder.path.open("a") as file:
        file.write('{"t": 2.0, "kind": "lag", "worst": 0.1}\n')
    with pytest.raises(ValueError, match=r"record-main\.jsonl:2 is no line of record version 2: .*worst"):
        Run.load(directory)


def test_a_run_says_its_version(tmp_path: Path) -> None:
    directory = new_run(tmp_path, "checklist", 1, {})
    assert json.loads(directory.meta.read_text())["record_version"] == RECORD_VERSION


def test_a_run_from_before_the_versions_is_read(tmp_path: Path) -> None:
    directory = new_run(tmp_path, "checklist", 1, {})
    meta = json.loads(directory.meta.read_text())
    del meta["record_version"]
    directory.meta.write_text(json.dumps(meta))
    with Recorder(directory) as recorder:
        write(recorder, "lag", worst_s=0.1)
    assert len(Run.load(directory).lines) == 1


@pytest.mark.parametrize("version", [RECORD_VERSION + 1, 0, "2"])
def test_another_version_is_refused_by_its_name(tmp_path: Path, version: object) -> None:
    directory = new_run(tmp_path, "checklist", 1, {})
    meta = json.loads(directory.meta.read_text())
    directory.meta.write_text(json.dumps({**meta, "record_version": version}))
    with pytest.raises(ValueError, match=f"record version {version}; this rig reads 1 to {RECORD_VERSION}"):
        Run.load(directory)
