"""A wheel of this checkout, built and installed once for all tests of a run, in an environment that holds no checkout."""

import fcntl
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from rig.paths import CHECKOUT

BUILD = "from setuptools import build_meta; print(build_meta.build_{}({!r}))"
BUILD_S, ASK_S = 300, 120
BOXES = 110  # of the whole checklist
WHOLE_S = 600  # for a whole checklist: on two idle cores it takes about a minute


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

    def whole_checklist(self, *words: str, cwd: Path) -> tuple[dict, float]:
        """The results of a whole checklist, which has to pass, and its seconds."""
        began = time.monotonic()
        done = self.run("rig", "checklist", *words, cwd=cwd, within_s=WHOLE_S)
        took = time.monotonic() - began
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr
        return json.loads((cwd / "reports" / "latest" / "results.json").read_text()), took


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Made by the first process of this run of pytest that needs it; the others wait for it."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "wheel"
    place.mkdir(exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "done").exists():
            install(built(place), place / "environment")
            (place / "done").touch()
    (site,) = (place / "environment").glob("lib/python*/site-packages")
    return Installed(place / "environment", site)


def install(wheel: Path, environment: Path) -> None:
    """The wheel by pip, and links to what it depends on in this environment: no index has to be reached."""
    run([sys.executable, "-m", "venv", "--without-pip", environment], wheel.parent)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", environment / "bin" / "python"]
    run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], wheel.parent)
    (site,) = environment.glob("lib/python*/site-packages")
    (distribution,) = importlib.metadata.distributions(name="mirror-rig", path=[str(site)])
    for needed in with_all_it_needs(distribution):
        link(needed, site)


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
