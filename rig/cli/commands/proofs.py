"""`rig prove` and `rig model`: they test the checks and the protocol."""

from pathlib import Path
from typing import Annotated

import typer

from rig.cli import completion
from rig.cli.app import subcommand
from rig.cli.options import Failed

BOUNDS = "The bounds of the exploration"


@subcommand()
def prove(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Mutants to run; all when none is named.", autocompletion=completion.mutant_servers),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Run the mutants that are expected to fail this item (C-07) or an item of this section (C).",
            autocompletion=completion.items,
        ),
    ] = None,
    failed: Failed = False,
    sample: Annotated[
        bool, typer.Option("--sample", help="Run one mutant per section, drawn by the random seed.")
    ] = False,
    cross: Annotated[
        bool, typer.Option("--cross", help="Run the whole checklist for each mutant, and report all items that fail.")
    ] = False,
    listed: Annotated[
        bool, typer.Option("--list", help="List the mutants, or those that are named, and run none.")
    ] = False,
    write_docs: Annotated[bool, typer.Option("--write-docs", help="Update their rows in docs/sabotage.md.")] = False,
) -> None:
    """Run mutants of the server, each with one defect, and check that exactly the expected items fail."""
    from rig.runs.mutation import run as runner

    if listed:
        raise typer.Exit(runner.list_entries(names or [], only or []))
    raise typer.Exit(runner.run(
        ctx.obj, names or [], only or [], sample=sample, cross=cross, docs=write_docs, failed=failed,
    ))  # fmt: skip


@subcommand()
def model(
    ctx: typer.Context,
    spec: Annotated[
        list[str] | None,
        typer.Option(
            help="A specification of rig/model/specs, or a file of your own; all when none is named.",
            autocompletion=completion.specifications,
        ),
    ] = None,
    mutant: Annotated[
        str | None,
        typer.Option(
            help="Explore this mutant instead: its name, its finding, or the rule that it leaves out.",
            autocompletion=completion.mutants,
        ),
    ] = None,
    failed: Failed = False,
    instances: Annotated[
        int | None,
        typer.Option(min=1, max=4, help="Number of servers, instead of the declared bound.", rich_help_panel=BOUNDS),
    ] = None,
    mitras: Annotated[int | None, typer.Option(min=1, max=4, help="Number of mitras.", rich_help_panel=BOUNDS)] = None,
    faults: Annotated[int | None, typer.Option(min=0, max=4, help="Number of faults.", rich_help_panel=BOUNDS)] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Explore the wider bounds too. Takes up to 45 min.", rich_help_panel=BOUNDS)
    ] = False,
    control: Annotated[
        bool, typer.Option(help="Also try every mutant, and the protocol without each rule.", rich_help_panel=BOUNDS)
    ] = True,
    replay: Annotated[
        Path | None, typer.Option(help="Print a saved violation step by step, and explore nothing.")
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="List the specifications with their mutants, and explore none.")
    ] = False,
) -> None:
    """Explore every state of the protocol's specifications within bounds, and check that each mutant is found."""
    from rig.runs.model import run as runner

    if replay is not None:
        from rig.runs.model import replay as saved

        raise typer.Exit(saved.run(ctx.obj, replay))
    if listed:
        raise typer.Exit(runner.list_specs(spec or []))
    bounds = {"instances": instances, "mitras": mitras, "faults": faults}
    given = {name: number for name, number in bounds.items() if number is not None}
    if failed:
        raise typer.Exit(runner.run_failed(ctx.obj, given, deep=deep, control=control))
    raise typer.Exit(runner.run(ctx.obj, spec or [], mutant, given, deep=deep, control=control))
