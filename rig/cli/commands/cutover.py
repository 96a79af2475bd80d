"""`rig cutover`."""

from pathlib import Path
from typing import Annotated

import typer

from rig.cli.app import subcommand

DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan with all steps, and do nothing.")]
Prove = Annotated[bool, typer.Option("--prove", help="Break one thing per rehearsal, and show that its row says no.")]
Rehearsals = Annotated[
    int, typer.Option(min=1, max=20, help="How often; the median and the worst of each step follow.")
]
Factor = Annotated[float, typer.Option(min=1, max=15, help="How many times as fast as in production all cadences are.")]
Hold = Annotated[Path | None, typer.Option(help="Wait before the switch until this file is there.")]
Plant = Annotated[
    str | None,
    typer.Option(help="Break this one thing on purpose; docs/cutover.md lists them.", metavar="<name>"),
]
Attest = Annotated[
    list[str] | None,
    typer.Option(
        metavar="<fact=value>",
        help="State a fact that Y does not tell: policy, persistence or maxmemory. Repeat it for more.",
    ),
]
By = Annotated[str | None, typer.Option(help="Who states it. The runbook prints it above the signature.")]
Fresh = Annotated[
    float | None, typer.Option(min=0.001, help="Days in which each row must have been shown to say no by --prove.")
]
Capacity = Annotated[
    float | None, typer.Option(min=1, help="Transactions per second that Postgres takes, in place of measuring them.")
]


@subcommand()
def cutover(
    ctx: typer.Context,
    dry_run: DryRun = False,
    prove: Prove = False,
    rehearsals: Rehearsals = 1,
    factor: Factor = 3.0,
    hold: Hold = None,
    plant: Plant = None,
    attest: Attest = None,
    by: By = None,
    fresh_within: Fresh = None,
    sql_capacity: Capacity = None,
) -> None:
    """Rehearse the move of the mirror from Valkey X to a managed store Y under traffic, with the way back.

    The exit code is 0 for go, 1 for no-go with each reason. It never touches production.
    """
    from rig.runs.cutover import run as runner
    from rig.runs.cutover.options import DAY_S, Order, attested

    order = Order(
        factor, rehearsals, hold, plant or "", attested(attest or (), by or ""), by or "",
        None if fresh_within is None else fresh_within * DAY_S, sql_capacity,
    )  # fmt: skip
    if dry_run:
        raise typer.Exit(runner.print_plan(order))
    raise typer.Exit(runner.prove(ctx.obj, order) if prove else runner.run(ctx.obj, order))
