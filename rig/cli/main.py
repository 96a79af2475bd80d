"""How the `rig` command ends: every error as one message, every way out with the exit code of its kind."""

import signal
import sys
import traceback
from errno import EACCES, EDQUOT, ENOSPC, EROFS
from typing import NoReturn

import typer
from typer import echo

# Typer brings its own copy of click, and of its errors it exports BadParameter but not what all misuse is.
from typer._click.exceptions import UsageError as Misuse

from rig.cli.output import outlive_readers

# Kept apart from `rig.record` so that a mistyped option need not load it; a test holds the two together.
EXIT_BROKEN = 3
EXIT_USAGE = 4
EXIT_INTERRUPTED = 130


def run(app: typer.Typer) -> NoReturn:
    """Run the command line and exit: a misuse with 4, a broken stack with 3, an interruption with 130.

    Nobody has to read what it prints: that changes none of these.
    """
    outlive_readers()
    signal.signal(signal.SIGTERM, interrupted)
    try:
        code = app(standalone_mode=False, prog_name="rig")
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except Misuse as error:
        error.show()
        code = EXIT_USAGE
    except Exception as error:
        code = code_of(error)
        if code is None:  # a defect of the rig: never the 1 that blames the server
            traceback.print_exc()
            code = EXIT_BROKEN
        else:
            echo(f"rig: {error}", err=True)
    sys.exit(code or 0)


def interrupted(*_: object) -> NoReturn:
    """SIGTERM is an interruption like Ctrl-C: context managers get to tidy."""
    raise KeyboardInterrupt


def code_of(error: Exception) -> int | None:
    """The exit code of an error that speaks for itself; None for one that needs its traceback."""
    from rig.config import ConfigError
    from rig.errors import UsageError
    from rig.fixtures import SchemaMismatch
    from rig.stack.errors import SpecError, StackError
    from rig.stores import Lacks

    if isinstance(error, ConfigError | SpecError | UsageError):
        return EXIT_USAGE
    return EXIT_BROKEN if isinstance(error, StackError | SchemaMismatch | Lacks) or no_room(error) else None


def no_room(error: Exception) -> bool:
    """A disk that is full or not ours to write, which says all in one line."""
    return isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT, EROFS, EACCES)
