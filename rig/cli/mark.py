"""`rig mark`: marks an external Postgres and Valkey as scratch, so that the rig may delete their data."""

from typer import echo

from rig.config import ConfigError, Settings
from rig.stack.external.scratch_mark import mark


def run(settings: Settings) -> int:
    """Mark the stores that are given and print it. Nothing is marked when one of them is in use (exit code 3)."""
    if not settings.postgres and not settings.valkey:
        raise ConfigError("nothing to mark: give --postgres URL, --valkey URL or both")
    for line in mark(settings.postgres, settings.valkey):
        echo(f"marked {line}")
    echo("a run with --scratch may now delete everything in it; remove the mark to forbid that again")
    return 0
