"""The wheel holds all that the commands need: it is built, installed and used where there is no checkout."""

import ast
import importlib.metadata
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from rig.extras import EXTRAS
from rig.paths import CHECKOUT
from tests.support.installed_wheel import ASK_S, BOXES, BUILD_S, WHOLE_S, Installed, run

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
SHIPPED = ("features", "chaos", "loadtest", "docs", "requirements-go.txt", "requirements-fallback.txt")


@pytest.mark.timeout(BUILD_S)
def test_nothing_of_the_checkout_is_importable(installed: Installed, tmp_path: Path) -> None:
    """Neither the checkout itself, nor packages of ours with names that others may have too."""
    told = installed.run("python", "-c", "import rig, server; print(rig.__file__, server.__file__)", cwd=tmp_path)
    assert [Path(file).parents[1] for file in told.stdout.split()] == [installed.site] * 2, told.stderr
    for name in ("features", "chaos", "loadtest", "docs", "tests"):
        assert installed.run("python", "-c", f"import {name}", cwd=tmp_path).returncode == 1, name


@pytest.mark.timeout(WHOLE_S + BUILD_S)
def test_the_whole_checklist_passes_on_the_server_that_it_brings(
    installed: Installed, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The reports lie in the directory of the user. The Node server is judged from the wheel in tests/foreign."""
    results, took = installed.whole_checklist(cwd=tmp_path)
    assert {item["verdict"] for item in results["items"]} == {"passed"}
    assert len(results["items"]) == BOXES
    assert results["judged"]["rig"] == PROJECT["version"]
    assert results["judged"]["commit"] is None
    assert (tmp_path / "reports" / "latest" / "report.html").is_file()
    record_property(
        "told", f"from the wheel, `rig checklist` on the server that it brings: {BOXES} boxes in {took:.0f} s"
    )


@pytest.mark.timeout(ASK_S + BUILD_S)
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--version",), f"rig {PROJECT['version']}\n"),
        (("chaos", "--list"), "valkey_killed"),
        (("model", "--list"), "sweep"),
        (("doctor",), "in a version that will do"),
    ],
)
def test_what_needs_no_extra_answers(words: tuple[str, ...], told: str, installed: Installed, tmp_path: Path) -> None:
    done = installed.run("rig", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert told in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.timeout(ASK_S + BUILD_S)
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("load",), "`rig load` needs Locust, which sends the load: pip install 'mirror-rig[load]'"),
        (("bench", "--fleet", "1000"), "`rig bench --fleet` needs Locust, which sends the load: pip install 'mirror-rig[load]'"),
        (
            ("checklist", "--mode", "docker"),
            "--mode docker needs testcontainers, which starts the services: pip install 'mirror-rig[docker]'",
        ),
        (
            ("prove", "--list"),
            "`rig prove` needs a checkout of the rig: its broken servers (tests/sabotage) are no part of an installed rig",
        ),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told_in_one_line(
    words: tuple[str, ...], told: str, installed: Installed, tmp_path: Path
) -> None:
    done = installed.run("rig", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (4, "", f"rig: {told}\n")


@pytest.mark.timeout(ASK_S + BUILD_S)
def test_it_holds_all_that_stands_beside_the_packages(installed: Installed) -> None:
    """Each tracked file of these directories, at the same place below `rig/shipped`."""
    tracked = run(["git", "ls-files", "-z", *SHIPPED], CHECKOUT).split("\0")
    assert not [name for name in tracked if name and not (installed.site / "rig" / "shipped" / name).is_file()]
    templates = run(["git", "ls-files", "-z", "rig", "server"], CHECKOUT).split("\0")
    assert not [
        name for name in templates if name and "Dockerfile" not in name and not (installed.site / name).is_file()
    ]


def declared(*extras: str) -> dict[str, Requirement]:
    """What pyproject.toml asks for, by normalized name: the base, and these extras."""
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    return {canonicalize_name(one.name): one for one in map(Requirement, lines)}


def test_the_ranges_admit_what_the_tests_run_on() -> None:
    """Else the wheel would be used with other versions than those that it was tested with."""
    text = (CHECKOUT / "requirements.txt").read_text()
    pins = {
        canonicalize_name(pin.name): next(iter(pin.specifier)).version
        for pin in (Requirement(line.rstrip("\\ ")) for line in text.splitlines() if line[:1].isalnum())
    }
    wrong = [str(one) for name, one in declared(*EXTRAS).items() if pins.get(name) not in one.specifier]
    assert not wrong, f"not as pinned in requirements.txt: {wrong}"
    assert PROJECT["optional-dependencies"]["all"] == [f"mirror-rig[{','.join(EXTRAS)}]"]


def test_each_package_that_is_imported_is_declared() -> None:
    """Of the base what any command imports; what comes with an extra's packages may be imported where that is needed."""
    owners = importlib.metadata.packages_distributions()
    by_extra = {
        "loadtest": "load",
        "rig/traffic/load": "load",
        "rig/stack/docker": "docker",
        "rig/runs/contract/probes/generated": "fuzz",
    }
    with_extra = {
        "load": {"locust", "gevent"},
        "docker": {"testcontainers", "docker", "requests"},
        "fuzz": {"schemathesis", "hypothesis", "requests"},
    }
    ours = {
        "rig",
        "server",
        "features",
        "conductor",
        "hooks",
        "outcome",
        "process_tree",
        "supervised_child",
        *sys.stdlib_module_names,
    }
    for room in ("rig", "server", "features", "chaos", "loadtest"):
        for path in sorted((CHECKOUT / room).rglob("*.py")):
            place = path.relative_to(CHECKOUT).as_posix()
            extra = next((extra for start, extra in by_extra.items() if place.startswith(start)), None)
            allowed = {*declared(), *with_extra.get(str(extra), ())}
            for name in imported(path) - ours:
                named = {canonicalize_name(owner) for owner in owners.get(name, [name])}
                assert named & allowed or name == "_pytest", (
                    f"{place} imports {name}, which pyproject.toml does not declare"
                )


def imported(path: Path) -> set[str]:
    """The first words of all absolute imports of a file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).partition(".")[0])
    return found
