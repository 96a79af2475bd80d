"""The small tools: doctor, clean, store shells, mark."""

from typing import Annotated

import typer

from rig.cli.app import subcommand
from rig.cli.options import PostgresUrl, Session, ValkeyUrl


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


@subcommand(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def vk(
    ctx: typer.Context,
    command: Annotated[list[str] | None, typer.Argument(help="A Valkey command; none: a prompt.")] = None,
    session: Session = None,
) -> None:
    """Run a Valkey command in the running stack, or open a prompt into it."""
    from rig.cli import shells as runner

    raise typer.Exit(runner.valkey(command or [], ctx.obj.session))


@subcommand()
def sql(
    ctx: typer.Context,
    statement: Annotated[str | None, typer.Argument(help="An SQL statement; none: a prompt.")] = None,
    session: Session = None,
) -> None:
    """Run an SQL statement in the running stack, or open a prompt into it."""
    from rig.cli import shells as runner

    raise typer.Exit(runner.sql(statement, ctx.obj.session))


@subcommand()
def mark(ctx: typer.Context, postgres: PostgresUrl = None, valkey: ValkeyUrl = None) -> None:
    """Mark an external Postgres and Valkey as scratch: the rig may then empty them when told --scratch."""
    from rig.cli import mark as runner

    raise typer.Exit(runner.run(ctx.obj))
