"""Reads the settings of a command line, and refuses each word that the command would ignore (exit 4)."""

import os
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from rig import extras
from rig.cli.ways import NEEDS, TESTED, WAYS, Values, Way
from rig.errors import UsageError
from rig.setting_fields import FIELDS, PREFIX, Fields

SESSION = "session"


def way_of(command: str, values: Values) -> Way:
    """The way that a command line asks for. `values` are all parameters by name, defaults included."""
    return next(one for one in WAYS[command] if one.asked(values))


def refuse_unread(command: str, values: Values, given: Mapping[str, str]) -> Fields:
    """Return the settings of a command line. Raises UsageError for a word that has no effect.

    `given` are the parameters that the user typed: name, and how it was written.
    """
    chosen = way_of(command, values)
    for name, written in given.items():
        if name not in chosen.reads:
            raise UsageError(f"{written} has no effect on `{chosen.words}`: {hint(command, name)}")
    names = values.get("names") or []
    if chosen.names_max is not None and len(names) > chosen.names_max:
        raise UsageError(f"`{chosen.words}` does not take {names[chosen.names_max]!r}: leave it out")
    settings = settings_of(chosen, values)
    if chosen.extra and (lacks := extras.lacking(chosen.extra, f"`{chosen.words}`")):
        raise UsageError(lacks)
    own = {name: value for name, value in values.items() if name not in FIELDS}
    one = SimpleNamespace(**{name: getattr(settings, name) for name in FIELDS}, **own)
    for name, written in given.items():
        holds, to_do = NEEDS.get(name, (lambda _: True, ""))
        if not holds(one):
            raise UsageError(f"{written} would have no effect: {to_do}")
    return settings


def hint(command: str, name: str) -> str:
    """What to do about an option that has no effect: where it would have one."""
    others = [f"`{one.words}`" for one in WAYS[command] if name in one.reads]
    return f"leave it out (it is for {' and '.join(others)})" if others else "leave it out"


def settings_of(chosen: Way, values: Values) -> Fields:
    """The settings from the flags that this way reads and from the environment. All others have their default.

    Raises ConfigError for a variable that names what is tested, where this way would ignore it.
    """
    if chosen.settings <= {SESSION} and not any(map(is_other_setting, os.environ)):
        return session_alone(values)
    from rig.config import ConfigError, read

    settings = read(**{name: flag(values.get(name)) for name in chosen.settings})
    unread = {
        name: field.default
        for name, field in FIELDS.items()
        if name not in chosen.reads and getattr(settings, name) != field.default
    }
    for name in unread:
        if chosen.starts and name in TESTED:
            raise ConfigError(f"{PREFIX}{name.upper()} has no effect on `{chosen.words}`: unset it for this command")
    return settings.model_copy(update=unread)


def is_other_setting(variable: str) -> bool:
    """Whether a variable is meant for the rig and has to be looked at, even if only to refuse it."""
    return variable.startswith(PREFIX) and variable != f"{PREFIX}{SESSION.upper()}"


def session_alone(values: Values) -> Fields:
    """The settings of a command that reads the name of a session and no other.

    Such commands are typed by the dozen in a manual session: they do not wait for pydantic, which has nothing to check.
    """
    found = Fields()
    found.session = values.get(SESSION) or os.environ.get(f"{PREFIX}{SESSION.upper()}") or None
    return found


def flag(value: Any) -> Any:
    """The value as a setting has it: the values of a repeated option are joined by spaces."""
    return (" ".join(value) or None) if isinstance(value, list | tuple) else value
