"""Waiting until a service that was just launched answers."""

from collections.abc import Callable
from pathlib import Path

from rig.stack.errors import StackError, tail
from rig.stack.processes.process import Running
from rig.waiting import NotYet, WaitTimeout, wait_until

LOOK_EVERY_S = 0.01


def await_start(name: str, process: Running, log: Path, answers: Callable[[], bool], within_s: float) -> None:
    """Return once `answers` is true; it may raise NotYet to say why not.

    StackError shows the log's end, when the process exits before or the time is up.
    """

    def started() -> bool:
        try:
            if answers():
                return True
            seen = "no answer"
        except NotYet as reason:
            seen = str(reason)
        if (code := process.poll()) is not None:
            raise StackError(f"{name} exited with code {code} at its start ({log}):\n{tail(log)}")
        raise NotYet(seen)

    try:
        wait_until(started, within_s, f"{name} to answer", every_s=LOOK_EVERY_S)
    except WaitTimeout as late:
        raise StackError(f"{late} ({log}):\n{tail(log)}") from None
