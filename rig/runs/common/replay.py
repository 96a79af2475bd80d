"""The command that runs the same again: what was asked for, with the random seed that was drawn."""

import os
import shlex
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from rig.config import PREFIX, Settings

ITEM = "{item}"  # placeholder in a replay command for the id of an item
# These change where a run is kept, what keeps running after it and how much is printed, not what is tested.
NOT_REPEATED = frozenset({"random_seed", "reports", "keep", "quiet"})
MANY = frozenset({"sut_env", "sut_pass_env"})  # flags that come again for each word
SECRET = frozenset({"otp_code", "jwt_secret", "internal_token"})


def replay_command(words: Sequence[str], settings: Settings, random_seed: int | None = None) -> str:
    """A shell line: these words, the random seed, and each setting that differs from the default.

    A secret is written as its variable, because reports are passed on: "$RIG_JWT_SECRET".
    """
    seed = [] if random_seed is None else ["--random-seed", str(random_seed)]
    return " ".join([*map(quoted, [*words, *seed]), *settings_again(settings)])


def settings_again(settings: Settings) -> list[str]:
    """The flags of the settings that differ from what a command without flags would have, ready for a shell."""
    flags: list[str] = []
    for name, field in Settings.model_fields.items():
        value, variable = getattr(settings, name), PREFIX + name.upper()
        if name in NOT_REPEATED or (value == field.default and not os.environ.get(variable)):
            continue
        flag = f"--{name.replace('_', '-')}"
        if value is None or value is False:
            continue  # no flag says so
        if value is True:
            flags.append(flag)
        elif is_secret(name, value):
            flags += [flag, f'"${variable}"']
        elif name in MANY:
            flags += [word for pair in str(value).split() for word in (flag, quoted(pair))]
        else:
            flags += [flag, quoted(number(value))]
    return flags


def is_secret(name: str, value: Any) -> bool:
    """What must not stand in a report: a secret, or a URL with a password in it."""
    return name in SECRET or (name in ("postgres", "valkey") and urlsplit(str(value)).password is not None)


def number(value: Any) -> str:
    """As it is typed, without loss: 30, not 30.0."""
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def quoted(word: str) -> str:
    """Quoted for a shell, except for the placeholder ITEM."""
    return word if word == ITEM else shlex.quote(word)
