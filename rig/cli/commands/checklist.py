"""`rig checklist`."""

from typing import Annotated

import typer

from rig.cli import completion
from rig.cli.app import subcommand
from rig.cli.options import Failed


@subcommand()
def checklist(
    ctx: typer.Context,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="An item (C-07) or a section (C). Repeat it, or separate by commas, for more.",
            autocompletion=completion.items,
        ),
    ] = None,
    failed: Failed = False,
    listed: Annotated[
        bool, typer.Option("--list", help="List the items with the wording of the checklist, and run none.")
    ] = False,
    repeat: Annotated[
        int, typer.Option(min=1, max=1000, help="Number of runs in a row, each with another random seed.")
    ] = 1,
) -> None:
    """Run the checklist: Setup, sections A to K, and Smoke. Each item gets a verdict with evidence.

    The path of the report is the last line of the output.
    """
    from rig.runs.checklist import listing
    from rig.runs.checklist import repeat as repeated
    from rig.runs.checklist import run as runner

    if listed:
        raise typer.Exit(listing.run(only or []))
    if repeat > 1:
        raise typer.Exit(repeated.run(ctx.obj, only or [], repeat, failed))
    raise typer.Exit(runner.run(ctx.obj, only or [], failed))
