"""A manual session: `rig serve`, and the commands that act on it or look into it while it runs."""

from enum import StrEnum
from typing import Annotated

import typer

from rig.cli.app import subcommand

VARIABLES = (
    "MITRA_AUTO_OFFLINE_SWEEP_SECONDS, HEARTBEAT_MIRROR_INTERVAL_SECONDS, VALKEY_ONLINE_MIRROR_SWEEP_SECONDS,"
    " GOODBYE_WINDOW_SECONDS, ACCESS_TOKEN_TTL_SECONDS or AVAILABILITY_MIRROR"
)
Instance = Annotated[str | None, typer.Argument(help="Which server: a, b, ...; all when none is named.")]
Instances = Annotated[list[str] | None, typer.Option("--instance", help="Only this server's lines: a, b, ...")]
Count = Annotated[int | None, typer.Option("--lines", min=0, help="How many of the last lines; 20 without --since.")]
Follow = Annotated[bool, typer.Option("--follow", help="Go on with new lines until Ctrl-C.")]
Since = Annotated[
    str | None, typer.Option(help="From then on: a time ago (30s, 5m, 2h), or epoch seconds as `date +%s` prints them.")
]
Until = Annotated[
    str | None, typer.Option(help="Wait for a line with this text and stop there; without --since, for one to come.")
]
WithinS = Annotated[float | None, typer.Option(min=0, help="Seconds to wait for it (30); then the exit code is 1.")]


class ValkeyAction(StrEnum):
    """What can be done to Valkey."""

    stop = "stop"
    start = "start"
    flush = "flush"
    cut = "cut"
    heal = "heal"


class ServerAction(StrEnum):
    """What can be done to a server."""

    restart = "restart"
    stop = "stop"
    start = "start"


@subcommand()
def serve(
    ctx: typer.Context,
    instances: Annotated[int, typer.Option(min=1, max=9, help="How many servers to run.")] = 1,
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65534,
            help="Public port of server a; its internal one is the next, server b has the two after it.",
        ),
    ] = None,
    env: Annotated[
        list[str] | None, typer.Option(help=f"NAME=VALUE for every server: {VARIABLES}; your shell's count, too.")
    ] = None,
    config: Annotated[
        list[str] | None, typer.Option(help="KEY=NUMBER in app_config: max_customers_per_mitra or stale_after_seconds.")
    ] = None,
) -> None:
    """Run servers on a stack with people in it, until Ctrl-C; prints curl lines to try."""
    from rig.runs.manual import serve as runner
    from rig.runs.manual.options import ServeOptions

    raise typer.Exit(runner.run(ctx.obj, ServeOptions.of(instances, port, env or [], config or [])))


@subcommand()
def valkey(
    ctx: typer.Context,
    action: Annotated[ValkeyAction, typer.Argument(help="cut: the proxy refuses; heal: it works again.")],
    instance: Annotated[str | None, typer.Argument(help="cut or heal this server only: a, b, ...")] = None,
) -> None:
    """Stop, start or empty the Valkey of the running session, or cut servers off from it."""
    from rig.runs.manual import client as runner

    raise typer.Exit(runner.run(ctx.obj.session, {"what": "valkey", "action": action.value, "instance": instance}))


@subcommand()
def server(
    ctx: typer.Context,
    action: Annotated[ServerAction, typer.Argument(help="What to do.")],
    instance: Instance = None,
    env: Annotated[
        list[str] | None,
        typer.Option(help=f"NAME=VALUE from this start on: {VARIABLES}; an empty value is that of `rig serve` again."),
    ] = None,
) -> None:
    """Restart, stop or start servers of the running session, with other cadences if wanted."""
    from rig.runs.manual import client as runner

    request = {"what": "server", "action": action.value, "instance": instance, "env": env or []}
    raise typer.Exit(runner.run(ctx.obj.session, request))


@subcommand()
def log(
    ctx: typer.Context,
    instance: Instances = None,
    lines: Count = None,
    since: Since = None,
    follow: Follow = False,
    until: Until = None,
    within_s: WithinS = None,
) -> None:
    """Print what the servers of the running session log, with times in UTC."""
    from rig.runs.manual import lines as runner

    wanted = runner.Wanted.of(since, lines, follow, until, within_s)
    raise typer.Exit(runner.run(ctx.obj.session, runner.LOG, instance or [], wanted))


@subcommand()
def statements(
    ctx: typer.Context,
    instance: Instances = None,
    lines: Count = None,
    since: Since = None,
    follow: Follow = False,
    until: Until = None,
    within_s: WithinS = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Transactions, the driver's and the rig's own statements too.")
    ] = False,
) -> None:
    """Print the query log of the running session: each statement behind its time and the server that sent it."""
    from rig.runs.manual import lines as runner

    wanted = runner.Wanted.of(since, lines, follow, until, within_s)
    raise typer.Exit(runner.run(ctx.obj.session, runner.STATEMENTS, instance or [], wanted, everything=everything))


@subcommand()
def env(ctx: typer.Context) -> None:
    """Print addresses, fresh tokens and ids of the running session for a shell: eval "$(rig env)"."""
    from rig.runs.manual import client as runner

    raise typer.Exit(runner.run(ctx.obj.session, {"what": "env"}))


@subcommand()
def tour(
    ctx: typer.Context,
    sections: Annotated[
        list[str] | None, typer.Argument(help="Setup, or a letter from A to K; all that the session can do when none.")
    ] = None,
    printed: Annotated[bool, typer.Option("--print", help="Print the steps and do none.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Go on by itself, without waiting for Enter.")] = False,
) -> None:
    """Go through the checklist by hand on the running session: each command, what to look at, and why."""
    from rig.runs.manual import tour as runner

    if printed:
        raise typer.Exit(runner.print_steps(sections or []))
    raise typer.Exit(runner.run(ctx.obj.session, sections or [], yes=yes))
