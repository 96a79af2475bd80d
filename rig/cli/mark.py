"""`rig mark`: declares an empty Postgres and Valkey of somebody else's as the rig's to empty."""

from typer import echo

from rig.config import ConfigError, Settings
from rig.stack.external.scratch_mark import mark


def run(settings: Settings) -> int:
    """Mark what is given and say so; nothing is marked when one of the two is in use (exit 3)."""
    if not settings.postgres and not settings.valkey:
        raise ConfigError("nothing to mark: give --postgres URL, --valkey URL or both")
    for line in mark(settings.postgres, settings.valkey):
        echo(f"marked {line}")
    echo("from now on a run with --scratch may empty it; remove the mark to take that back")
    return 0
