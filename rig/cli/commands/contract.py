"""`rig contract`."""

from typing import Annotated

import typer

from rig.cli import completion
from rig.cli.app import subcommand
from rig.cli.options import Failed

STAGES = ("pairs", "walks", "races", "edges", "environment", "numbers", "growth", "outages")
Listed = Annotated[bool, typer.Option("--list", help="Print the sentences of the contract and what judges each.")]
Only = Annotated[
    list[str] | None,
    typer.Option(help="A sentence of the contract (PING-03) or a section (AUTH). Repeat the flag for more."),
]
Stage = Annotated[
    list[str] | None,
    typer.Option(
        help=f"Run only this stage: {', '.join(STAGES)}. Repeat the flag for more.",
        autocompletion=completion.of_words(STAGES),
    ),
]
Openapi = Annotated[
    bool, typer.Option("--openapi", help="Print the contract's OpenAPI document (docs/openapi.json) as JSON.")
]
Walks = Annotated[int, typer.Option(min=0, max=10_000, help="Number of random walks.")]


@subcommand()
def contract(
    ctx: typer.Context,
    only: Only = None,
    stage: Stage = None,
    walks: Walks = 20,
    failed: Failed = False,
    listed: Listed = False,
    openapi: Openapi = False,
) -> None:
    """Test a server against the contract, sentence by sentence: each action in each state, random walks, and probes."""
    from rig.runs.contract import run as runner
    from rig.runs.contract import told

    if listed:
        raise typer.Exit(told.list_sentences())
    if openapi:
        raise typer.Exit(told.print_openapi())
    raise typer.Exit(runner.run(ctx.obj, only or [], stage or [], walks, failed))
