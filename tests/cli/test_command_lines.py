"""No word of a command line is passed over: each is read, or refused in one line that says what to do (exit 4)."""

import itertools
import re
from collections.abc import Iterable
from typing import Any

import pytest

from rig.cli.ways import NEEDS, WAYS, Way
from rig.config import PREFIX, Settings
from rig.paths import CHECKOUT
from tests.support.command_lines import (
    COMMANDS,
    EVERY_WAY,
    NAMED,
    Refused,
    Words,
    effect,
    line,
    nothing_runs,
    options,
    words_for,
)
from tests.support.stack_support import rig

# Of no option that others need; 4 words are the most that one needs beside it.
BESIDE_MAX = 2


@pytest.fixture(autouse=True)
def no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing_runs(monkeypatch)
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def test_every_option_of_the_parser_is_declared_to_be_read_and_no_other() -> None:
    """An option that no way of its command reads would never count."""
    for command, parsed in COMMANDS.items():
        read = frozenset().union(*(way.reads for way in WAYS[command]))
        assert {one.name for one in parsed.params if one.name != "help"} == read, command
    assert WAYS.keys() == COMMANDS.keys()
    assert NEEDS.keys() <= {name for _, way in EVERY_WAY for name in way.reads}


@pytest.mark.parametrize(("command", "way"), NAMED)
def test_an_option_that_a_way_does_not_read_is_refused(command: str, way: Way) -> None:
    for name, one in options(command).items():
        if name in way.reads or any(words_for(one)[0] in other.words.split() for other in WAYS[command]):
            continue  # the latter asks for another way, which is tried by itself
        said = refusal(line(command, way, [words_for(one)]))
        assert "\n" not in said
        assert words_for(one)[0] in said, said
        assert "leave it out" in said, said


def refusal(words: Words) -> str:
    """What is said of the line, which must be refused; else the test fails with the line itself."""
    try:
        end, _ = effect(words)
    except Refused as error:
        return str(error)
    pytest.fail(f"`rig {' '.join(words)}` is not refused: it runs {end}")


def outcome(words: Words) -> Any:
    """What the line does; None when it is refused, in one line."""
    try:
        return effect(words)
    except Refused:
        return None


@pytest.mark.parametrize(("command", "way"), NAMED)
def test_an_option_that_a_way_reads_arrives(command: str, way: Way) -> None:
    """Alone, or beside the one or two others that it needs."""
    typed = {name: words_for(one) for name, one in options(command).items() if name in way.reads}
    base = line(command, way)
    for words in typed.values():
        if words[0] in base:
            continue
        others = [other for other in typed.values() if other[0] not in (words[0], *base)]
        beside: Iterable[tuple[Words, ...]] = itertools.chain.from_iterable(
            itertools.combinations(others, number) for number in range(BESIDE_MAX + 1)
        )
        found = next((more for more in beside if outcome(line(command, way, [*more, words])) is not None), None)
        assert found is not None, f"{way.words} never takes {words}"
        changed = outcome(line(command, way, [*found, words])) != outcome(line(command, way, found))
        assert changed, f"`{way.words}` takes {' '.join(words)}, which changes nothing"


@pytest.mark.parametrize(("command", "way"), NAMED)
def test_of_any_two_options_neither_silences_the_other(command: str, way: Way) -> None:
    typed = [words_for(one) for name, one in options(command).items() if name in way.reads]
    base = line(command, way)
    alone = {words: outcome(line(command, way, [words])) for words in typed if words[0] not in base}
    for pair in itertools.combinations(alone, 2):
        both = outcome(line(command, way, pair))
        if both is not None:
            silent = both in (alone[pair[0]], alone[pair[1]])
            assert not silent, f"`{way.words}`: of {pair} one changes nothing beside the other"


GIVEN = ["--postgres", "postgresql://h:1/d"]
STORES = [*GIVEN, "--valkey", "redis://h:2"]


