"""The error of a user who asked for something impossible: one line, exit code 4."""

import difflib
from collections.abc import Iterable

ALIKE = 0.5  # of difflib's ratio, from which on a known name is suggested for a mistyped one


class UsageError(Exception):
    """Says in one line what is wrong and what to do."""


def unknown(kind: str, word: str, known: Iterable[str], to_do: str = "") -> UsageError:
    """The error for a name that does not exist. It suggests the nearest known name.

    `kind` says what was named, for example `campaign`. `to_do` says where the known names are listed; without it the
    message lists them.
    """
    names = list(known)
    listed = to_do or (f"there are {', '.join(names)}" if names else "there are none")
    return UsageError(f"no {kind} {word!r}{suggestion(word, names)}: {listed}")


def suggestion(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'X'?)` for the known name nearest to `word`, else nothing. Case does not matter."""
    by_lower = {name.lower(): name for name in known}
    typed = word.strip().lower()
    near = difflib.get_close_matches(typed, by_lower, n=1, cutoff=ALIKE)
    near = near or [name for name in by_lower if typed and typed in name]
    return f" (did you mean {by_lower[near[0]]!r}?)" if near else ""
