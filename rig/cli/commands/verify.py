"""`rig verify`."""

from pathlib import Path
from typing import Annotated

import typer

from rig.cli.app import subcommand
from rig.cli.options import Failed

Only = Annotated[
    list[str] | None,
    typer.Option(
        help="An item (C-07) or section (C) of the checklist, a sentence (PING-03) or section (AUTH) of the contract,"
        " a campaign (hang), one of its items (hang/INV-07), or a claim (CLAIM-03). Repeat it, or separate by commas, for more."
    ),
]

Accept = Annotated[
    Path | None,
    typer.Option(help="A TOML file of known deviations: [[accept]] with id, reason, until. They count as skipped."),
]
Full = Annotated[
    bool,
    typer.Option(
        "--full",
        help="Add what takes longer: a fleet of 2,500 mitras, thousands of requests, what grows, long outages, the campaigns of profile ci, a minute of load.",
    ),
]


@subcommand()
def verify(
    ctx: typer.Context, only: Only = None, full: Full = False, accept: Accept = None, failed: Failed = False
) -> None:
    """Run the whole checklist and test the contract, side by side: one report, one verdict, one exit code.

    With --full the campaigns follow, two at a time, and then a load alone, because it measures costs.

    The path of the report is the last line of the output.
    """
    from rig.runs.verify import run as runner

    raise typer.Exit(runner.run(ctx.obj, only or [], full, accept, failed))
