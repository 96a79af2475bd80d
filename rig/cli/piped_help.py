"""Help as plain text where standard output is not a terminal: one line per option, without boxes or wrapping."""

import sys
from typing import Any

WIDE = 10_000  # columns: no line is as long


class PipedHelp:
    """A mixin for commands of typer."""

    def format_help(self: Any, ctx: Any, formatter: Any) -> None:
        if sys.stdout.isatty():
            super().format_help(ctx, formatter)  # type: ignore[misc]
            return
        formatter.width = WIDE
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        for title, rows in panels(self, ctx).items():
            with formatter.section(title):
                formatter.write_dl(rows, col_max=WIDE)
        if hasattr(self, "format_commands"):
            self.format_commands(ctx, formatter)

    def get_help_option_names(self, ctx: Any) -> list[str]:
        return list(ctx.help_option_names)  # in the order in which they are declared


def panels(command: Any, ctx: Any) -> dict[str, list[tuple[str, str]]]:
    """Option or argument and its help, by the title of its panel."""
    found: dict[str, list[tuple[str, str]]] = {}
    for one in command.get_params(ctx):
        if (row := one.get_help_record(ctx)) is not None:
            title = getattr(one, "rich_help_panel", None) or f"{one.param_type_name.capitalize()}s"
            found.setdefault(title, []).append(row)
    return found
