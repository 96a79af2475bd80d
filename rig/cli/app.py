"""The `rig` command: its group, its version, and how a command of ours is declared. `rig.runs` has what they do.

Everything but typer is imported inside the commands, so that `rig --help` and a mistyped option answer at once.
"""

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer import echo
from typer.core import TyperCommand, TyperGroup

from rig.cli.options import with_settings
from rig.cli.piped_help import PipedHelp
from rig.errors import suggestion


class Group(PipedHelp, TyperGroup):
    """The group of all commands. It suggests a command for a mistyped name."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        if found is None and not ctx.resilient_parsing and not cmd_name.startswith("-"):
            ctx.fail(f"No such command {cmd_name!r}{suggestion(cmd_name, self.list_commands(ctx))}")
        return found


class Command(PipedHelp, TyperCommand):
    """A command of ours. It refuses words that it would ignore, before it does anything."""

    def invoke(self, ctx: Any) -> Any:
        from rig.cli.option_rules import refuse_unread

        settings = ctx.obj = refuse_unread(str(self.name), ctx.params, typed(ctx))
        if not settings.quiet:
            return super().invoke(ctx)
        from rig.terminal import results_only  # here, as it imports rich

        with results_only():
            return super().invoke(ctx)


app = typer.Typer(
    name="rig",
    help="Verify a mirror of availability: run its checklist, inject faults, measure its load.",
    cls=Group,
    suggest_commands=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def subcommand(**more: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a command by its function. It gets an option for each setting that the command reads."""

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        app.command(cls=Command, **more)(with_settings(function))
        return function

    return declare


def typed(ctx: typer.Context) -> dict[str, str]:
    """The parameters that were given on the command line, each as the user wrote it."""
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


def print_version(wanted: bool) -> None:
    """Print the version, and the commit of a checkout, then exit."""
    if wanted:
        from rig.runs.common.provenance import rig_itself

        echo(f"rig {rig_itself()}")
        raise typer.Exit()


@app.callback()
def before_any(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=print_version, is_eager=True, help="Print the version of the rig, then exit."
        ),
    ] = False,
) -> None:
    pass
