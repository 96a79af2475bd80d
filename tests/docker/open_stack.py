"""A rig of its own process that opens a Docker stack, says so and waits to be killed: `open_stack.py LOGS`."""

import sys
from pathlib import Path

from rig.stack import StackSpec, Supervisor, open_stack

if __name__ == "__main__":
    with Supervisor.start() as supervisor:
        with open_stack(StackSpec(logs=Path(sys.argv[1]), mode="docker"), supervisor):
            print(supervisor.base, flush=True)
            sys.stdin.read()
