"""`--keep`: after a failure a process holds its stack until the user, by Ctrl-C, has seen enough."""

import os
import time

from typer import echo

from rig.environment.running_stacks import announce, the_stack
from rig.environment.testbed import Testbed
from rig.record import RunDirectory
from rig.record.lines.common import Kept

RELEASE = "release"  # the file in the run directory by which the driver lets kept stacks go
LOOK_EVERY_S = 0.1


def hold(run: RunDirectory, testbed: Testbed, kind: str) -> None:
    """Leave the stack as it is until the driver says that the user has seen enough. `kind`: of run."""
    state_file = announce(testbed.stack, kind, testbed.schema)  # with the servers that run now
    testbed.recorder.add(Kept(t=time.time(), pid=os.getpid()))
    try:
        while not (run.path / RELEASE).exists():
            time.sleep(LOOK_EVERY_S)
    finally:
        state_file.unlink(missing_ok=True)


def tell_kept(pid: int) -> None:
    """Print where the stack is that this process holds."""
    stack = the_stack(str(pid))
    echo(f"kept after a failure: Postgres {stack['postgres']['url']}  Valkey {stack['valkey']['url']}")
    for name, server in stack["servers"].items():
        log = f"  log {server['log']}" if "log" in server else ""
        echo(f"  backend {name}: public {server['public_url']}  internal {server['internal_url']}{log}")
    echo("`rig sql` and `rig vk` look into it; Ctrl-C ends it")
