"""Plain log lines on standard output, at once: they are read within a second of the event. None waits for a reader."""

import sys
import traceback


def log(text: str) -> None:
    r"""Write one line; line breaks inside `text` are shown as `\n`, so that no value can forge a line."""
    line = text.replace("\r", "\\r").replace("\n", "\\n")
    sys.stdout.write(f"{line}\n")  # server/streams.py


def log_defect(where: str, error: BaseException) -> None:
    """Write the line of an error nobody expected, with its traceback on standard error."""
    log(f"[{where}] defect: {type(error).__name__}: {error}")
    traceback.print_exception(error, file=sys.stderr)
