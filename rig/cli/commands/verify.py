"""`rig verify`."""

from typing import Annotated

import typer

from rig.cli.app import subcommand

Only = Annotated[
    list[str] | None,
    typer.Option(
        help="An item (C-07) or section (C) of the checklist, or a sentence (PING-03) or section (AUTH) of the contract."
        " Repeat it, or separate by commas, for more."
    ),
]

Full = Annotated[
    bool, typer.Option("--full", help="Add what takes longer: a fleet of 2,500 mitras, thousands of requests.")
]


@subcommand()
def verify(ctx: typer.Context, only: Only = None, full: Full = False) -> None:
    """Run the whole checklist and test the contract, side by side: one report, one verdict, one exit code.

    The path of the report is the last line of the output.
    """
    from rig.runs.verify import run as runner

    raise typer.Exit(runner.run(ctx.obj, only or [], full))
