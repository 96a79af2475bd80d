"""What counts beside the statement log in one arm of a load: table counters, Valkey's commands, rewrites of the snapshot, processors."""

import time
from collections.abc import Callable
from typing import Any, Self

from rig.fixtures.schema import CONTRACT_TABLES
from rig.observe.postgres.table_counters import TableCounters
from rig.observe.process.resource_usage import Usage, spent
from rig.observe.valkey.commandstats import CommandStats, Rewrites
from rig.record.lines import line_from
from rig.record.lines import load as lines
from rig.record.lines.base import Line
from rig.runs.load.arm import Arm
from rig.stores import Lacks

SNAPSHOT = "availability:snapshot"
Due = tuple[float, Callable[[], None]]


class Witnesses:
    """Each method that returns a function gives what to call when it is time; what it sees becomes a line of the record."""

    def __init__(self, arm: Arm) -> None:
        self.arm = arm
        self._usage = Usage(arm.pids())
        self._counters = TableCounters(arm.stack.postgres.observer_url, CONTRACT_TABLES, arm.schema.tables)
        self._commands = CommandStats(arm.stack.valkey.url) if arm.id == "on" else None
        self._rewrites: Rewrites | None = None
        self._missing = ""

    def __enter__(self) -> Self:
        if self.arm.id == "on":
            facts = self.arm.stack.valkey.facts
            try:
                facts.require("keyspace events")
                self._rewrites = Rewrites(self.arm.stack.valkey.url, SNAPSHOT, given=not facts.can("CONFIG SET"))
            except Lacks as lack:
                self._missing = str(lack)
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._rewrites, self._commands):
            if one is not None:
                one.close()

    def _record(self, kind: type[Line], **fields: object) -> None:
        self.arm.recorder.add(line_from(kind, fields))

    def usage(self) -> None:
        self._record(lines.Usage, arm=self.arm.id, processes=self._usage.read())

    def counters(self, name: str) -> Callable[[], None]:
        return lambda: self._record(lines.Counters, arm=self.arm.id, name=name, tables=self._counters.read())

    def commands(self, name: str) -> Callable[[], None]:
        def read() -> None:
            if self._commands is not None:
                counts = self._commands.read()
                self._record(lines.Commands, arm=self.arm.id, name=name, run_id=counts.run_id, commands=counts.calls)

        return read

    def block(self, span: dict[str, Any], logged: bool) -> list[Due]:
        """The log as this block wants it, and the processor time between its ends."""
        before: dict[str, Any] = {}

        def begin() -> None:
            self.arm.log_statements(logged)
            before.update(at=time.time(), used=self._usage.read())

        def end() -> None:
            self._record(
                lines.Block, arm=self.arm.id, name=span["name"], logged=logged, seconds=time.time() - before["at"],
                cpu_s=spent(before["used"], self._usage.read()),
            )  # fmt: skip

        return [(span["from"], begin), (span["to"] - 0.05, end)]

    def tell(self) -> None:
        """At the end: when the snapshot was written and deleted, or why that could not be seen."""
        if self._rewrites is None:
            if self._missing:
                self._record(lines.Rewrites, arm=self.arm.id, missing=self._missing)
            return
        try:
            self._rewrites.fence()
        except TimeoutError as lost:
            self._record(lines.Rewrites, arm=self.arm.id, missing=str(lost))
            return
        self._record(
            lines.Rewrites, arm=self.arm.id, events=[[event.at, event.name] for event in self._rewrites.events()]
        )