@pytest.mark.parametrize(
    ("words", "to_do"),
    [
        (["checklist", "--scratch"], "add --postgres URL or --valkey URL"),
        (["checklist", *STORES, "--toxiproxy", "http://h:3", "--mode", "docker"], "leave it out"),
        (["checklist", *STORES, "--base-url", "http://h:4", "--mode", "embedded"], "leave it out"),
        (["checklist", "--base-url", "http://h:4", "--toxiproxy-proxy", "x"], "add --base-url URL and --toxiproxy URL"),
        (["checklist", *GIVEN, "--workers", "2"], "given stores serve one worker: leave it out"),
        (["chaos", "matrix", *GIVEN, "--workers", "2"], "given stores serve one worker: leave it out"),
        (["checklist", *STORES, "--base-url", "http://h:4", "--sut", "python -m server"], "give one of them"),
        (["load", "--web-port", "81"], "add --web"),
        (["load", "--bind", "0.0.0.0"], "add --expect-workers N"),
        (["load", "--storm", "0", "--storm-shape", "spike"], "leave one of them out"),
        (["load", *GIVEN, "--baseline"], "leave it out"),
        (["load", *GIVEN, "--witness"], "leave it out"),
        (["load", *GIVEN, "--blocks", "2"], "leave it out"),
        (["load", *GIVEN, "--togglers", "2"], "add --postgres-log"),
        (["load", *GIVEN, "--chats", "2"], "add --postgres-log"),
        (["model", "--mutant", "P-04", "--no-control"], "leave it out"),
        (["chaos", "random", "hang"], "'hang': leave it out"),
        (["chaos", "shrink", "latest", "hang"], "'hang': leave it out"),
        (["chaos", "--list", "hang"], "'hang' has no effect on `rig chaos --list`: leave it out"),
    ],
)
def test_an_option_that_needs_another_says_which(words: list[str], to_do: str) -> None:
    assert to_do in refusal(tuple(words))


@pytest.mark.parametrize("name", ["recheck", "compare", "model"])
def test_reports_count_only_where_something_is_looked_for_below_them(name: str, tmp_path: Any) -> None:
    (tmp_path / "run.json").touch()
    path = str(tmp_path)
    words = {"recheck": [path], "compare": [path, path], "model": ["--replay", str(tmp_path / "run.json")]}[name]
    with pytest.raises(Refused, match="leave it out"):
        effect([name, "--reports", path, *words])
    assert effect([name, *words])


@pytest.mark.parametrize(("command", "way"), [pytest.param(c, w, id=w.words) for c, w in EVERY_WAY if w.starts])
def test_a_variable_that_names_what_is_tested_is_not_passed_over(
    command: str, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server or stack that the environment asks for and the command cannot take: another one would be judged."""
    for name in ("base_url", "sut", "mode", "postgres", "schema"):
        if name in way.reads:
            continue
        monkeypatch.setenv(PREFIX + name.upper(), {"mode": "docker"}.get(name, "http://h:4"))
        with pytest.raises(Refused, match=f"{PREFIX}{name.upper()} has no effect on `{way.words}`: unset it"):
            effect(line(command, way))
        monkeypatch.delenv(PREFIX + name.upper())


def test_it_ends_with_the_exit_code_of_a_usage_error() -> None:
    done = rig("chaos", "--list", "--profile", "ci")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == "rig: --profile has no effect on `rig chaos --list`: leave it out (it is for `rig chaos`)\n"


FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
DOCS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "TRACK_RECORD.md", "compose.yaml", "Makefile"]


@pytest.mark.parametrize("path", [*DOCS, *(f"docs/{file.name}" for file in sorted((CHECKOUT / "docs").glob("*.md")))])
def test_every_command_line_of_the_docs_is_one(path: str) -> None:
    """Each `rig COMMAND ... --flag` that a document tells to type has that flag."""
    text = (CHECKOUT / path).read_text().replace("\\\n", " ")
    for command, rest in re.findall(r"\brig ([a-z]+)((?: [^`\n#;|]*)?)", text):
        if command in COMMANDS:
            typed = re.sub(r"'[^']*'|\"[^\"]*\"", "", rest)
            known = {flag for one in COMMANDS[command].params for flag in (*one.opts, *one.secondary_opts)} | {
                "--help",
                "-h",
            }
            unknown = set(FLAG.findall(typed)) - known
            assert not unknown, f"{path}: rig {command}{rest}"


def test_the_settings_page_says_which_commands_read_each() -> None:
    """And that each flag named there exists."""
    rows = re.findall(
        r"^\| `(RIG_\w+)` \| `(--[\w-]+)` \|.*\| ([^|]*) \|$", (CHECKOUT / "docs/settings.md").read_text(), re.M
    )
    assert len(rows) == len(Settings.model_fields)
    for variable, flag, told in rows:
        name = variable.removeprefix(PREFIX).lower()
        readers = [command for command, ways in WAYS.items() if any(name in way.reads for way in ways)]
        assert told == ", ".join(readers), variable
        for command in readers:
            assert flag in options(command)[name].opts, f"rig {command} has no {flag}"
