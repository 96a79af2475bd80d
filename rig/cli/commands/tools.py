"""The small tools: doctor, clean, the clients of the stores, mark."""

from typing import Annotated

import typer

from rig.cli.app import subcommand


@subcommand()
def doctor(ctx: typer.Context) -> None:
    """Check what is installed, and print what is missing and how to get it."""
    from rig.cli import doctor as runner

    raise typer.Exit(runner.run(ctx.obj))


@subcommand()
def clean() -> None:
    """Delete the rig's cache. It holds programs that were built or downloaded; they come again when needed."""
    from rig.cli import clean as runner

    raise typer.Exit(runner.run())


@subcommand(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def vk(
    ctx: typer.Context,
    command: Annotated[list[str] | None, typer.Argument(help="A Valkey command; a prompt when none.")] = None,
) -> None:
    """Run a Valkey command in the running stack, or open a prompt."""
    from rig.cli import shells as runner

    raise typer.Exit(runner.valkey(command or [], ctx.obj.session))


@subcommand()
def sql(
    ctx: typer.Context,
    statement: Annotated[str | None, typer.Argument(help="An SQL statement; a prompt when none.")] = None,
) -> None:
    """Run an SQL statement in the running stack, or open a prompt."""
    from rig.cli import shells as runner

    raise typer.Exit(runner.sql(statement, ctx.obj.session))


@subcommand()
def mark(ctx: typer.Context) -> None:
    """Mark a Postgres and a Valkey as scratch. A run with --scratch may then delete everything in them."""
    from rig.cli import mark as runner

    raise typer.Exit(runner.run(ctx.obj))
