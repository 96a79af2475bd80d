"""`rig load` and `rig bench`."""

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

WHO = "Who comes, and how often"
HOW = "How it is measured"
LOCUST = "Locust"
Mitras = Annotated[int, typer.Option(min=1, max=200_000, help="Mitras who are online and ping.", rich_help_panel=WHO)]
PingEvery = Annotated[
    float, typer.Option(min=0.1, max=600, help="Seconds between two pings of a mitra.", rich_help_panel=WHO)
]
Customers = Annotated[
    int, typer.Option(min=0, max=100_000, help="Customers who poll the beacon every 5 s.", rich_help_panel=WHO)
]
Storm = Annotated[
    float, typer.Option(min=0, max=20_000, help="Polls a second at a storm's height.", rich_help_panel=WHO)
]
StormShape = Annotated[str, typer.Option(help="ramp, spike, square (wave) or sustained.", rich_help_panel=WHO)]
Togglers = Annotated[int, typer.Option(min=0, max=1000, help="Further mitras who come and go.", rich_help_panel=WHO)]
Chats = Annotated[int, typer.Option(min=0, max=100, help="Customers who pay, every 8 s each.", rich_help_panel=WHO)]
Seconds = Annotated[float, typer.Option(min=5, max=7200, help="Length of the measured window.", rich_help_panel=HOW)]
WarmUp = Annotated[float, typer.Option(min=0, max=600, help="Seconds before it.", rich_help_panel=HOW)]
Baseline = Annotated[
    bool, typer.Option(help="The same load, at the same time, on a server without a mirror.", rich_help_panel=HOW)
]
Witness = Annotated[
    bool, typer.Option(help="Hold the ledger against Postgres' table counters: 23 s more.", rich_help_panel=HOW)
]
Blocks = Annotated[
    int, typer.Option(min=0, max=50, help="Blocks of 2.5 s in which each arm is alone.", rich_help_panel=HOW)
]
Instances = Annotated[int, typer.Option(min=1, max=3, help="Servers an arm.", rich_help_panel=HOW)]
Threshold = Annotated[
    list[str] | None,
    typer.Option(help="A limit of your own: 'ping: p(95)<200', 'failed: rate<0.01'.", rich_help_panel=HOW),
]
Processes = Annotated[int, typer.Option(min=1, max=64, help="Processes that send.", rich_help_panel=LOCUST)]
LoadWorkers = Annotated[
    int,
    typer.Option("--workers", min=0, max=64, help="Workers of a master, on this machine.", rich_help_panel=LOCUST),
]
ExpectWorkers = Annotated[
    int, typer.Option(min=0, max=500, help="Workers on other machines that are waited for.", rich_help_panel=LOCUST)
]
Bind = Annotated[str, typer.Option(help="Address at which the master waits for them.", rich_help_panel=LOCUST)]
Web = Annotated[
    bool, typer.Option("--web", help="Start from Locust's web UI; judged when it is left.", rich_help_panel=LOCUST)
]
WebPort = Annotated[int, typer.Option(min=1, max=65535, rich_help_panel=LOCUST)]
Scale = Annotated[
    bool, typer.Option("--scale", help="Growth instead: what each operation takes of 300 to 100,000 mitras.")
]
Sizes = Annotated[str | None, typer.Option(help="Sizes for --scale, a comma between: 300,1000.")]


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
    """Prove the offload claims by count: mitras at the written pace, a storm of polls, with the mirror and without it."""
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
    polls: Annotated[int, typer.Option(min=10, max=2000, help="Beacon polls a second.")] = 500,
    hot: Annotated[
        bool, typer.Option("--hot", help="Pings and polls in calm instead, beside a request that does nothing.")
    ] = False,
    fleet: Annotated[
        int | None, typer.Option(min=1000, max=200_000, help="The generator instead: so many mitras from one process.")
    ] = None,
    random_seed: RandomSeed = None,
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
) -> None:
    """Measure what a hang and a FLUSHDB cost under a storm of beacon polls, beside the outage."""
    from rig.runs.benchmark import hot_path, load_generator, outage

    if fleet is not None:
        raise typer.Exit(load_generator.run(ctx.obj, fleet))
    if hot:
        raise typer.Exit(hot_path.run(ctx.obj))
    raise typer.Exit(outage.run(ctx.obj, polls))
