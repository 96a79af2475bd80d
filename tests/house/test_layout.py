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


MODULES_MAX, LINES_MAX, FUNCTION_MAX, SHARE_MAX = 20, 300, 60, 0.15
RIG = [path for path in OURS if named(path).startswith("rig/")]


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())


@pytest.mark.parametrize("path", RIG, ids=named)
def test_a_module_and_its_functions_fit_a_reader(path: Path) -> None:
    assert lines_of(path) <= LINES_MAX
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < FUNCTION_MAX, f"{named(path)}: {node.name}"


TYPED_ROOMS = ("checks", "record", "results")
UNTYPED = {"rig/record/lines/base.py"}  # msgspec reads JSON of any form as `Any`


@pytest.mark.parametrize(
    "path", [path for path in RIG if path.relative_to(CHECKOUT).parts[1] in TYPED_ROOMS], ids=named
)
def test_what_judges_and_records_has_types(path: Path) -> None:
    """`Any` switches the type checker off for every caller: a misspelt field of a line would be found at run time only."""
    if named(path) not in UNTYPED:
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        assert "Any" not in names


def test_no_room_is_too_big() -> None:
    """A room is a folder's own modules, those of the folders in it apart."""
    rooms: dict[Path, list[Path]] = {}
    for path in RIG:
        rooms.setdefault(path.parent, []).append(path)
    whole = sum(lines_of(path) for path in RIG)
    for room, paths in rooms.items():
        modules = [path for path in paths if path.name != "__init__.py"]
        assert len(modules) <= MODULES_MAX, named(room)
        assert sum(lines_of(path) for path in paths) <= SHARE_MAX * whole, named(room)
