"""`python -m rig.cli.child WORDS`: the `rig` command, which ends in order once the rig that started it has gone.

Its standard input is a pipe that nobody writes to: end of file means that the other end was closed, or died.
"""

import os
import signal
import threading

from rig.cli.commands import main


def watch(lifeline: int = 0) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)  # an interruption, like Ctrl-C


if __name__ == "__main__":
    threading.Thread(target=watch, daemon=True).start()
    main()
