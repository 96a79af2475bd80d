"""The import rules of ARCHITECTURE.md, kept by reading every module."""

import ast
from pathlib import Path

import pytest

from rig.paths import CHECKOUT

# What each room may import of ours, beside itself.
ALLOWED = {
    "rig/record": set(),
    "rig/model": set(),
    "rig/stores": set(),
    "rig/checks": {"rig.record"},
    "rig/report": {"rig.record"},
    "rig/stack": {"rig.record", "rig.stores"},
    "rig/observe": {"rig.record", "rig.stores"},
    "rig/traffic": {"rig.record"},
    "rig/fixtures": {"rig.record", "rig.stores"},
    "rig/faults": {"rig.record", "rig.stores"},
}
GROUND = "rig.caller"  # knows nobody, and may be asked by all
DECLARATIONS = ("features", "chaos", "loadtest")


def imports(path: Path) -> set[str]:
    """The modules of ours that a file imports, by dotted name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"rig.{alias.name}" for alias in node.names} if node.module == "rig" else {node.module}
    return {name for name in found if name.split(".")[0] in ("rig", "server", "tests", *DECLARATIONS)}


def modules(folder: str) -> list[Path]:
    return sorted((CHECKOUT / folder).rglob("*.py"))


@pytest.mark.parametrize("room", sorted(room for room in ALLOWED if (CHECKOUT / room).is_dir()))
def test_a_room_imports_only_what_it_may(room: str) -> None:
    own = room.replace("/", ".")
    wrong = {
        f"{path.relative_to(CHECKOUT)} imports {name}"
        for path in modules(room)
        for name in imports(path)
        if not any(name == base or name.startswith(base + ".") for base in {own, GROUND, *ALLOWED[room]})
    }
    assert modules(room), f"{room} holds nothing"
    assert not wrong


def test_server_and_rig_are_strangers() -> None:
    wrong = [path for path in modules("server") if any(n.split(".")[0] != "server" for n in imports(path))]
    wrong += [path for path in modules("rig") if any(n.split(".")[0] == "server" for n in imports(path))]
    assert not wrong


def test_nothing_imports_declarations() -> None:
    wrong = [path for path in modules("rig") if any(n.split(".")[0] in DECLARATIONS for n in imports(path))]
    assert not wrong


@pytest.mark.parametrize(
    "path", [p for f in ("rig", "server", "features") for p in modules(f)], ids=lambda p: str(p.relative_to(CHECKOUT))
)
def test_a_module_says_why_it_exists(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no docstring"
