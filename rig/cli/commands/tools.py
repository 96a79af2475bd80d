"""The small tools: doctor, clean, serve, store shells, mark."""

from typing import Annotated

import typer

from rig.cli.app import subcommand
from rig.cli.options import (
    Mode,
    PostgresUrl,
    PostgresWheel,
    ReadyWithin,
    SchemaFile,
    Scratch,
    StackName,
    Sut,
    SutCwd,
    SutPassEnv,
    SutSetup,
    ToxiproxyUrl,
    ValkeyUrl,
    ValkeyWheel,
)


@subcommand()
def doctor(ctx: typer.Context, postgres_wheel: PostgresWheel = None, valkey_wheel: ValkeyWheel = None) -> None:
    """Tell what is there, what is missing and what to do about it; try the wheel that an option names."""
    from rig.cli import doctor as runner

    raise typer.Exit(runner.run(ctx.obj))


@subcommand()
def clean() -> None:
    """Empty the rig's cache: programs that were built or fetched once, and come again when they are needed."""
    from rig.cli import clean as runner

    raise typer.Exit(runner.run())


@subcommand()
def serve(
    ctx: typer.Context,
    mode: Mode = None,
    postgres_wheel: PostgresWheel = None,
    valkey_wheel: ValkeyWheel = None,
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
