"""`rig load` and `rig bench`."""

from typing import Annotated

import typer

from rig.cli import completion
from rig.cli.app import subcommand

WHO = "The traffic"
HOW = "How it is measured"
LOCUST = "Locust"
SHAPES = ("ramp", "spike", "square", "sustained")
Mitras = Annotated[
    int, typer.Option(min=1, max=200_000, help="Number of mitras who are online and ping.", rich_help_panel=WHO)
]
PingEvery = Annotated[
    float, typer.Option(min=0.1, max=600, help="Seconds between two pings of one mitra.", rich_help_panel=WHO)
]
Customers = Annotated[
    int,
    typer.Option(min=0, max=100_000, help="Number of customers who poll the beacon every 5 s.", rich_help_panel=WHO),
]
Storm = Annotated[
    float, typer.Option(min=0, max=20_000, help="Polls per second at the peak of a storm.", rich_help_panel=WHO)
]
StormShape = Annotated[
    str,
    typer.Option(
        help="ramp, spike, square (wave) or sustained.",
        rich_help_panel=WHO,
        autocompletion=completion.of_words(SHAPES),
    ),
]
Togglers = Annotated[
    int,
    typer.Option(min=0, max=1000, help="Number of further mitras who go online and offline.", rich_help_panel=WHO),
]
Chats = Annotated[
    int, typer.Option(min=0, max=100, help="Number of customers who pay for a chat every 8 s.", rich_help_panel=WHO)
]
Seconds = Annotated[
    float, typer.Option(min=5, max=7200, help="Length of the measured window in seconds.", rich_help_panel=HOW)
]
WarmUp = Annotated[float, typer.Option(min=0, max=600, help="Seconds of traffic before it.", rich_help_panel=HOW)]
Baseline = Annotated[
    bool, typer.Option(help="Send the same load to a server without a mirror at the same time.", rich_help_panel=HOW)
]
Witness = Annotated[
    bool,
    typer.Option(help="Compare the counts with the table counters of Postgres. Takes 23 s more.", rich_help_panel=HOW),
]
Blocks = Annotated[
    int,
    typer.Option(
        min=0, max=50, help="Number of blocks of 2.5 s in which only one arm gets traffic.", rich_help_panel=HOW
    ),
]
Instances = Annotated[int, typer.Option(min=1, max=3, help="Number of servers per arm.", rich_help_panel=HOW)]
Threshold = Annotated[
    list[str] | None,
    typer.Option(help="A limit of your own: 'ping: p(95)<200', 'failed: rate<0.01'.", rich_help_panel=HOW),
]
Processes = Annotated[int, typer.Option(min=1, max=64, help="Number of processes that send.", rich_help_panel=LOCUST)]
LoadWorkers = Annotated[
    int,
    typer.Option("--workers", min=0, max=64, help="Number of Locust workers on this machine.", rich_help_panel=LOCUST),
]
ExpectWorkers = Annotated[
    int,
    typer.Option(min=0, max=500, help="Number of workers on other machines to wait for.", rich_help_panel=LOCUST),
]
Bind = Annotated[str, typer.Option(help="Address on which the master waits for them.", rich_help_panel=LOCUST)]
Web = Annotated[
    bool,
    typer.Option(
        "--web", help="Start the load from Locust's web UI. It is judged when the UI ends.", rich_help_panel=LOCUST
    ),
]
WebPort = Annotated[int, typer.Option(min=1, max=65535, help="Port of the web UI.", rich_help_panel=LOCUST)]
Scale = Annotated[
    bool,
    typer.Option("--scale", help="Measure instead how each operation grows from 300 to 100,000 mitras."),
]
Sizes = Annotated[str | None, typer.Option(help="Sizes for --scale, separated by commas: 300,1000.")]


@subcommand()
def load(
    ctx: typer.Context,
    mitras: Mitras = 300,
    ping_every: PingEvery = 30.0,
    customers: Customers = 100,
    storm: Storm = 150.0,
    storm_shape: StormShape = "square",
    togglers: Togglers = 4,
    chats: Chats = 2,
    seconds: Seconds = 70.0,
    warm_up: WarmUp = 5.0,
    baseline: Baseline = True,
    witness: Witness = True,
    blocks: Blocks = 4,
    instances: Instances = 1,
    threshold: Threshold = None,
    processes: Processes = 1,
    load_workers: LoadWorkers = 0,
    expect_workers: ExpectWorkers = 0,
    bind: Bind = "127.0.0.1",
    web: Web = False,
    web_port: WebPort = 8089,
    scale: Scale = False,
    sizes: Sizes = None,
) -> None:
    """Measure what the mirror saves: count the SQL of the same load with the mirror and without it."""
    from rig.runs.load import options as runner

    if scale:
        from rig.runs.scaling import run as scaling

        raise typer.Exit(scaling.run(ctx.obj, sizes))
    raise typer.Exit(runner.run(
        ctx.obj, mitras=mitras, ping_every_s=ping_every, customers=customers, storm_peak=storm, storm_shape=storm_shape,
        togglers=togglers, chats=chats, seconds=seconds, warm_up_s=warm_up, baseline=baseline, witness=witness,
        blocks=blocks, instances=instances, thresholds=tuple(threshold or ()), processes=processes,
        workers=load_workers, expect=expect_workers, bind=bind, web=web, web_port=web_port,
    ))  # fmt: skip


@subcommand()
def bench(
    ctx: typer.Context,
    polls: Annotated[int, typer.Option(min=10, max=2000, help="Beacon polls per second.")] = 500,
    hot: Annotated[
        bool, typer.Option("--hot", help="Measure instead pings and polls without faults, beside an empty request.")
    ] = False,
    fleet: Annotated[
        int | None,
        typer.Option(
            min=1000, max=200_000, help="Measure instead the load generator: this many mitras from one process."
        ),
    ] = None,
) -> None:
    """Measure what a hang of Valkey and a FLUSHDB cost under a storm of beacon polls."""
    from rig.runs.benchmark import hot_path, load_generator, outage

    if fleet is not None:
        raise typer.Exit(load_generator.run(ctx.obj, fleet))
    if hot:
        raise typer.Exit(hot_path.run(ctx.obj))
    raise typer.Exit(outage.run(ctx.obj, polls))
