"""The server log is read line by line as it grows, and a wait that fails says what it saw."""

import threading
from pathlib import Path

import pytest

from rig.observe.process.server_log import ServerLog


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.log"


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_a_log_that_is_not_there_yet_is_empty(path: Path) -> None:
    assert ServerLog(path).lines() == []


def test_a_torn_last_line_is_held_back_until_it_is_whole(path: Path) -> None:
    log = ServerLog(path)
    append(path, "100.000001 first\n100.5 [valkey-mirror] se")
    assert log.lines() == [(100.000001, "first")]
    append(path, "ed: 1 online\n")
    assert log.lines() == [(100.000001, "first"), (100.5, "[valkey-mirror] seed: 1 online")]


def test_a_torn_character_is_read_whole(path: Path) -> None:
    log = ServerLog(path)
    whole = "100.0 é\n".encode()
    path.write_bytes(whole[:7])
    assert log.lines() == []
    path.write_bytes(whole)
    assert log.lines() == [(100.0, "é")]


def test_a_window_takes_in_both_its_ends(path: Path) -> None:
    append(path, "1.0 a x\n2.0 b\n3.0 c x\n4.0 d x\n")
    assert ServerLog(path).lines(since=1.0, until=3.0, containing="x") == [(1.0, "a x"), (3.0, "c x")]


def test_a_line_without_a_stamp_gets_its_predecessors(path: Path) -> None:
    append(path, "7.25 Traceback\n  File x\n")
    assert ServerLog(path).lines() == [(7.25, "Traceback"), (7.25, "  File x")]


def test_wait_for_finds_a_line_written_later(path: Path) -> None:
    append(path, "1.0 seed: old\n")
    writer = threading.Timer(0.1, append, (path, "5.0 seed: new\n"))
    writer.start()
    assert ServerLog(path).wait_for("seed:", since=2.0, within_s=5) == (5.0, "seed: new")
    writer.join()


def test_a_wait_in_vain_says_what_it_looked_for_and_shows_the_last_15_lines(path: Path) -> None:
    append(path, "".join(f"{i}.0 line {i}\n" for i in range(40)))
    with pytest.raises(TimeoutError) as caught:
        ServerLog(path).wait_for("seed:", since=3.0, within_s=0.05)
    message = str(caught.value)
    for part in ("'seed:'", str(path), "0.05 s", "line 39", "line 25"):
        assert part in message
    assert "line 24" not in message


def test_no_line_at_all_is_evidence_too(path: Path) -> None:
    append(path, "1.0 a\n")
    assert ServerLog(path).evidence(looked_for="falling back") == {
        "kind": "log", "source": str(path), "lines": [], "looked_for": "falling back",
    }  # fmt: skip
