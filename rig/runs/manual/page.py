"""docs/manual-session.md as steps: the prose before each block of shell lines, the commands, and what each has to print.

Blocks: ```sh is typed; ```sh serve starts the session that the sections after it need; ```sh always is typed before any
section. In a block, `# expect: LINE` tells a line that the commands before it print; … stands for any text, and `nothing`
for no output at all.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from rig.errors import UsageError
from rig.paths import shipped

EXPECT = "# expect: "
NOTHING = "nothing"
ELLIPSIS = "…"
FENCE = re.compile(r"```(?P<info>.*)")
BOX = re.compile(r"\*\*((?:SETUP|[A-K])-\d\d)\*\*")
INSTANCES = re.compile(r"--instances (\d)")


@dataclass(frozen=True)
class Command:
    """Shell lines that are typed together, and the lines that they have to print."""

    text: str
    expected: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """A block of the page with the prose before it. `serve`: the command that starts the session it needs."""

    section: str  # "Setup" or a letter
    heading: str
    prose: str
    kind: str  # "" or "always" or "serve"
    commands: tuple[Command, ...] = ()
    serve: str = ""

    @property
    def instances(self) -> int:
        """How many servers the session has to have."""
        found = INSTANCES.search(self.serve)
        return int(found[1]) if found else 1

    @property
    def boxes(self) -> list[str]:
        """The ids of the checklist that it shows."""
        return BOX.findall(self.prose)


@dataclass
class Reader:
    """Where the parser is."""

    heading: str = ""
    serve: str = ""
    prose: list[str] = field(default_factory=list)


def steps() -> list[Step]:
    """The page that comes with the rig."""
    return list(parse(shipped("docs", "manual-session.md").read_text(encoding="utf-8")))


def parse(text: str) -> Iterator[Step]:
    """The steps of a page, in their order; ValueError for a block that is never closed."""
    reader = Reader()
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("## "):
            reader.heading, reader.prose = line.removeprefix("## "), []
        elif (fence := FENCE.fullmatch(line)) and (words := fence["info"].split())[:1] == ["sh"]:
            yield step(reader, words[1] if words[1:] else "", block(lines))
            reader.prose = []
        else:
            reader.prose.append(line)


def block(lines: Iterator[str]) -> list[str]:
    found: list[str] = []
    for line in lines:
        if line == "```":
            return found
        found.append(line)
    raise ValueError(f"a block is never closed; it begins with {found[:1]}")


def step(reader: Reader, kind: str, lines: list[str]) -> Step:
    if kind == "serve":
        reader.serve = "\n".join(lines)
    section = reader.heading[0] if re.match(r"[A-K]\. ", reader.heading) else "Setup"
    prose = "\n".join(reader.prose).strip()
    return Step(section, reader.heading, prose, kind, tuple(commands(lines)), reader.serve)


def commands(lines: Iterable[str]) -> Iterator[Command]:
    """Lines up to the expectations behind them."""
    text: list[str] = []
    expected: list[str] = []
    for line in [*lines, ""]:
        if line.startswith(EXPECT):
            expected.append(line.removeprefix(EXPECT))
            continue
        if expected:
            yield Command("\n".join(text), tuple(expected))
            text, expected = [], []
        text.append(line)
    if rest := "\n".join(text).strip():
        yield Command(rest, ())


def chosen(all_steps: Iterable[Step], sections: Iterable[str], instances: int | None) -> list[Step]:
    """The steps of these sections (of all when none is named) that a session with so many servers can do.

    UsageError for a section that there is not, or one that needs another session, with the command that starts it.
    """
    every = list(all_steps)
    known = list(dict.fromkeys(one.section for one in every))
    wanted = [spelt(name, known) for name in sections]
    fitting = [one for one in every if instances is None or one.instances == instances]
    for name in wanted:
        if all(one.section != name for one in fitting if one.kind != "serve"):
            needed = next(one.serve for one in every if one.section == name and one.serve)
            raise UsageError(f"section {name} needs another session: {needed}")
    if not fitting:
        raise UsageError(f"no section is for a session with {instances} servers: start it with --instances 1 or 2")
    found = [one for one in fitting if one.section in (wanted or known) and one.kind != "always"]
    always = [one for one in every if one.kind == "always"]
    if "Setup" in {one.section for one in found}:  # there they stand in their own place
        first = next(one for one in found if one.kind != "serve")
        return found[: found.index(first)] + always + found[found.index(first) :]
    return [replace(one, prose="") for one in always] + found


def spelt(name: str, known: list[str]) -> str:
    for one in known:
        if one.lower() == name.lower():
            return one
    raise UsageError(f"no section {name!r}: there is {', '.join(known)}")


def matches(expected: str, line: str) -> bool:
    """Whether a printed line is the expected one, however many blanks stand between its words, as in a table."""
    pattern = ".*".join(re.escape(part) for part in one_blank(expected).split(ELLIPSIS))
    return re.fullmatch(pattern, one_blank(line)) is not None


def one_blank(line: str) -> str:
    return " ".join(line.split())


def missing(expected: Iterable[str], output: str) -> list[str]:
    """The expected lines that the output does not have."""
    lines = [line for line in output.splitlines() if line.strip()]
    return [one for one in expected if (lines if one == NOTHING else not any(matches(one, line) for line in lines))]
