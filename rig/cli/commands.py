"""The `rig` command: names, options and help of the subcommands; what each does lives in `rig.runs`.

Everything but typer is imported inside the commands, so that `rig --help` and a mistyped option answer at
once.
"""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

app = typer.Typer(
    name="rig",
    help="Verify an availability mirror: run its checklist, break its Valkey, measure its claims.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


class Command(TyperCommand):
    """A command of ours: a word that it would pass over is refused before it begins."""

    def invoke(self, ctx: Any) -> Any:
        from rig.cli.option_rules import refuse_unread

        ctx.obj = refuse_unread(str(self.name), ctx.params, typed(ctx))
        return super().invoke(ctx)


subcommand = partial(app.command, cls=Command)


def typed(ctx: typer.Context) -> dict[str, str]:
    """The parameters that stand on the command line, each as it is written there."""
    found = {}
    for one in ctx.command.params:
        source = ctx.get_parameter_source(str(one.name))
        if one.name is not None and source is not None and source.name == "COMMANDLINE":
            value = ctx.params[one.name]
            if one.param_type_name == "option":
                found[one.name] = max(one.secondary_opts if value is False else one.opts, key=len)
            else:
                found[one.name] = repr(value[0] if isinstance(value, list | tuple) else value)
    return found


def tell_version(wanted: bool) -> None:
    """The version, and the commit of a checkout; then the command is done."""
    if wanted:
        from rig.runs.common.provenance import rig_itself

        print(f"rig {rig_itself()}")
        raise typer.Exit()


@app.callback()
def before_any(
    version: Annotated[
        bool,
        typer.Option("--version", callback=tell_version, is_eager=True, help="Tell the version of the rig, and exit."),
    ] = False,
) -> None:
    pass


# Options that several commands share. None means "not given": the environment (RIG_*) or the default counts.
Mode = Annotated[str | None, typer.Option(help="Where services come from: embedded, docker or external.")]
PostgresUrl = Annotated[str | None, typer.Option("--postgres", help="URL of a scratch Postgres to use.")]
ValkeyUrl = Annotated[str | None, typer.Option("--valkey", help="URL of a scratch Valkey to use.")]
ToxiproxyUrl = Annotated[str | None, typer.Option("--toxiproxy", help="URL of a running Toxiproxy's API.")]
Scratch = Annotated[bool | None, typer.Option("--scratch", help="All in the external services may be emptied.")]
PostgresLog = Annotated[Path | None, typer.Option(help="Directory of an external Postgres' jsonlog files.")]
Sut = Annotated[str | None, typer.Option(help="Command of the server under test.")]
SutCwd = Annotated[Path | None, typer.Option(help="Directory in which it is started.")]
SutSetup = Annotated[str | None, typer.Option(help="Command run once a database before that: migrations.")]
SutPassEnv = Annotated[
    list[str] | None, typer.Option(help="Name of a variable of your shell that it gets besides; `*` for any letters.")
]
ReadyWithin = Annotated[float | None, typer.Option("--ready-within-s", help="Seconds that it has to get ready in.")]
RUNNING = "A server that runs already"
BaseUrl = Annotated[str | None, typer.Option(help="Its public URL: judge it as it is.", rich_help_panel=RUNNING)]
InternalUrl = Annotated[str | None, typer.Option(help="URL of its internal listener.", rich_help_panel=RUNNING)]
OtpCode = Annotated[str | None, typer.Option(help="Its OTP_DEV_CODE.", rich_help_panel=RUNNING)]
JwtSecret = Annotated[str | None, typer.Option(help="Its JWT_SECRET; else people sign in.", rich_help_panel=RUNNING)]
InternalToken = Annotated[str | None, typer.Option(help="Its INTERNAL_API_TOKEN.", rich_help_panel=RUNNING)]
SutLog = Annotated[Path | None, typer.Option(help="File that its output is appended to.", rich_help_panel=RUNNING)]
SutEnv = Annotated[
    list[str] | None, typer.Option(help="NAME=VALUE: a cadence it was started with.", rich_help_panel=RUNNING)
]
ToxiproxyProxy = Annotated[
    str | None, typer.Option(help="Name of the proxy between it and Valkey.", rich_help_panel=RUNNING)
]
SchemaFile = Annotated[Path | None, typer.Option("--schema", help="TOML file that maps a foreign schema.")]
Level = Annotated[str | None, typer.Option(help="Which promises count: contract or hardened.")]
StackName = Annotated[str | None, typer.Option("--stack", help="Which running stack, if there are several.")]
Reports = Annotated[Path | None, typer.Option(help="Directory of the run directories.")]
RandomSeed = Annotated[int | None, typer.Option(help="Replay the run of this random seed.")]
Strict = Annotated[bool | None, typer.Option("--strict", help="A pass with skips exits 2.")]
Label = Annotated[str | None, typer.Option(help="A name for what is judged (a version, a branch), for the reports.")]
Keep = Annotated[bool | None, typer.Option("--keep", help="Leave the stack running after a failure.")]


@subcommand()
def checklist(
    ctx: typer.Context,
    only: Annotated[
        list[str] | None, typer.Option(help="A box (C-07) or section (C); again or comma-separated for more.")
    ] = None,
    cadence: Annotated[str | None, typer.Option(help="fast (default), or written: the source's own numbers.")] = None,
    random_seed: RandomSeed = None,
    workers: Annotated[int | None, typer.Option(help="Stacks to run scenarios on side by side, at most.")] = None,
    keep: Keep = None,
    label: Label = None,
    strict: Strict = None,
    mode: Mode = None,
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
    base_url: BaseUrl = None,
    internal_url: InternalUrl = None,
    otp_code: OtpCode = None,
    jwt_secret: JwtSecret = None,
    internal_token: InternalToken = None,
    sut_log: SutLog = None,
    sut_env: SutEnv = None,
    toxiproxy_proxy: ToxiproxyProxy = None,
    reports: Reports = None,
    repeat: Annotated[int, typer.Option(min=1, max=1000, help="Runs in a row, each of another random seed.")] = 1,
) -> None:
    """Answer the checklist, Setup, A to K and Smoke, with evidence; the report's path comes last."""
    from rig.runs.checklist import repeat as repeated
    from rig.runs.checklist import run as runner

    if repeat > 1:
        raise typer.Exit(repeated.run(ctx.obj, only or [], repeat))
    raise typer.Exit(runner.run(ctx.obj, only or []))


@subcommand()
def chaos(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(help="Campaigns (all when none is named), or: random, matrix, shrink RUN.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Tell which campaigns there are, and run none.")] = False,
    faults_listed: Annotated[
        bool, typer.Option("--list-faults", help="Tell which faults there are, and run none.")
    ] = False,
    fault: Annotated[list[str] | None, typer.Option(help="A fault of the catalogue by itself, as a campaign.")] = None,
    profile: Annotated[str | None, typer.Option(help="A set of campaigns: ci or full.")] = None,
    schedule: Annotated[Path | None, typer.Option(help="A campaign kept as JSON, as `shrink` writes it.")] = None,
    minutes: Annotated[float, typer.Option(min=0.5, max=240, help="Length of a random campaign.")] = 2.0,
    only: Annotated[list[str] | None, typer.Option(help="Sections or boxes of the matrix (C, C-07).")] = None,
    classes: Annotated[
        list[str] | None, typer.Option("--class", help="A class of faults of the matrix; all when none is named.")
    ] = None,
    cadence: Annotated[str | None, typer.Option(help="Cadences of the matrix: fast (default) or written.")] = None,
    workers: Annotated[int | None, typer.Option(help="Stacks that the matrix runs scenarios on, at most.")] = None,
    fleet: Annotated[
        int, typer.Option(min=0, max=5000, help="Further mitras of a random campaign, who toggle every 11 s.")
    ] = 0,
    random_seed: RandomSeed = None,
    label: Label = None,
    strict: Strict = None,
    mode: Mode = None,
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


WHO = "Who comes, and how often"
HOW = "How it is measured"
LOCUST = "Locust"


@subcommand()
def load(
    ctx: typer.Context,
    mitras: Annotated[
        int, typer.Option(min=1, max=200_000, help="Mitras who are online and ping.", rich_help_panel=WHO)
    ] = 300,
    ping_every: Annotated[
        float, typer.Option(min=0.1, max=600, help="Seconds between two pings of a mitra.", rich_help_panel=WHO)
    ] = 30.0,
    customers: Annotated[
        int, typer.Option(min=0, max=100_000, help="Customers who poll the beacon every 5 s.", rich_help_panel=WHO)
    ] = 100,
    storm: Annotated[
        float, typer.Option(min=0, max=20_000, help="Polls a second at a storm's height.", rich_help_panel=WHO)
    ] = 150.0,
    storm_shape: Annotated[
        str, typer.Option(help="ramp, spike, square (wave) or sustained.", rich_help_panel=WHO)
    ] = "square",
    togglers: Annotated[
        int, typer.Option(min=0, max=1000, help="Further mitras who come and go.", rich_help_panel=WHO)
    ] = 4,
    chats: Annotated[
        int, typer.Option(min=0, max=100, help="Customers who pay, every 8 s each.", rich_help_panel=WHO)
    ] = 2,
    seconds: Annotated[
        float, typer.Option(min=5, max=7200, help="Length of the measured window.", rich_help_panel=HOW)
    ] = 70.0,
    warm_up: Annotated[float, typer.Option(min=0, max=600, help="Seconds before it.", rich_help_panel=HOW)] = 5.0,
    baseline: Annotated[
        bool, typer.Option(help="The same load, at the same time, on a server without a mirror.", rich_help_panel=HOW)
    ] = True,
    witness: Annotated[
        bool, typer.Option(help="Hold the ledger against Postgres' table counters: 23 s more.", rich_help_panel=HOW)
    ] = True,
    blocks: Annotated[
        int, typer.Option(min=0, max=50, help="Blocks of 2.5 s in which each arm is alone.", rich_help_panel=HOW)
    ] = 4,
    instances: Annotated[int, typer.Option(min=1, max=3, help="Servers an arm.", rich_help_panel=HOW)] = 1,
    threshold: Annotated[
        list[str] | None,
        typer.Option(help="A limit of your own: 'ping: p(95)<200', 'failed: rate<0.01'.", rich_help_panel=HOW),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Processes that send.", rich_help_panel=LOCUST)] = 1,
    load_workers: Annotated[
        int,
        typer.Option("--workers", min=0, max=64, help="Workers of a master, on this machine.", rich_help_panel=LOCUST),
    ] = 0,
    expect_workers: Annotated[
        int, typer.Option(min=0, max=500, help="Workers on other machines that are waited for.", rich_help_panel=LOCUST)
    ] = 0,
    bind: Annotated[
        str, typer.Option(help="Address at which the master waits for them.", rich_help_panel=LOCUST)
    ] = "127.0.0.1",
    web: Annotated[
        bool, typer.Option("--web", help="Start from Locust's web UI; judged when it is left.", rich_help_panel=LOCUST)
    ] = False,
    web_port: Annotated[int, typer.Option(min=1, max=65535, rich_help_panel=LOCUST)] = 8089,
    scale: Annotated[
        bool, typer.Option("--scale", help="Growth instead: what each operation takes of 300 to 100,000 mitras.")
    ] = False,
    sizes: Annotated[str | None, typer.Option(help="Sizes for --scale, a comma between: 300,1000.")] = None,
    random_seed: RandomSeed = None,
    label: Label = None,
    strict: Strict = None,
    mode: Mode = None,
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


BOUNDS = "How far it explores"


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


@subcommand()
def recheck(
    ctx: typer.Context,
    run: Annotated[
        str,
        typer.Argument(
            help="A run directory, its name below the reports (say: latest), or an archive: FILE.zip, FILE.zip/RUN."
        ),
    ],
    reports: Reports = None,
) -> None:
    """Judge a saved run again, from its files alone, and render its reports anew."""
    from rig.runs import recheck as runner

    raise typer.Exit(runner.run(ctx.obj, run))


@subcommand()
def compare(
    ctx: typer.Context,
    before: Annotated[
        str, typer.Argument(help="A run directory, its name below the reports, or an archive: FILE.zip, FILE.zip/RUN.")
    ],
    after: Annotated[str, typer.Argument(help="The run to hold against it (say: latest).")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for a script.")] = False,
    reports: Reports = None,
) -> None:
    """Tell what changed between two runs: verdicts, times, statement counts; exit 1 when a verdict got worse, or vanished."""
    from rig.results import compare as runner

    raise typer.Exit(runner.run(ctx.obj, before, after, as_json))


@subcommand()
def doctor() -> None:
    """Tell what is there, what is missing and what to do about it."""
    from rig.cli import doctor as runner

    raise typer.Exit(runner.run())


@subcommand()
def clean() -> None:
    """Empty the rig's cache: programs that were built or fetched once, and come again when they are needed."""
    from rig.cli import clean as runner

    raise typer.Exit(runner.run())


@subcommand()
def serve(
    ctx: typer.Context,
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
    instances: Annotated[int, typer.Option(min=1, max=9, help="How many servers to run.")] = 1,
) -> None:
    """Run the server on a stack with demo people in it, until Ctrl-C; prints curl lines to try."""
    from rig.runs import serve as runner

    raise typer.Exit(runner.run(ctx.obj, instances))


@subcommand(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def vk(
    command: Annotated[list[str] | None, typer.Argument(help="A Valkey command; none: a prompt.")] = None,
    stack: StackName = None,
) -> None:
    """Run a Valkey command in the running stack, or open a prompt into it."""
    from rig.cli import shells as runner

    raise typer.Exit(runner.valkey(command or [], stack))


@subcommand()
def sql(
    statement: Annotated[str | None, typer.Argument(help="An SQL statement; none: a prompt.")] = None,
    stack: StackName = None,
) -> None:
    """Run an SQL statement in the running stack, or open a prompt into it."""
    from rig.cli import shells as runner

    raise typer.Exit(runner.sql(statement, stack))


@subcommand()
def mark(ctx: typer.Context, postgres: PostgresUrl = None, valkey: ValkeyUrl = None) -> None:
    """Mark an external Postgres and Valkey as scratch: the rig may then empty them when told --scratch."""
    from rig.cli import mark as runner

    raise typer.Exit(runner.run(ctx.obj))


def main() -> None:
    """The console script: usage errors exit 4, as they would be mistaken for an inconclusive run (2) else."""
    from rig import caller
    from rig.cli.main import run

    with caller.settled():
        run(app)
