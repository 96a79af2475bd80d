"""`python -m server`: read the environment before anything heavy is imported, then serve until a signal."""

import os
import sys

from server import streams
from server.config import ConfigError, Settings


def main() -> int:
    """The exit code: 0 after an orderly stop, 1 with one line on standard error when it can't start."""
    streams.install()
    try:
        settings = Settings.from_env(os.environ)
    except ConfigError as error:
        return _refuse(str(error))
    import uvloop

    from server.app import StartError, run
    from server.resolver import Loop

    try:
        uvloop.run(run(settings), loop_factory=Loop)
    except StartError as error:
        return _refuse(str(error))
    return 0


def _refuse(reason: str) -> int:
    sys.stderr.write(f"server: {reason}\n")
    sys.stderr.flush()
    return 1


if __name__ == "__main__":
    sys.exit(main())
