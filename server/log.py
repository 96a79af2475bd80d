"""Plain log lines on standard output, written at once. Logging never waits for a reader (server/streams.py)."""

import sys
import traceback


def log(text: str) -> None:
    r"""Write one line; line breaks inside `text` are shown as `\n`, so that no value can forge a line."""
    line = text.replace("\r", "\\r").replace("\n", "\\n")
    sys.stdout.write(f"{line}\n")


def log_defect(where: str, error: BaseException) -> None:
    """Write a line for an unexpected error, with its traceback on standard error."""
    log(f"[{where}] defect: {type(error).__name__}: {error}")
    traceback.print_exception(error, file=sys.stderr)
