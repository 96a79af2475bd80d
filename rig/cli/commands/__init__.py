"""The commands, in the order of `rig --help`."""

from rig.cli.app import app

from rig.cli.commands import (
    verify,
    checklist,
    contract,
    chaos,
    load,
    soak,
    audit,
    cutover,
    proofs,
    saved,
    session,
    tools,
)  # isort: skip  # each adds its commands

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
