"""`rig checklist --list`: the items with the wording of the checklist."""

import shutil
import textwrap

from typer import echo

from rig.checks import load_checks
from rig.checks.checklist.wording import WORDING
from rig.record.sections import SECTIONS
from rig.runs.checklist.selection import select_items
from rig.terminal import drawn

INDENT = " " * 25  # of the wording on a terminal


def run(only: list[str]) -> int:
    """Print the items; returns exit code 0. In a pipe a line holds id, kind and wording, with tabs between them."""
    checks = load_checks()
    section = ""
    for item in select_items(only):
        check = checks[item]
        if not drawn():
            echo(f"{item}\t{check.kind}\t{WORDING[item]}")
            continue
        if check.section != section:
            section = check.section
            echo(f"{section}: {SECTIONS[section]}")
        lines = textwrap.wrap(f"  {item:<10}{check.kind:<13}{WORDING[item]}", width(), subsequent_indent=INDENT)
        echo("\n".join(lines))
    return 0


def width() -> int:
    return max(60, shutil.get_terminal_size().columns)
