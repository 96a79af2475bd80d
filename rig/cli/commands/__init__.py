"""The commands, in the order of `rig --help`."""

from rig.cli.app import app

# The order is that of `rig --help`. Each adds its commands.
from rig.cli.commands import verify, checklist, contract, chaos, load, soak, audit, cutover  # isort: skip
from rig.cli.commands import proofs, saved, session, tools  # isort: skip

__all__ = [
    "app",
    "audit",
    "chaos",
    "checklist",
    "contract",
    "cutover",
    "load",
    "main",
    "proofs",
    "saved",
    "session",
    "soak",
    "tools",
    "verify",
]


def main() -> None:
    """The console script. A usage error exits with 4, because 2 means an inconclusive run."""
    from rig import caller
    from rig.cli.main import run

    with caller.settled():
        run(app)
