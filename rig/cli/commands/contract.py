"""`rig contract`."""

from typing import Annotated

import typer

from rig.cli.app import subcommand
from rig.cli.options import (
    Label,
    Level,
    Mode,
    PostgresUrl,
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
)

Listed = Annotated[bool, typer.Option("--list", help="Print the sentences of the contract and what judges them.")]
Only = Annotated[list[str] | None, typer.Option(help="A sentence (PING-03) or a section (AUTH) of the contract.")]
Stage = Annotated[list[str] | None, typer.Option(help="Run this stage alone: pairs, walks, races, edges, ...")]
Walks = Annotated[int, typer.Option(min=0, max=10_000, help="How many random walks.")]
Full = Annotated[bool, typer.Option("--full", help="The long stages too: numbers, growth, long outages.")]


@subcommand()
def contract(
    ctx: typer.Context,
    only: Only = None,
    stage: Stage = None,
    walks: Walks = 20,
    full: Full = False,
    listed: Listed = False,
    random_seed: RandomSeed = None,
    label: Label = None,
    strict: Strict = None,
    mode: Mode = None,
    postgres: PostgresUrl = None,
    valkey: ValkeyUrl = None,
    toxiproxy: ToxiproxyUrl = None,
    scratch: Scratch = None,
    sut: Sut = None,
    sut_pass_env: SutPassEnv = None,
    sut_cwd: SutCwd = None,
    sut_setup: SutSetup = None,
    ready_within_s: ReadyWithin = None,
    schema: SchemaFile = None,
    level: Level = None,
    reports: Reports = None,
) -> None:
    """Hold a server against the contract, sentence by sentence: every action in every state, random walks, and probes."""
    from rig.runs.contract import run as runner

    if listed:
        raise typer.Exit(runner.list_sentences())
    raise typer.Exit(runner.run(ctx.obj, only or [], stage or [], walks, full=full))
