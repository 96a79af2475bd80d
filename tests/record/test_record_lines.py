"""The record: typed lines, a page and a schema made from them, and versions that are read, upgraded or refused."""

import json
from pathlib import Path

import jsonschema_rs
import pytest

from rig.record import Lines, Recorder, Run, new_run
from rig.record.docs import PAGE, SCHEMA, page, schema
from rig.record.lines import KINDS, RECORD_VERSION, decoded, line_from
from rig.record.lines.base import Line
from rig.record.lines.common import Lag, Plan, Weakness, numbers


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
    ("kind", "fields", "message"),
    [
        (Weakness, {"txet": "a misspelt field"}, "txet"),
        (Weakness, {}, "text"),
        (Lag, {"worst_s": "0.1"}, "worst_s"),
        (Plan, {"items": [], "replay": "rig x", "bounds": {"A-01": {"limit": [1]}}}, r"bounds\[...\]"),
    ],
)
def test_fields_that_make_no_line_are_refused(kind: type[Line], fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        line_from(kind, fields)


def test_a_value_of_another_type_is_not_written(tmp_path: Path) -> None:
    directory = new_run(tmp_path, "checklist", 1, {})
    with Recorder(directory) as recorder, pytest.raises(ValueError, match="worst_s"):
        recorder.add(Lag(t=1.0, worst_s="0.1"))  # type: ignore[arg-type]
    assert len(Run.load(directory).lines) == 0


def test_a_line_names_its_scenario_unless_it_has_another(tmp_path: Path) -> None:
    directory = new_run(tmp_path, "checklist", 1, {})
    with Recorder(directory) as recorder:
        recorder.about("a.feature: one", "killed")
        recorder.add(Weakness(t=1.0, text="of the one that runs"))
        recorder.add(Weakness(t=2.0, text="of another", scenario="a.feature: two"))
        recorder.add(Lag(t=3.0, worst_s=0.1))
    found = [(line.scenario, line.variant) for line in Run.load(directory).of(Weakness)]
    assert found == [("a.feature: one", "killed"), ("a.feature: two", "")]


def test_lines_are_read_by_their_class_in_the_order_of_time() -> None:
    late, early, other = Lag(t=2.0, worst_s=0.2), Lag(t=1.0, worst_s=0.1), Weakness(t=1.5, text="x")
    lines = Lines([late, early, other])
    assert lines.of(Lag) == [early, late]
    assert (lines.first(Lag), lines.last(Lag)) == (early, late)
    assert (lines.of(Plan), lines.first(Plan), lines.last(Plan)) == ([], None, None)
    assert list(lines) == [early, other, late]
    assert list(lines.until(1.5)) == [early, other]


def test_whole_numbers_stay_whole_when_they_are_read() -> None:
    fields = {"items": ["A-01"], "replay": "rig x", "bounds": {"A-01": {"pings_min": 8, "quiet_s": 1.0}}}
    bounds = line_from(Plan, fields).bounds["A-01"]
    assert json.dumps(bounds) == '{"pings_min": 8, "quiet_s": 1.0}'
    assert numbers({**bounds, "measure": "errors"}) == bounds


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"record-main\.jsonl:2 is not JSON"),
        ('{"t": 2.0}', r"record-main\.jsonl:2 is no record line: it has no `t` and `kind`"),
        ('{"t": 2.0, "kind": "lagg", "worst_s": 1.0}', "2 is no line of record version 2: .*lagg"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line: str, message: str, tmp_path: Path) -> None:
    directory = new_run(tmp_path, "checklist", 1, {})
    with Recorder(directory) as recorder:
        recorder.add(Lag(t=1.0, worst_s=0.1))
    with recorder.path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match=message):
        Run.load(directory)


def test_an_incomplete_last_line_is_ignored(tmp_path: Path) -> None:
    directory = new_run(tmp_path, "checklist", 1, {})
    with Recorder(directory) as recorder:
        recorder.add(Lag(t=1.0, worst_s=0.1))
    with recorder.path.open("a") as file:
        file.write('{"t": 2.0, "kind": "la')
    assert len(Run.load(directory).lines) == 1


def test_a_line_that_is_none_is_refused_by_file_and_number(tmp_path: Path) -> None:
    directory = new_run(tmp_path, "checklist", 1, {})
    with Recorder(directory) as recorder:
        recorder.add(Lag(t=1.0, worst_s=0.1))
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
        recorder.add(Lag(t=1.0, worst_s=0.1))
    assert len(Run.load(directory).lines) == 1


@pytest.mark.parametrize("version", [RECORD_VERSION + 1, 0, "2"])
def test_another_version_is_refused_by_its_name(tmp_path: Path, version: object) -> None:
    directory = new_run(tmp_path, "checklist", 1, {})
    meta = json.loads(directory.meta.read_text())
    directory.meta.write_text(json.dumps({**meta, "record_version": version}))
    with pytest.raises(ValueError, match=f"record version {version}; this rig reads 1 to {RECORD_VERSION}"):
        Run.load(directory)
