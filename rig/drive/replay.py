"""The command that runs the same again: what was asked for, with the random seed that was drawn."""

import shlex
from collections.abc import Sequence

from rig.config import Settings
from rig.stack.spec import DEFAULT_SUT


def replay_command(words: Sequence[str], settings: Settings, random_seed: int) -> str:
    """A shell line; addresses of external services are the user's own to give again, as they may hold passwords."""
    return shlex.join([*words, "--random-seed", str(random_seed), *the_server(settings), *judged_by(settings)])


def the_server(settings: Settings) -> list[str]:
    """The words that name the server under test. Secrets of a running one are left out, like its stores' addresses."""
    words = [] if settings.sut == DEFAULT_SUT else ["--sut", settings.sut]
    words += ["--sut-setup", settings.sut_setup] if settings.sut_setup else []
    words += ["--label", settings.label] if settings.label else []
    if settings.base_url:
        words += ["--base-url", settings.base_url, "--internal-url", str(settings.internal_url)]
        words += ["--sut-log", str(settings.sut_log)] if settings.sut_log else []
        words += [word for told in (settings.sut_env or "").split() for word in ("--sut-env", told)]
    return words


def judged_by(settings: Settings) -> list[str]:
    """The words that name mapping and level, where they were given."""
    schema = [] if settings.schema is None else ["--schema", str(settings.schema)]
    return [*schema, *([] if settings.level is None else ["--level", settings.level])]
