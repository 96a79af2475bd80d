"""A tour: what its shell keeps and prints, how it judges a command, when it stops."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.runs.manual import tour
from rig.runs.manual.page import Command, parse
from rig.runs.manual.shell import Hangs, Shell
from rig.runs.manual.tour import Tour, print_steps
from tests.support.stack_support import until

PAGE = """\
## A. One

**A-01** So it is.

```sh
word=two; echo one $word
# expect: one $word
echo three
# expect: four
```

**A-02** And so.

```sh
echo five
# expect: five
```
"""


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with Shell("serve-1", tmp_path) as opened:
        yield opened


def test_variables_and_functions_last_and_both_streams_are_heard(shell: Shell) -> None:
    heard: list[str] = []
    shell.type("x='a b'\nf() { echo \"<$x>\"; echo oops >&2; }", within_s=5)
    assert shell.type("f; echo $RIG_SESSION; read line || echo no input", within_s=5, heard=heard.append) == (
        "<a b>\noops\nserve-1\nno input\n"
    )
    assert heard == ["<a b>", "oops", "serve-1", "no input"]
    assert shell.type("printf half", within_s=5) == "half"
    assert shell.expand('…"$x" `\\ $(echo c)') == '…"a b" `\\ c'
    assert shell.type("cat <<END\n$x\nEND", within_s=5) == "a b\n"


def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    with Shell("serve-1", tmp_path) as shell:
        began = time.monotonic()
        with pytest.raises(Hangs):
            shell.type(f"echo $$ > {tmp_path}/pid; sleep 60", within_s=1)
        assert time.monotonic() - began < 10
        pid = (tmp_path / "pid").read_text().strip()
    assert until(lambda: not Path(f"/proc/{pid}").exists(), 5)


def test_what_is_not_printed_as_the_page_has_it_is_counted(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    one = Tour(waits=False)
    one.go(shell, list(parse(PAGE)))
    assert (one.wrong, one.boxes) == (["A-01"], 2)
    told = capsys.readouterr().out
    assert "  $ word=two; echo one $word\n    one two\n  ✓: one two\n" in told
    assert "    three\n  ✗ not as expected: four\n" in told
    assert told.index("=== A. One") < told.index("**A-01** So it is.") < told.index("word=two")


@pytest.mark.parametrize(("keys", "boxes"), [(["", "q"], 1), (["", ""], 2), ([], 0)])
def test_on_a_terminal_it_waits_for_enter(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, keys: list[str], boxes: int
) -> None:
    def typed(_: str) -> str:
        if not keys:
            raise EOFError
        return keys.pop(0)

    monkeypatch.setattr("builtins.input", typed)
    one = Tour(waits=True)
    one.go(shell, list(parse(PAGE)))
    assert one.boxes == boxes


def test_a_command_that_hangs_is_charged_to_its_box(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tour, "COMMAND_S", 0.5)
    one = Tour(waits=False)
    with pytest.raises(Hangs):
        one.go(shell, list(parse(PAGE.replace("echo five", "sleep 60"))))
    assert one.wrong == ["A-01", "A-02"]


def test_printed_it_types_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(tour, "steps", lambda: list(parse(PAGE)))
    monkeypatch.setattr(tour, "Shell", None)
    assert print_steps(["a"]) == 0
    assert "    word=two; echo one $word\n      expect: one $word\n" in capsys.readouterr().out


def test_a_command_without_expectations_is_typed(shell: Shell) -> None:
    assert tour.typed(shell, Command("y=1", ()), lambda line: None)
    assert shell.type("echo $y", within_s=5) == "1\n"
