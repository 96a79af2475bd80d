"""How the `rig` command ends: each error is printed as one line, and each kind of end has its exit code."""

import re
import signal
import sys
import traceback
from errno import EACCES, EDQUOT, ENOSPC, EROFS
from typing import NoReturn

import typer
from typer import echo

# Typer brings its own copy of click and does not export the base class of its usage errors.
from typer._click.exceptions import NoArgsIsHelpError, NoSuchOption
from typer._click.exceptions import UsageError as Misuse

from rig.cli.output import outlive_readers
from rig.errors import suggestion

# Not imported from `rig.record`, so that a mistyped option need not load it. A test compares the two.
EXIT_BROKEN = 3
EXIT_USAGE = 4
EXIT_INTERRUPTED = 130


def run(app: typer.Typer) -> NoReturn:
    """Run the command line and exit: with 4 after a usage error, 3 when the stack is broken, 130 when interrupted.

    The exit code does not change when nobody reads the output.
    """
    outlive_readers()
    signal.signal(signal.SIGTERM, interrupted)
    try:
        code = app(standalone_mode=False, prog_name="rig")
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except Misuse as error:
        code = EXIT_USAGE
        if isinstance(error, NoArgsIsHelpError):
            error.show()
        else:
            echo(f"rig: {one_line(error)}", err=True)
    except Exception as error:
        code = code_of(error)
        if code is None:  # a defect of the rig: never exit code 1, which blames the server
            traceback.print_exc()
            code = EXIT_BROKEN
        else:
            echo(f"rig: {error}", err=True)
    sys.exit(code or 0)


def interrupted(*_: object) -> NoReturn:
    """Treat SIGTERM like Ctrl-C, so that context managers clean up."""
    raise KeyboardInterrupt


def one_line(error: Misuse) -> str:
    """What is wrong, the nearest name for a mistyped one, and which help to read."""
    text = error.message if isinstance(error, NoSuchOption) else error.format_message()
    text = " ".join(text.replace("Value error, ", "").split()).rstrip(".")
    if isinstance(error, NoSuchOption) and error.ctx is not None:
        text += suggestion(error.option_name, [name for one in error.ctx.command.params for name in one.opts])
    elif typed := re.search(r"'([^']*)' is not one of (.*)", text):
        text += suggestion(typed[1], re.findall(r"'([^']*)'", typed[2]))
    command = error.ctx.command_path if error.ctx else "rig"
    return f"{text}: see `{command} --help`"


def code_of(error: Exception) -> int | None:
    """The exit code of an error that explains itself; None for one that needs its traceback."""
    from rig.errors import UsageError
    from rig.fixtures import SchemaMismatch
    from rig.stack.errors import SpecError, StackError
    from rig.stores import Lacks

    if isinstance(error, SpecError | UsageError):
        return EXIT_USAGE
    return EXIT_BROKEN if isinstance(error, StackError | SchemaMismatch | Lacks) or no_room(error) else None


def no_room(error: Exception) -> bool:
    """Whether the disk is full or cannot be written. Such an error explains itself."""
    return isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT, EROFS, EACCES)
