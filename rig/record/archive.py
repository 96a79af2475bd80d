"""Runs that were packed, as continuous integration keeps them: unpacked once, below the reports."""

import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
UNPACKED = "unpacked"  # below the reports
DIGITS = 12


def archived_run(root: Path, name: str) -> Path | None:
    """The run directory that `ARCHIVE` or `ARCHIVE/RUN` means, unpacked below `root`; None where no archive is named.

    FileNotFoundError says which runs it holds when the name fits none, or several; ValueError that it cannot be read.
    """
    given = Path(name)
    archive = next((path for path in (given, given.parent) if is_archive(path)), None)
    if archive is None:
        return None
    found = [path.parent for path in sorted(unpacked(root, archive).rglob("run.json"))]
    runs = {path.name: path for path in found if not any(parent in found for parent in path.parents)}  # parts are none
    chosen = list(runs.values()) if archive == given else [path for key, path in runs.items() if key == given.name]
    if len(chosen) == 1:
        return chosen[0]
    there = ", ".join(runs) or "none"
    raise FileNotFoundError(f"{archive} holds these runs: {there} (name one behind it: {archive}/RUN)")


def is_archive(path: Path) -> bool:
    return path.name.endswith(ENDINGS) and path.is_file()


def unpacked(root: Path, archive: Path) -> Path:
    """Where its files are: unpacked whole or not at all, and only once for the same content."""
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]
    stem = archive.name[: -len(next(end for end in ENDINGS if archive.name.endswith(end)))]
    target = root / UNPACKED / f"{stem}-{digest}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=target.parent))
    try:
        inside = fresh / stem  # the run's own name, where the archive holds its files without their directory
        inside.mkdir()
        unpack(archive, inside)
        os.replace(fresh, target)
    except (OSError, tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        if not target.is_dir():  # else another rig was quicker
            raise ValueError(f"{archive} cannot be unpacked: {error}") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def unpack(archive: Path, target: Path) -> None:
    """Nothing in it can be written elsewhere: names that lead out are refused or made plain."""
    if archive.name.endswith(".zip"):
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(target)
        return
    if not hasattr(tarfile, "data_filter"):  # before Python 3.11.4
        raise OSError("this Python cannot unpack tar files safely: unpack it by hand")
    with tarfile.open(archive) as opened:
        opened.extractall(target, filter="data")
