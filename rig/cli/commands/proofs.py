"""`rig prove` and `rig model`: what proves the checks and the protocol."""

from pathlib import Path
from typing import Annotated

import typer

from rig.cli.app import subcommand
from rig.cli.options import Label, RandomSeed, Reports, Strict

BOUNDS = "How far it explores"


@subcommand()
def prove(
    ctx: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="Broken servers to run; all when none is named.")] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Those that must fell a box of this section (C), or this box (C-07).")
    ] = None,
    sample: Annotated[bool, typer.Option("--sample", help="One a section, drawn by the random seed.")] = False,
    cross: Annotated[bool, typer.Option("--cross", help="The whole checklist for each, and what fell in it.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Tell of them, or of those named, and run none.")] = False,
    write_docs: Annotated[bool, typer.Option("--write-docs", help="Renew their rows in docs/sabotage.md.")] = False,
    workers: Annotated[int | None, typer.Option(help="Broken servers to run side by side.")] = None,
    random_seed: RandomSeed = None,
    label: Label = None,
    reports: Reports = None,
) -> None:
    """Prove the checks: servers with one subtle defect each must make just the boxes fall that name it."""
    from rig.runs.mutation import run as runner

    if listed:
        raise typer.Exit(runner.list_entries(names or [], only or []))
    raise typer.Exit(runner.run(ctx.obj, names or [], only or [], sample=sample, cross=cross, docs=write_docs))


@subcommand()
def model(
    ctx: typer.Context,
    spec: Annotated[
        list[str] | None, typer.Option(help="A specification of rig/model/specs, or a file of your own; all when none.")
    ] = None,
    mutant: Annotated[
        str | None, typer.Option(help="Explore this mutant instead, by its name, its finding, or a rule that it lacks.")
    ] = None,
    instances: Annotated[
        int | None, typer.Option(min=1, max=4, help="Servers, instead of the written bound.", rich_help_panel=BOUNDS)
    ] = None,
    mitras: Annotated[int | None, typer.Option(min=1, max=4, help="Mitras.", rich_help_panel=BOUNDS)] = None,
    faults: Annotated[int | None, typer.Option(min=0, max=4, help="Faults.", rich_help_panel=BOUNDS)] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="The wider bounds too, for the night.", rich_help_panel=BOUNDS)
    ] = False,
    control: Annotated[
        bool, typer.Option(help="Try mutants and drop each rule in turn, as well.", rich_help_panel=BOUNDS)
    ] = True,
    replay: Annotated[Path | None, typer.Option(help="Print a saved violation step by step, and run none.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Tell which there are, with their mutants.")] = False,
    label: Label = None,
    strict: Strict = None,
    reports: Reports = None,
) -> None:
    """Explore the specifications of the protocol: every state within bounds, and each mutant must break an invariant."""
    from rig.runs.model import run as runner

    if replay is not None:
        from rig.runs.model import replay as saved

        raise typer.Exit(saved.run(ctx.obj, replay))
    if listed:
        raise typer.Exit(runner.list_specs(spec or []))
    given = {"instances": instances, "mitras": mitras, "faults": faults}
    raise typer.Exit(runner.run(
        ctx.obj, spec or [], mutant,
        {name: number for name, number in given.items() if number is not None}, deep=deep, control=control,
    ))  # fmt: skip
