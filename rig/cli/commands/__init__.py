"""The commands, in the order of `rig --help`."""

from rig.cli.app import app

from rig.cli.commands import checklist, contract, chaos, load, proofs, saved, tools  # isort: skip  # each adds its commands

__all__ = ["app", "chaos", "checklist", "contract", "load", "main", "proofs", "saved", "tools"]


def main() -> None:
    """The console script: usage errors exit 4, as they would be mistaken for an inconclusive run (2) else."""
    from rig import caller
    from rig.cli.main import run

    with caller.settled():
        run(app)
