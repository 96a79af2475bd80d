"""Commands for saved runs: `rig recheck` and `rig compare`."""

from typing import Annotated

import typer

from rig.cli import completion
from rig.cli.app import subcommand

PLACE = "a run directory, its name below the reports (for example: latest), or an archive: FILE.zip, FILE.zip/RUN."


@subcommand()
def recheck(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(help=f"The run: {PLACE}", autocompletion=completion.runs)],
    protocol: Annotated[
        bool,
        typer.Option("--protocol", help="Judge a campaign by the protocol alone, and print what it does not allow."),
    ] = False,
) -> None:
    """Judge a saved run again from its files alone, and write its reports again.

    With `--protocol`, judge whether each event of a campaign is a step that docs/protocol.md allows, even if all ended well.
    """
    from rig.runs import recheck as runner

    raise typer.Exit(runner.by_protocol(ctx.obj, run) if protocol else runner.run(ctx.obj, run))


@subcommand()
def compare(
    ctx: typer.Context,
    before: Annotated[str, typer.Argument(help=f"The first run: {PLACE}", autocompletion=completion.runs)],
    after: Annotated[str, typer.Argument(help="The second run.", autocompletion=completion.runs)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for a script.")] = False,
) -> None:
    """Print what changed between two runs: verdicts, times, statement counts.

    The exit code is 1 when a verdict got worse or an item is missing.
    """
    from rig.results import compare as runner

    raise typer.Exit(runner.run(ctx.obj, before, after, as_json))
