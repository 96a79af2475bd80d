"""`python -m rig.cli.child WORDS`: the `rig` command as a child of another rig. It stops when its parent has ended.

Its standard input is a pipe that nobody writes to. End of file means that the parent closed it or died.
"""

import os
import signal
import threading

from rig.cli.commands import main


def watch(lifeline: int = 0) -> None:
    """Wait for end of file on this descriptor, then interrupt this process."""
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)  # like Ctrl-C


if __name__ == "__main__":
    threading.Thread(target=watch, daemon=True).start()
    main()
