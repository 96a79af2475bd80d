"""What campaigns and load runs do alike with what goes wrong: every end of the course becomes a line of the record."""

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rig.contract import LINE_MARKS
from rig.faults import Unconfirmed, Unhealed
from rig.observe import ServerLog
from rig.record import RecordWriter
from rig.record.lines.common import Broken, Exited, Weakness
from rig.record.lines.common import ServerLog as ServerLogLines
from rig.stack import ServerInstance


class HasServers(Protocol):
    """Whatever runs servers and writes a record: a test bed, or one arm of a load."""

    @property
    def servers(self) -> dict[str, ServerInstance]: ...

    @property
    def recorder(self) -> RecordWriter: ...

    def log(self, name: str) -> ServerLog: ...


class Exits:
    """Looks after servers: one that has been ready and then leaves by itself is recorded, once."""

    def __init__(self, bench: HasServers) -> None:
        self._bench = bench
        self._noted: set[str] = set()
        self.expected: set[str] = set()  # whom a fault has ended

    def note(self) -> bool:
        """Whether a server is gone."""
        for name, server in list(self._bench.servers.items()):
            if server.ready and not server.running and name not in self._noted | self.expected:
                self._noted.add(name)
                tail = "; ".join(text for _, text in self._bench.log(name).lines()[-3:])
                text = f"server {name} exited by itself ({server.exit_code}): {tail}"
                self._bench.recorder.add(Exited(t=time.time(), instance=name, text=text))
        return bool(self._noted)


@contextmanager
def rescued(recorder: RecordWriter, exits: Exits | None = None) -> Iterator[None]:
    """An exception ends the course but not the run: it is recorded, by whose fault it was, and judged with the rest."""
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


def keep_logs(bench: HasServers, arm: str = "") -> None:
    """The lines that checks look for, of every instance, as one record line each; `arm`: of a load, its name."""
    for name, server in bench.servers.items():
        lines = [(at, text) for at, text in bench.log(name).lines() if any(mark in text for mark in LINE_MARKS)]
        source = f"logs/{server.log.name}"
        bench.recorder.add(ServerLogLines(t=time.time(), instance=name, source=source, lines=lines, arm=arm))
