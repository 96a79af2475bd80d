"""`rig chaos`."""

from pathlib import Path
from typing import Annotated

import typer

from rig.cli import completion
from rig.cli.app import subcommand
from rig.cli.options import Failed

MATRIX = "Only for `rig chaos matrix`"
RANDOM = "Only for `rig chaos random`"
Names = Annotated[
    list[str] | None,
    typer.Argument(
        help="Campaigns (all when none is named), or one of: random, matrix, shrink RUN. RUN is a run directory or its name; without it, the latest run.",
        autocompletion=completion.campaigns,
    ),
]
Listed = Annotated[bool, typer.Option("--list", help="List the campaigns, and run none.")]
FaultsListed = Annotated[bool, typer.Option("--list-faults", help="List the faults, and run none.")]
Fault = Annotated[
    list[str] | None,
    typer.Option(help="Run one fault of the catalogue as a campaign of its own.", autocompletion=completion.faults),
]
Profile = Annotated[
    str | None,
    typer.Option(
        help="A set of campaigns: ci (one per class of faults, about five minutes) or full (all).",
        autocompletion=completion.of_words(("ci", "full")),
    ),
]
Schedule = Annotated[Path | None, typer.Option(help="JSON file with a campaign, as `rig chaos shrink` writes it.")]
Minutes = Annotated[
    float, typer.Option(min=0.5, max=240, help="Length of the random campaign.", rich_help_panel=RANDOM)
]
Only = Annotated[
    list[str] | None,
    typer.Option(help="Sections or items (C, C-07).", autocompletion=completion.items, rich_help_panel=MATRIX),
]
Classes = Annotated[
    list[str] | None,
    typer.Option(
        "--class",
        help="A class of faults (reachability, silence, slowness, cuts, refusing, wrong, partial, truth or server); all when none is named.",
        autocompletion=completion.fault_classes,
        rich_help_panel=MATRIX,
    ),
]
Fleet = Annotated[
    int,
    typer.Option(min=0, max=5000, help="Number of further mitras, who toggle every 11 s.", rich_help_panel=RANDOM),
]
Towards = Annotated[
    list[str] | None,
    typer.Option(
        help="A step of the protocol to which about every other fault leads (repeat it); untaken: those that no saved campaign has taken.",
        rich_help_panel=RANDOM,
    ),
]


@subcommand()
def chaos(
    ctx: typer.Context,
    names: Names = None,
    listed: Listed = False,
    faults_listed: FaultsListed = False,
    failed: Failed = False,
    fault: Fault = None,
    profile: Profile = None,
    schedule: Schedule = None,
    minutes: Minutes = 2.0,
    fleet: Fleet = 0,
    towards: Towards = None,
    only: Only = None,
    classes: Classes = None,
) -> None:
    """Run campaigns: inject faults under traffic, and check the invariants all the time.

    A campaign is a scenario with a schedule of faults. An invariant is a rule that must hold all the
    time. The exit code is 1 if the server broke one, and 0 if all passed.

    `rig chaos random` draws a campaign from the random seed.
    `rig chaos shrink RUN` finds the smallest part of a failed campaign that still fails.
    `rig chaos matrix` runs the checklist under each class of faults.
    """
    from rig.runs.chaos import run as runner

    if listed:
        raise typer.Exit(runner.list_campaigns())
    if faults_listed:
        raise typer.Exit(runner.list_faults())
    if failed:
        raise typer.Exit(runner.run_failed(ctx.obj))
    words = names or []
    if words == ["random"]:
        raise typer.Exit(runner.run_random(ctx.obj, minutes, fleet, towards or []))
    if words == ["matrix"]:
        from rig.runs.checklist import fault_matrix

        raise typer.Exit(fault_matrix.run(ctx.obj, only or [], classes or []))
    if words[:1] == ["shrink"]:
        from rig.runs.chaos import shrink

        raise typer.Exit(shrink.run(ctx.obj, words[1] if len(words) > 1 else "latest"))
    raise typer.Exit(runner.run(ctx.obj, words, fault or [], profile, schedule))
