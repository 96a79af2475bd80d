"""The options of the command line that are settings, made from `rig.setting_fields`; and those that commands share."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from rig.cli import completion
from rig.cli.ways import WAYS
from rig.setting_fields import FIELDS, Field

Failed = Annotated[
    bool, typer.Option("--failed", help="Run only what failed, was inconclusive or broken in the last run.")
]


def with_settings(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each setting that the command of this function reads (`rig.cli.ways`).

    The function does not get these values: `ctx.obj` holds the settings.
    """
    own = inspect.signature(function, eval_str=True).parameters
    read = frozenset[str]().union(*(way.reads for way in WAYS[function.__name__]))
    more = [parameter(field) for name, field in FIELDS.items() if name in read]

    def command(**given: Any) -> Any:
        return function(**{name: value for name, value in given.items() if name in own})

    every = [*(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own.values()), *more]
    command.__name__, command.__doc__ = function.__name__, function.__doc__
    command.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in every}
    return command


def parameter(field: Field) -> inspect.Parameter:
    """The option of one setting. Its default is None, which means that it was not given."""
    kind: Any = list[str] if field.help.many else field.type
    option = typer.Option(
        field.flag,
        *field.help.aliases,
        help=f"{field.help.text} Default: {field.default}." if field.default else field.help.text,
        metavar="|".join(field.choices) or ("<str>" if field.help.many else None),
        rich_help_panel=field.help.panel,
        autocompletion=completion.of_setting(field),
    )
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )
