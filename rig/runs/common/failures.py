"""What goes wrong in a run becomes a line of its record: exceptions, servers that exit, their log lines."""

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from rig.contract import LINE_MARKS
from rig.environment.observed_stack import ObservedStack
from rig.faults import Unconfirmed, Unhealed
from rig.record import RecordWriter
from rig.record.lines.common import Broken, Exited, Weakness
from rig.record.lines.common import ServerLog as ServerLogLines


class Exits:
    """Records, once each, servers that were ready and then exited by themselves."""

    def __init__(self, testbed: ObservedStack) -> None:
        self._testbed = testbed
        self._noted: set[str] = set()
        self.expected: set[str] = set()  # names of servers that a fault has ended

    def note(self) -> bool:
        """Whether a server is gone."""
        for server in self._testbed.exited():
            if server.name not in self._noted | self.expected:
                self._noted.add(server.name)
                text = self._testbed.crash_message(server)
                self._testbed.recorder.add(Exited(t=time.time(), instance=server.name, text=text))
        return bool(self._noted)


@contextmanager
def rescued(recorder: RecordWriter, exits: Exits | None = None) -> Iterator[None]:
    """Record an exception of the block instead of raising it, so that the run is judged.

    With `exits`, an exception that follows the exit of a server is that server's failure. Otherwise the rig is broken.
    """
    try:
        yield
    except (Unconfirmed, Unhealed) as doubt:
        recorder.add(Weakness(t=time.time(), text=str(doubt)))
    except Exception as error:
        if exits is not None and exits.note():
            return
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{last.filename.rpartition('/')[2]}:{last.lineno}"
        recorder.add(
            Broken(t=time.time(), text=f"{type(error).__name__}: {error} ({where})", traceback=traceback.format_exc())
        )


def keep_logs(testbed: ObservedStack, arm: str = "") -> None:
    """Record, for each instance, those lines of its log that checks look for. `arm`: the arm's name in a load."""
    for name, server in testbed.servers.items():
        lines = [(at, text) for at, text in testbed.log(name).lines() if any(mark in text for mark in LINE_MARKS)]
        source = f"logs/{server.log.name}"
        testbed.recorder.add(ServerLogLines(t=time.time(), instance=name, source=source, lines=lines, arm=arm))
