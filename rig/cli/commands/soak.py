"""`rig soak`."""

from typing import Annotated

import typer

from rig.cli import completion
from rig.cli.app import subcommand

Hours = Annotated[float | None, typer.Option(min=0.01, max=2000, help="Length in hours. Default: 2.")]
Minutes = Annotated[float | None, typer.Option(min=0.3, max=120_000, help="Length in minutes, in place of --hours.")]
Factor = Annotated[
    float, typer.Option(min=1, max=30, help="How many times as fast as written all cadences and the traffic are.")
]
Faults = Annotated[
    str,
    typer.Option(
        "--faults",
        help="none, light (lost connections, scripts and subscriptions) or hard (killed stores and instances, too).",
        autocompletion=completion.of_words(("none", "light", "hard")),
    ),
]
Pressure = Annotated[
    bool, typer.Option("--pressure/--no-pressure", help="At the end, let a neighbour fill Valkey under each policy.")
]
Resume = Annotated[
    str | None,
    typer.Option(help="Go on with an interrupted soak: its directory, or its name below the reports.", metavar="<run>"),
]


@subcommand()
def soak(
    ctx: typer.Context,
    hours: Hours = None,
    minutes: Minutes = None,
    factor: Factor = 1.0,
    faults: Faults = "none",
    pressure: Pressure = True,
    resume: Resume = None,
) -> None:
    """Run for hours under changing traffic, and find what grows: memory, connections, rows, keys, latency, drift.

    Trends decide in a run that stands for 2 hours of the written cadences or more. In a shorter one only bounds decide.
    """
    from rig.errors import UsageError
    from rig.runs.soak import run as runner
    from rig.runs.soak.order import Order

    if resume is not None:
        from rig.runs.soak.resume import resume as go_on

        raise typer.Exit(go_on(ctx.obj, resume))
    if hours is not None and minutes is not None:
        raise UsageError("--hours and --minutes are both lengths: give one of them")
    planned_s = minutes * 60 if minutes is not None else (2.0 if hours is None else hours) * 3600
    raise typer.Exit(runner.run(ctx.obj, Order(planned_s, factor, faults, pressure)))
