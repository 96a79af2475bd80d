"""`rig tour`: the steps of docs/manual-session.md, printed, or typed into a shell one after the other on the running session."""

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from typer import echo

from rig.environment.running_stacks import the_session
from rig.runs.manual.page import Command, Step, chosen, missing, steps
from rig.runs.manual.shell import Hangs, Shell

COMMAND_S = 120.0
EXIT_UNEXPECTED = 1
console = Console(soft_wrap=True, highlight=False, markup=False)


def print_steps(sections: Sequence[str]) -> int:
    """Print what a tour would do."""
    heading = ""
    for step in chosen(steps(), sections, None):
        heading = introduce(step, heading)
        for command in step.commands:
            echo("\n".join(f"    {line}" for line in command.text.splitlines()))
            for line in command.expected:
                echo(f"      expect: {line}")
        echo()
    return 0


def run(session: str | None, sections: Sequence[str], *, yes: bool) -> int:
    """Type the steps into a shell. 1 when a command did not print what it has to, or did not end.

    On a terminal it waits for Enter before each step, unless `yes`.
    """
    facts = the_session(session)
    todo = [one for one in chosen(steps(), sections, len(facts["stack"]["servers"])) if one.kind != "serve"]
    tour = Tour(waits=not yes and sys.stdin.isatty())
    with tempfile.TemporaryDirectory(prefix="mirror-rig-tour-") as place, Shell(facts["name"], Path(place)) as shell:
        try:
            tour.go(shell, todo)
        except Hangs:
            echo(f"  ✗ it has not ended after {COMMAND_S:g} s: the tour ends here\n")
    wrong = ", ".join(dict.fromkeys(tour.wrong))
    echo(f"{tour.boxes} boxes shown: {f'look again at {wrong}' if wrong else 'all commands printed what they have to'}")
    return EXIT_UNEXPECTED if wrong else 0


@dataclass
class Tour:
    """How far it has come. `wrong`: where a command did not print what it has to, by box or heading."""

    waits: bool
    wrong: list[str] = field(default_factory=list)
    boxes: int = 0

    def go(self, shell: Shell, todo: Sequence[Step]) -> None:
        """Type the steps until the user has seen enough. Hangs when one does not end."""
        heading = ""
        for step in todo:
            heading = introduce(step, heading)
            if self.waits and not goes_on():
                return
            self.boxes += len(step.boxes)
            for command in step.commands:
                self._type(shell, command, step.boxes or [step.heading])
            echo()

    def _type(self, shell: Shell, command: Command, shown: list[str]) -> None:
        try:
            fine = typed(shell, command, echo)
        except Hangs:
            self.wrong += shown
            raise
        if not fine:
            self.wrong += shown


def introduce(step: Step, heading: str) -> str:
    """Print what the step is about, under its heading where that is a new one; the heading in force."""
    if step.heading != heading and step.kind != "always":
        console.print(f"=== {step.heading}\n", style="bold")
        heading = step.heading
    if step.prose:
        echo(f"{step.prose}\n")
    return heading


def goes_on() -> bool:
    """Wait for Enter; whether the user wants more."""
    try:
        return input("[Enter types it, q ends the tour] ").strip().lower() != "q"
    except EOFError:
        return False


def typed(shell: Shell, command: Command, tell: Callable[[str], None]) -> bool:
    """Type a command, tell it and what it prints, and whether it printed what it has to. Hangs when it does not end."""
    tell("\n".join(f"  $ {line}" for line in command.text.splitlines()))
    output = shell.type(command.text, within_s=COMMAND_S, heard=lambda line: tell(f"    {line}"))
    expected = [shell.expand(line) if "$" in line else line for line in command.expected]
    lacking = missing(expected, output)
    for line in expected:
        tell(f"  {'✗ not as expected' if line in lacking else '✓'}: {line}")
    return not lacking
