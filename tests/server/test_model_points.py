"""The server's sync points and the specifications' actions name the same steps."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.model.catalogue import specifications
from rig.model.language import Action
from server.mirror.sync_points import POINTS

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "server"


def actions() -> dict[str, Action]:
    """Every action of every specification, by specification and name."""
    return {f"{spec.name}: {one.name}": one for spec in specifications().values() for one in spec.actions}


def literals() -> Iterator[tuple[str, str]]:
    """Each text that the server may pass to `sync_point`, and where."""
    for path in sorted(SERVER.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "sync_point":
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                found = [part.value for part in values(node.args[0]) if isinstance(part, ast.Constant)]
                assert found, f"{where}: the name of a sync point is a literal"
                yield from ((str(name), where) for name in found)


def values(name: ast.expr) -> list[ast.expr]:
    """What an expression can be: of `a if c else b`, either."""
    return [*values(name.body), *values(name.orelse)] if isinstance(name, ast.IfExp) else [name]


def names(path: Path) -> set[str]:
    """The qualified names of all functions of a module."""

    def inside(body: list[ast.stmt], before: str) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                if not isinstance(node, ast.ClassDef):
                    yield before + node.name
                yield from inside(node.body, f"{before}{node.name}.")

    return set(inside(ast.parse(path.read_text()).body, ""))


def test_every_point_stands_before_an_action() -> None:
    assert set(POINTS) - {one.point for one in actions().values()} == set(), "no specification knows this step"


def test_every_action_has_a_point_of_the_server_or_none() -> None:
    unknown = {name: one.point for name, one in actions().items() if one.point and one.point not in POINTS}
    assert unknown == {}, "the server has no such step"


def test_the_server_passes_every_point_and_no_other() -> None:
    assert {name for name, _ in literals()} == set(POINTS)


@pytest.mark.parametrize("name", actions())
def test_the_code_of_an_action_exists(name: str) -> None:
    code = actions()[name].code
    if code:
        path, _, function = code.partition(":")
        assert (ROOT / path).is_file(), f"{path} does not exist"
        assert function in names(ROOT / path), f"{path} has no {function}"


def test_the_code_of_an_action_is_looked_for() -> None:
    found = names(SERVER / "mirror" / "writes.py")
    assert "Writes.apply" in found
    assert "Writes.no_such_method" not in found
