"""Gets the Node server's pinned packages, once, into the user's cache: a second run installs nothing."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from rig.paths import cache_directory

NODE = Path(__file__).parent / "node"
LOCK = NODE / "package-lock.json"
OLDEST_NODE = 20
INSTALL_S = 300.0


def what_is_missing() -> str | None:
    """Why the server cannot run here, as one line; None when it can."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            return f"there is no {program} on PATH: install Node {OLDEST_NODE} or newer"
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=30).stdout.strip()
    if int(told.lstrip("v").partition(".")[0]) < OLDEST_NODE:
        return f"node is {told}: install {OLDEST_NODE} or newer"
    return None


def provide() -> None:
    """Make `node_modules` beside the sources a link to the cached packages. RuntimeError says what npm said."""
    link = NODE / "node_modules"
    if link.is_dir() and not link.is_symlink():
        return  # somebody's own `npm install`
    kept = cache_directory() / f"node-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]}"
    if not kept.is_dir():
        install(kept)
    if link.is_symlink() and link.readlink() == kept / "node_modules":
        return
    staged = NODE / f".node_modules-{os.getpid()}"  # Node looks for packages only beside or above what imports them
    staged.symlink_to(kept / "node_modules")
    staged.replace(link)


def install(kept: Path) -> None:
    """`npm ci` in a directory of its own, which appears under its name whole or not at all."""
    staged = Path(tempfile.mkdtemp(prefix=f".{kept.name}-", dir=kept.parent))
    try:
        for file in (NODE / "package.json", LOCK):
            shutil.copy2(file, staged)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        npm = subprocess.run(command, cwd=staged, capture_output=True, text=True, timeout=INSTALL_S)
        if npm.returncode:
            raise RuntimeError(f"npm ci failed in {NODE}: {npm.stderr.strip()[-2000:]}")
        try:
            staged.rename(kept)
        except OSError:
            if not kept.is_dir():  # another run was faster, or the cache cannot be written
                raise
    finally:
        shutil.rmtree(staged, ignore_errors=True)
