"""What is done with saved runs: `rig recheck` and `rig compare`."""

from typing import Annotated

import typer

from rig.cli.app import subcommand
from rig.cli.options import Reports


@subcommand()
def recheck(
    ctx: typer.Context,
    run: Annotated[
        str,
        typer.Argument(
            help="A run directory, its name below the reports (say: latest), or an archive: FILE.zip, FILE.zip/RUN."
        ),
    ],
    reports: Reports = None,
) -> None:
    """Judge a saved run again, from its files alone, and render its reports anew."""
    from rig.runs import recheck as runner

    raise typer.Exit(runner.run(ctx.obj, run))


@subcommand()
def compare(
    ctx: typer.Context,
    before: Annotated[
        str, typer.Argument(help="A run directory, its name below the reports, or an archive: FILE.zip, FILE.zip/RUN.")
    ],
    after: Annotated[str, typer.Argument(help="The run to hold against it (say: latest).")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for a script.")] = False,
    reports: Reports = None,
) -> None:
    """Tell what changed between two runs: verdicts, times, statement counts; exit 1 when a verdict got worse, or vanished."""
    from rig.results import compare as runner

    raise typer.Exit(runner.run(ctx.obj, before, after, as_json))
