"""`rig chaos`."""

from pathlib import Path
from typing import Annotated

import typer

from rig.cli.app import subcommand
from rig.cli.options import (
    Label,
    Level,
    Mode,
    PostgresLog,
    PostgresUrl,
    PostgresWheel,
    RandomSeed,
    ReadyWithin,
    Reports,
    SchemaFile,
    Scratch,
    Strict,
    Sut,
    SutCwd,
    SutPassEnv,
    SutSetup,
    ToxiproxyUrl,
    ValkeyUrl,
    ValkeyWheel,
)

Names = Annotated[
    list[str] | None, typer.Argument(help="Campaigns (all when none is named), or: random, matrix, shrink RUN.")
]
Listed = Annotated[bool, typer.Option("--list", help="Tell which campaigns there are, and run none.")]
FaultsListed = Annotated[bool, typer.Option("--list-faults", help="Tell which faults there are, and run none.")]
Fault = Annotated[list[str] | None, typer.Option(help="A fault of the catalogue by itself, as a campaign.")]
Profile = Annotated[str | None, typer.Option(help="A set of campaigns: ci or full.")]
Schedule = Annotated[Path | None, typer.Option(help="A campaign kept as JSON, as `shrink` writes it.")]
Minutes = Annotated[float, typer.Option(min=0.5, max=240, help="Length of a random campaign.")]
Only = Annotated[list[str] | None, typer.Option(help="Sections or boxes of the matrix (C, C-07).")]
Classes = Annotated[
    list[str] | None, typer.Option("--class", help="A class of faults of the matrix; all when none is named.")
]
Cadence = Annotated[str | None, typer.Option(help="Cadences of the matrix: fast (default) or written.")]
Workers = Annotated[int | None, typer.Option(help="Stacks that the matrix runs scenarios on, at most.")]
Fleet = Annotated[
    int, typer.Option(min=0, max=5000, help="Further mitras of a random campaign, who toggle every 11 s.")
]


@subcommand()
def chaos(
    ctx: typer.Context,
    names: Names = None,
    listed: Listed = False,
    faults_listed: FaultsListed = False,
    fault: Fault = None,
    profile: Profile = None,
    schedule: Schedule = None,
    minutes: Minutes = 2.0,
    only: Only = None,
    classes: Classes = None,
    cadence: Cadence = None,
    workers: Workers = None,
    fleet: Fleet = 0,
    random_seed: RandomSeed = None,
    label: Label = None,
    strict: Strict = None,
    mode: Mode = None,
    postgres_wheel: PostgresWheel = None,
    valkey_wheel: ValkeyWheel = None,
    postgres: PostgresUrl = None,
    valkey: ValkeyUrl = None,
    toxiproxy: ToxiproxyUrl = None,
    scratch: Scratch = None,
    postgres_log: PostgresLog = None,
    sut: Sut = None,
    sut_pass_env: SutPassEnv = None,
    sut_cwd: SutCwd = None,
    sut_setup: SutSetup = None,
    ready_within_s: ReadyWithin = None,
    schema: SchemaFile = None,
    level: Level = None,
    reports: Reports = None,
) -> None:
    """Run campaigns: traffic, faults seen to bite and to heal, and the invariants that must hold all through.

    `rig chaos random` draws one from the random seed; `rig chaos shrink RUN` finds the part of a failed one that fails.
    `rig chaos matrix` runs the checklist under each class of faults.
    """
    from rig.runs.chaos import run as runner

    if listed:
        raise typer.Exit(runner.list_campaigns())
    if faults_listed:
        raise typer.Exit(runner.list_faults())
    words = names or []
    if words == ["random"]:
        raise typer.Exit(runner.run_random(ctx.obj, minutes, fleet))
    if words == ["matrix"]:
        from rig.runs.checklist import fault_matrix

        raise typer.Exit(fault_matrix.run(ctx.obj, only or [], classes or []))
    if words[:1] == ["shrink"]:
        from rig.runs.chaos import shrink

        raise typer.Exit(shrink.run(ctx.obj, words[1] if len(words) > 1 else "latest"))
    raise typer.Exit(runner.run(ctx.obj, words, fault or [], profile, schedule))
