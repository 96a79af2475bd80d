"""The command that runs the same again: what was asked for, with the random seed that was drawn."""

import shlex
from collections.abc import Sequence

from rig.config import Settings
from rig.stack.spec import DEFAULT_SUT


def replay_command(words: Sequence[str], settings: Settings, random_seed: int) -> str:
    """A shell line; addresses of external services are the user's own to give again, as they may hold passwords."""
    sut = [] if settings.sut == DEFAULT_SUT else ["--sut", settings.sut]
    return shlex.join([*words, "--random-seed", str(random_seed), *sut, *judged_by(settings)])


def judged_by(settings: Settings) -> list[str]:
    """The words that name mapping and level, where they were given."""
    schema = [] if settings.schema is None else ["--schema", str(settings.schema)]
    return [*schema, *([] if settings.level is None else ["--level", settings.level])]
