"""A log is read to its last line through every way of rotating it, and whatever bytes it holds."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rig.observe.postgres.json_log import JsonLog
from rig.stores.growing import Growing


def append(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def read(log: Growing) -> list[str]:
    return [line.decode() for line in log.lines()]


def rename(path: Path) -> None:
    """Rotation by rename and create; whoever writes goes on with the old file until it is told."""
    path.rename(path.with_name(path.name + ".1"))


def copy_and_truncate(path: Path) -> None:
    shutil.copy(path, path.with_name(path.name + ".1"))
    os.truncate(path, 0)


def test_a_renamed_file_is_read_up_to_the_reopen(tmp_path: Path) -> None:
    """Lines that come between the rename and the writer's reopen stand in the old file, and come before the new one's."""
    path = tmp_path / "server.log"
    append(path, "1")
    log = Growing(path)
    assert read(log) == ["1"]
    with path.open("a") as writer:
        rename(path)
        writer.write("2\n")
        writer.flush()
        assert read(log) == ["2"]
        append(path, "4")
        writer.write("3\n")
        writer.flush()
        assert read(log) == ["3", "4"]
        writer.write("5\n")
    append(path, "6")
    assert read(log) == ["5", "6"]


def test_what_was_written_before_a_truncation_is_read_from_the_copy(tmp_path: Path) -> None:
    """copytruncate: the lines since the last look are in the copy alone."""
    path = tmp_path / "server.log"
    append(path, "1")
    log = Growing(path)
    assert read(log) == ["1"]
    append(path, "2", "3")
    copy_and_truncate(path)
    append(path, "4")
    assert read(log) == ["2", "3", "4"]
    append(path, "5")
    assert read(log) == ["5"]


def test_a_truncated_file_that_has_grown_again_is_read_from_its_beginning(tmp_path: Path) -> None:
    """Even when it is longer than before: what was read is no longer there."""
    path = tmp_path / "server.log"
    append(path, "1")
    log = Growing(path)
    assert read(log) == ["1"]
    os.truncate(path, 0)
    append(path, "a longer line than all that stood there before")
    assert read(log) == ["a longer line than all that stood there before"]


def test_a_file_that_is_deleted_and_made_anew_is_read_up_to_the_reopen(tmp_path: Path) -> None:
    """What is written to it after its name has gone comes all the same, and before the new file's lines."""
    path = tmp_path / "server.log"
    append(path, "1")
    log = Growing(path)
    with path.open("a") as writer:
        path.unlink()
        writer.write("2\n")
        writer.flush()
        assert read(log) == ["1", "2"]
        append(path, "4")
        writer.write("3\n")
    assert read(log) == ["3", "4"]


def test_another_file_that_is_moved_over_it_is_read_after_the_old_one(tmp_path: Path) -> None:
    path, ready = tmp_path / "server.log", tmp_path / "ready"
    append(path, "1")
    log = Growing(path)
    append(path, "2")
    append(ready, "3", "4")
    ready.replace(path)
    assert read(log) == ["1", "2", "3", "4"]


def test_a_writer_that_is_told_several_rotations_late_loses_nothing(tmp_path: Path) -> None:
    """Seven are survived: more than any rotation keeps a writer waiting for."""
    path = tmp_path / "server.log"
    append(path, "0")
    log = Growing(path)
    with path.open("a") as writer:
        for turn in range(1, 8):
            path.rename(path.with_name(f"server.log.{turn}"))
            append(path, f"{turn}")
            read(log)
        writer.write("late\n")
    assert read(log) == ["late"]


def test_each_truncation_is_made_good_from_its_own_copy(tmp_path: Path) -> None:
    """Copies of one name, each over the one before: the file has the same number in the file system."""
    path = tmp_path / "server.log"
    (tmp_path / "server").mkdir()  # what is no file is no copy
    append(path, "1")
    log = Growing(path)
    assert read(log) == ["1"]
    for turn in range(3):
        append(path, f"before {turn}")
        copy_and_truncate(path)
        append(path, f"after {turn}")
        assert read(log) == [f"before {turn}", f"after {turn}"]


