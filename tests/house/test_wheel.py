"""The wheel holds all that the commands need: it is built, installed and used where there is no checkout."""

import ast
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from rig.extras import EXTRAS
from rig.paths import CHECKOUT

BUILD = "from setuptools import build_meta; print(build_meta.build_{}({!r}))"
BUILD_S, RUN_S, ASK_S = 300, 240, 120
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]


@dataclass(frozen=True)
class Installed:
    """An environment that holds the wheel and what it depends on, without any extra."""

    environment: Path
    site: Path  # its site-packages

    def run(self, *words: str, cwd: Path, within_s: float = ASK_S) -> subprocess.CompletedProcess[str]:
        """A program of the environment, started in a directory of its user."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(("RIG_", "PYTHON"))}
        program = str(self.environment / "bin" / words[0])
        return subprocess.run([program, *words[1:]], cwd=cwd, env=env, capture_output=True, text=True, timeout=within_s)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    place = tmp_path_factory.mktemp("wheel")
    wheel = built(place)
    environment = place / "environment"
    run([sys.executable, "-m", "venv", "--without-pip", environment], place)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", environment / "bin" / "python"]
    run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], place)
    (site,) = environment.glob("lib/python*/site-packages")
    (distribution,) = importlib.metadata.distributions(name="mirror-rig", path=[str(site)])
    for needed in with_all_it_needs(distribution):
        link(needed, site)
    return Installed(environment, site)


def built(place: Path) -> Path:
    """The wheel, made from an sdist that was made from the tracked files: nothing else of the checkout gets into it."""
    sources = place / "sources"
    tracked = run(["git", "ls-files", "-z"], CHECKOUT).split("\0")
    for name in filter(None, tracked):
        (sources / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CHECKOUT / name, sources / name)
    run([sys.executable, "-c", BUILD.format("sdist", str(place))], sources)
    (archive,) = place.glob("*.tar.gz")
    shutil.unpack_archive(archive, place, filter="data")
    run([sys.executable, "-c", BUILD.format("wheel", str(place))], place / archive.name.removesuffix(".tar.gz"))
    (wheel,) = place.glob("*.whl")
    return wheel


def run(command: list, cwd: Path) -> str:
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=BUILD_S)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def with_all_it_needs(first: importlib.metadata.Distribution) -> Iterator[importlib.metadata.Distribution]:
    """What `pip install mirror-rig` would install beside it, in the versions of this environment, which must be in range."""
    waiting = [(line, "") for line in first.requires or []]
    seen = set()
    while waiting:
        line, extra = waiting.pop()
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        found = importlib.metadata.distribution(wanted.name)
        assert found.version in wanted.specifier, f"{line}: here is {found.version}"
        for asked in {"", *wanted.extras}:
            if (wanted.name, asked) not in seen:
                seen.add((wanted.name, asked))
                waiting += [(further, asked) for further in found.requires or []]
        yield found


def link(distribution: importlib.metadata.Distribution, site: Path) -> None:
    """Its packages as links: the environment sees these, and no others of the one that they come from."""
    for name in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
        if not (site / name).exists():
            (site / name).symlink_to(distribution.locate_file(name))


@pytest.mark.timeout(BUILD_S)
def test_nothing_of_the_checkout_is_importable(installed: Installed, tmp_path: Path) -> None:
    """Neither the checkout itself, nor packages of ours with names that others may have too."""
    told = installed.run("python", "-c", "import rig, server; print(rig.__file__, server.__file__)", cwd=tmp_path)
    assert [Path(file).parents[1] for file in told.stdout.split()] == [installed.site] * 2, told.stderr
    for name in ("features", "chaos", "loadtest", "docs", "tests"):
        assert installed.run("python", "-c", f"import {name}", cwd=tmp_path).returncode == 1, name


@pytest.mark.timeout(RUN_S + BUILD_S)
def test_it_judges_the_server_that_it_brings(installed: Installed, tmp_path: Path) -> None:
    """The reports lie in the directory of the user."""
    done = installed.run("rig", "checklist", "--only", "SMOKE,A", cwd=tmp_path, within_s=RUN_S)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    results = json.loads((tmp_path / "reports" / "latest" / "results.json").read_text())
    assert {item["verdict"] for item in results["items"]} == {"passed"}
    assert {item["id"].partition("-")[0] for item in results["items"]} == {"SMOKE", "A"}
    assert results["judged"]["rig"] == PROJECT["version"]
    assert results["judged"]["commit"] is None
    assert (tmp_path / "reports" / "latest" / "report.html").is_file()


@pytest.mark.timeout(RUN_S + BUILD_S)
def test_a_server_of_the_user_is_started_in_his_directory(installed: Installed, tmp_path: Path) -> None:
    """A relative path in `--sut` is meant from there, though the features run elsewhere."""
    (tmp_path / "mine.sh").write_text(f"exec {installed.environment}/bin/python -m server\n")
    words = ("--sut", "sh mine.sh", "--level", "hardened", "--only", "SMOKE-01")
    done = installed.run("rig", "checklist", *words, cwd=tmp_path, within_s=RUN_S)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


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
    tracked = run(["git", "ls-files", "-z", "features", "chaos", "loadtest", "docs"], CHECKOUT).split("\0")
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
    by_extra = {"loadtest": "load", "rig/traffic/load": "load", "rig/stack/docker": "docker"}
    with_extra = {"load": {"locust", "gevent"}, "docker": {"testcontainers", "docker", "requests"}}
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
