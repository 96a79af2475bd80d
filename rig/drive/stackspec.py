"""From settings to the stack that they ask for."""

from pathlib import Path

from rig.config import Settings
from rig.stack import StackSpec


def stack_spec(settings: Settings, logs: Path) -> StackSpec:
    """The stack of these settings, with its logs in that directory."""
    return StackSpec(
        logs=logs,
        mode=settings.mode,
        postgres=settings.postgres,
        valkey=settings.valkey,
        toxiproxy=settings.toxiproxy,
        scratch=settings.scratch,
        postgres_log=settings.postgres_log,
        sut=settings.sut,
        sut_cwd=settings.sut_cwd,
    )