def test_a_torn_line_stays_with_its_file(tmp_path: Path) -> None:
    """Half a line before the rename and half after it are one; the new file's first line has no part in it."""
    path = tmp_path / "server.log"
    append(path)
    log = Growing(path)
    with path.open("a") as writer:
        writer.write("ha")
        writer.flush()
        assert read(log) == []
        rename(path)
        append(path, "new")
        writer.write("lf\n")
    assert read(log) == ["half", "new"]


def entry(number: int) -> str:
    return json.dumps({"backend_type": "client backend", "number": number})


def numbers(log: JsonLog) -> list[int]:
    return [one["number"] for one in log.read()]


def test_a_login_named_in_latin_1_is_read_on(tmp_path: Path) -> None:
    """Postgres logs the bytes that a client sent; nothing behind them is lost."""
    path = tmp_path / "a.json"
    bad = b'{"backend_type": "client backend", "number": 2, "user": "Ren\xe9"}\n'
    path.write_bytes(entry(1).encode() + b"\n" + bad + entry(3).encode() + b"\n")
    log = JsonLog(tmp_path)
    assert [(one["number"], one.get("user")) for one in log.read()] == [(1, None), (2, "Ren\ufffd"), (3, None)]
    append(path, entry(4))
    assert numbers(log) == [4]


def test_a_line_that_is_no_json_costs_no_other_line(tmp_path: Path) -> None:
    """It is told, once, when all the others have been read."""
    path = tmp_path / "a.json"
    append(path, entry(1), "LOG: hello", entry(2))
    log, seen = JsonLog(tmp_path), []
    with pytest.raises(ValueError, match="LOG: hello"):
        seen.extend(one["number"] for one in log.read())
    assert seen == [1, 2]
    append(path, entry(3))
    assert numbers(log) == [3]


@pytest.mark.parametrize("other", ["17", "null", '["a", "list"]', '"a text"'])
def test_a_line_that_is_json_but_no_entry_costs_no_other_line(other: str, tmp_path: Path) -> None:
    """What a foreign tool writes into the file need not be an object."""
    path = tmp_path / "a.json"
    append(path, entry(1), other, entry(2))
    log, seen = JsonLog(tmp_path), []
    with pytest.raises(ValueError, match=re.escape(f"{path}: a line is no entry of a log: {other.encode()!r}")):
        seen.extend(one["number"] for one in log.read())
    assert seen == [1, 2]


def test_blank_lines_are_no_entries(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    append(path, entry(1), "", "  ", entry(2))
    assert numbers(JsonLog(tmp_path)) == [1, 2]


@pytest.mark.parametrize("name", ["postgres.json-1.json", "postgres.1.json", "postgres-20260525.json"])
@pytest.mark.parametrize("looks", [False, True])
def test_a_copy_that_has_the_name_of_a_log_is_read_once(name: str, looks: bool, tmp_path: Path) -> None:
    """As logrotate makes it with `copytruncate` and `extension .json`, looked at between copy and truncation or not."""
    path = tmp_path / "postgres.json"
    append(path, entry(1))
    log = JsonLog(tmp_path)
    assert numbers(log) == [1]
    append(path, entry(2))
    shutil.copy(path, tmp_path / name)
    found = numbers(log) if looks else []
    os.truncate(path, 0)
    append(path, entry(3))
    assert sorted(found + numbers(log)) == [2, 3]
    append(path, entry(4))
    assert numbers(log) == [4]


@pytest.mark.parametrize("rotate", [rename, copy_and_truncate, lambda path: path.rename(path.with_name("older.json"))])
def test_a_statement_log_that_somebody_rotates_is_read_once_and_whole(
    rotate: Callable[[Path], None], tmp_path: Path
) -> None:
    """By a name that is read no more, or by one that is: each line comes once."""
    path = tmp_path / "postgres.json"
    append(path, entry(1))
    log = JsonLog(tmp_path)
    assert numbers(log) == [1]
    append(path, entry(2))
    rotate(path)
    append(path, entry(3))
    assert sorted(numbers(log)) == [2, 3]
    append(path, entry(4))
    assert numbers(log) == [4]
