"""docs/manual-session.md: how it is read, that it has every box, and that what it says is so."""

import re
from pathlib import Path

import pytest

from rig.checks.registry import load_checks
from rig.errors import UsageError
from rig.paths import CHECKOUT
from rig.runs.manual.page import Command, Step, chosen, missing, parse, steps
from rig.stack.processes.ports import PORTS
from tests.support.manual_session import serving

PAGE = """\
# Title

## Setup

Start it.

```sh serve
rig serve
```

Words.

```sh always
now() { date; }
```

## A. First

**A-01** So it is,
and **A-02** too.

```sh
one
two
# expect: …2…
# expect: nothing
# a comment
three
```

```json
{}
```

## K. Last

```sh serve
rig serve --instances 2
```

**K-01** Two.

```sh
four
```
"""


def test_blocks_become_steps_with_their_prose_and_what_is_expected() -> None:
    first, always, a, second, k = parse(PAGE)
    assert (first.kind, first.serve, first.instances, first.section) == ("serve", "rig serve", 1, "Setup")
    assert (always.kind, always.prose, always.commands) == ("always", "Words.", (Command("now() { date; }", ()),))
    assert a.boxes == ["A-01", "A-02"]
    assert (a.section, a.heading, a.kind) == ("A", "A. First", "")
    assert a.commands == (Command("one\ntwo", ("…2…", "nothing")), Command("# a comment\nthree", ()))
    assert (second.instances, k.instances, k.section) == (2, 2, "K")
    with pytest.raises(ValueError, match="never closed; it begins with \\['one'\\]"):
        list(parse("```sh\none\n"))


def test_a_tour_has_the_sections_that_its_session_can_do() -> None:
    every = list(parse(PAGE))
    assert [(one.section, one.kind) for one in chosen(every, [], 1)] == [
        ("Setup", "serve"),
        ("Setup", "always"),
        ("A", ""),
    ]
    assert [(one.section, one.kind) for one in chosen(every, ["a"], 1)] == [("Setup", "always"), ("A", "")]
    assert [(one.section, one.kind) for one in chosen(every, [], 2)] == [("Setup", "always"), ("K", "serve"), ("K", "")]
    for sections, instances, said in (
        (["K"], 1, "section K needs another session: rig serve --instances 2"),
        (["A"], 2, "section A needs another session: rig serve"),
        (["L"], 1, "no section 'L': there is Setup, A, K"),
        ([], 3, "no section is for a session with 3 servers: start it with --instances 1 or 2"),
    ):
        with pytest.raises(UsageError, match=re.escape(said)):
            chosen(every, sections, instances)


@pytest.mark.parametrize(
    ("expected", "output", "lacking"),
    [
        (("1",), "1\n", ()),
        (("1",), "11\n", ("1",)),
        (("a | t",), " a     |  t \n(1 row)\n", ()),
        (("…seed: 2 online, …",), "12:00 a | [x] seed: 2 online, 0\n", ()),
        (("…seed: 2 online, …",), "12:00 a | [x] seed: 12 online, 0\n", ("…seed: 2 online, …",)),
        (("(…)",), "x\n", ("(…)",)),
        (("nothing",), "\n  \n", ()),
        (("nothing",), "x\n", ("nothing",)),
        (("x", "y"), "y\n", ("x",)),
    ],
)
def test_what_is_expected_is_a_whole_line(expected: tuple[str, ...], output: str, lacking: tuple[str, ...]) -> None:
    assert tuple(missing(expected, output)) == lacking


def test_the_page_shows_every_box_of_setup_and_a_to_k_and_no_other() -> None:
    wanted = {id for id in load_checks() if re.fullmatch(r"(SETUP|[A-K])-\d\d", id)}
    shown = [box for step in steps() for box in step.boxes]
    assert sorted(shown) == sorted(wanted), set(shown) ^ wanted


def test_every_box_has_something_to_see() -> None:
    """Prose that ends without an expectation would let a box pass unseen."""
    for step in steps():
        if step.boxes:
            assert any(command.expected for command in step.commands), step.boxes


def test_the_columns_of_the_page_are_those_of_the_sources_words() -> None:
    """What stands for a variable of the contract is spelt as the contract has it."""
    from rig.runs.manual.options import DEFAULTS

    text = (CHECKOUT / "docs" / "manual-session.md").read_text()
    assert set(re.findall(r"\b([A-Z_]+_SECONDS)\b", text)) <= DEFAULTS.keys()


SESSIONS = [pytest.param(step, id=f"{step.instances}-server") for step in steps() if step.kind == "serve"]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("step", SESSIONS)
def test_the_page_as_it_is_typed(step: Step, tmp_path: Path) -> None:
    """By `rig tour`, against a session that is started as the page says but for its port."""
    words = step.serve.split()[2:]
    words[words.index("--port") + 1] = str(port := PORTS.take())
    PORTS.give_back(port)
    with serving(tmp_path / "serve", *words) as session:
        tour = session.rig("tour", "--yes")
        assert tour.returncode == 0, (
            f"{tour.stdout[-20_000:]}{tour.stderr}\n--- serve\n{session.out.read_text()[-5_000:]}"
        )
    shown = sum(len(one.boxes) for one in steps() if one.instances == step.instances)
    assert f"{shown} boxes shown: all commands printed what they have to" in tour.stdout
