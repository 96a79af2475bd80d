"""`rig clean`: deletes the content of the rig's cache and prints how much was freed."""

import shutil
from pathlib import Path

from typer import echo

from rig.errors import UsageError
from rig.paths import cache_directory
from rig.stack.processes.ports import held_by_a_rig

KEPT = ".lock"  # empty files: the locks of rigs that start at the same time
MB = 1_000_000


def run() -> int:
    """Returns exit code 0. Raises UsageError while a rig is running, because it uses the cache."""
    directory = cache_directory()
    if held_by_a_rig():
        raise UsageError(f"a rig is running and uses {directory}: end it first")
    found = [path for path in sorted(directory.iterdir()) if path.suffix != KEPT]
    files = [file for path in found for file in (path, *path.rglob("*")) if file.is_file() and not file.is_symlink()]
    size = sum(file.stat().st_size for file in files)
    for path in found:
        remove(path)
    echo(f"freed {size / MB:.1f} MB in {len(files)} files of {directory}")
    return 0


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
