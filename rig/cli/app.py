"""The `rig` command: names, options and help of the subcommands; what each does lives in `rig.runs`.

Everything but typer is imported inside the commands, so that `rig --help` and a mistyped option answer at
once.
"""

from functools import partial
from typing import Annotated, Any

import typer
from typer import echo
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

        echo(f"rig {rig_itself()}")
        raise typer.Exit()


@app.callback()
def before_any(
    version: Annotated[
        bool,
        typer.Option("--version", callback=tell_version, is_eager=True, help="Tell the version of the rig, and exit."),
    ] = False,
) -> None:
    pass
