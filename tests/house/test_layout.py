"""The rules of ARCHITECTURE.md between the rooms, and what each module and room has to be."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from rig.paths import CHECKOUT

OURS = sorted(path for folder in ("rig", "server", "features") for path in (CHECKOUT / folder).rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def test_imports_keep_to_the_layers() -> None:
    """The contracts stand in pyproject.toml."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", OURS, ids=named)
def test_a_module_says_why_it_exists(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no docstring"
