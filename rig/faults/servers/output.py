"""What an instance prints is read by nobody: the pipe is full, and whoever prints into it without care stands still."""

import os
import select
import time
from contextlib import suppress

from rig.faults.base import FaultContext, Observation
from rig.faults.servers.processes import OfAServer
from rig.waiting import poll_until

FULL, ROOM, GONE = "full", "has room", "gone"
LINE = b"rig: nobody reads this" + b"." * 1000 + b"\n"
PIECES = (LINE, b"rig: nor this\n", b"\n")  # each for what the one before left
STAYS_S = 0.05  # a reader who was waiting takes what comes first, and stops then
FILLED_WITHIN_S = 2.0


class OutputUnread(OfAServer):
    """Its lines are found later, behind the time at which they were read: what asks when they came can't be judged.

    That is when a tick was skipped (INV-09), how soon a seed came (INV-15), what Postgres held at a seed (INV-22), and
    how soon a policy was cried out (INV-24).
    """

    name = "output unread"
    shows = "Nobody reads what an instance prints, and the pipe is full; in the end somebody goes on reading"
    down = False
    beyond = True
    exempt_checks = ("INV-09", "INV-15", "INV-22", "INV-24")

    def inject(self, context: FaultContext) -> None:
        for name in context.hit:
            context.servers[name].process.read_output(False)
            fill(context.servers[name].pid)

    def observe(self, context: FaultContext) -> Observation:
        observation = {}
        for name in context.hit:
            server = context.servers[name]
            observation[f"pipe of {name}"] = pipe(server.pid)
            observation[f"reader of {name}"] = "reads" if server.process.output_is_read else "stands still"
        return observation

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen in (FULL, "stands still") for seen in observation.values())

    def remove(self, context: FaultContext) -> None:
        for name in context.hit:
            if (process := context.servers[name].process) is not None:
                process.read_output(True)

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen in (ROOM, "reads") for seen in observation.values())


def fill(pid: int) -> None:
    """Write into its output as it would itself, until there is no room for a byte, and stays none."""
    out = os.open(f"/proc/{pid}/fd/1", os.O_WRONLY | os.O_NONBLOCK)

    def stays_full() -> bool:
        for piece in PIECES:
            with suppress(BlockingIOError):
                while True:
                    os.write(out, piece)
        time.sleep(STAYS_S)
        return pipe(pid) == FULL

    try:
        poll_until(stays_full, FILLED_WITHIN_S, every_s=0.0)
    finally:
        os.close(out)


def pipe(pid: int | None) -> str:
    """Whether one who writes to its output would have to wait."""
    try:
        out = os.open(f"/proc/{pid}/fd/1", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return GONE
    try:
        return ROOM if select.select([], [out], [], 0)[1] else FULL
    finally:
        os.close(out)
