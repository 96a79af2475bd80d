"""The small tools: doctor, clean, serve, the clients of the stores, mark."""

from typing import Annotated

import typer

from rig.cli.app import subcommand
from rig.cli.options import StackName


@subcommand()
def doctor() -> None:
    """Check what is installed, and print what is missing and how to get it."""
    from rig.cli import doctor as runner

    raise typer.Exit(runner.run())


@subcommand()
def clean() -> None:
    """Delete the rig's cache. It holds programs that were built or downloaded; they come again when needed."""
    from rig.cli import clean as runner

    raise typer.Exit(runner.run())


@subcommand()
def serve(
    ctx: typer.Context,
    instances: Annotated[int, typer.Option(min=1, max=9, help="Number of servers to run.")] = 1,
) -> None:
    """Run the server on a stack with demo people until Ctrl-C, and print curl lines to try."""
    from rig.runs import serve as runner

    raise typer.Exit(runner.run(ctx.obj, instances))


@subcommand(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def vk(
    command: Annotated[list[str] | None, typer.Argument(help="A Valkey command; a prompt when none.")] = None,
    stack: StackName = None,
) -> None:
    """Run a Valkey command in the running stack, or open a prompt."""
    from rig.cli import shells as runner

    raise typer.Exit(runner.valkey(command or [], stack))


@subcommand()
def sql(
    statement: Annotated[str | None, typer.Argument(help="An SQL statement; a prompt when none.")] = None,
    stack: StackName = None,
) -> None:
    """Run an SQL statement in the running stack, or open a prompt."""
    from rig.cli import shells as runner

    raise typer.Exit(runner.sql(statement, stack))


@subcommand()
def mark(ctx: typer.Context) -> None:
    """Mark a Postgres and a Valkey as scratch. A run with --scratch may then delete everything in them."""
    from rig.cli import mark as runner

    raise typer.Exit(runner.run(ctx.obj))
