"""The files of Postgres' log are read on through torn lines, rotation and names that are used again."""

import json
import os
from pathlib import Path

import pytest

from rig.observe.postgres.json_log import JsonLog, parameters_of, statement_of, time_of


def line(number: int, backend: str = "client backend") -> str:
    return json.dumps({"backend_type": backend, "message": f"statement: SELECT {number}", "number": number}) + "\n"


def numbers(log: JsonLog) -> list[int]:
    return [entry["number"] for entry in log.read()]


def test_a_torn_line_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path, log = tmp_path / "a.json", JsonLog(tmp_path)
    path.write_text(line(1) + line(2)[:20])
    assert numbers(log) == [1]
    path.write_text(line(1) + line(2))
    assert numbers(log) == [2]
    assert numbers(log) == []


def test_rotated_files_are_read_in_the_order_of_their_last_change(tmp_path: Path) -> None:
    (tmp_path / "postgresql-Mon.json").write_text(line(3))
    (tmp_path / "postgresql-Sun.json").write_text(line(1) + line(2))
    os.utime(tmp_path / "postgresql-Sun.json", (1000, 1000))
    log = JsonLog(tmp_path)
    assert numbers(log) == [1, 2, 3]
    (tmp_path / "postgresql-Sun.json").write_text(line(4))  # a week later, truncated
    assert numbers(log) == [4]


def test_only_clients_lines_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(line(1, "checkpointer") + line(2) + line(3, "autovacuum worker"))
    assert numbers(JsonLog(tmp_path)) == [2]


def test_a_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("LOG: hello\n")
    with pytest.raises(ValueError, match=r"a\.json.*LOG: hello"):
        list(JsonLog(tmp_path).read())


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("statement: SELECT 1", "SELECT 1"),
        ("execute <unnamed>: SELECT\n1", "SELECT\n1"),
        ("execute __asyncpg_stmt_1__: SELECT a::text", "SELECT a::text"),
        ("execute S_1/C_2: SELECT 1", "SELECT 1"),
        ("execute fetch from S_1/C_2: SELECT 1", None),
        ("connection received", None),
        ("duration: 1.2 ms", None),
    ],
)
def test_which_messages_begin_a_statement(message: str, text: str | None) -> None:
    found = statement_of({"error_severity": "LOG", "message": message})
    assert found == (None if text is None else (text, []))


def test_both_spellings_of_parameters_are_read() -> None:
    assert parameters_of("Parameters: $1 = 'a', $2 = NULL, $3 = 'it''s'") == ["a", None, "it's"]
    assert parameters_of("parameters: $1 = '1'") == ["1"]
    assert parameters_of("prepare: PREPARE x AS SELECT '$1 = ''a'''") == []


def test_times_are_utc_or_refused() -> None:
    assert time_of({"timestamp": "1970-01-01 00:00:01.250 UTC"}) == 1.25
    with pytest.raises(ValueError, match="log_timezone"):
        time_of({"timestamp": "2026-05-25 18:07:55.123 WIB"})
