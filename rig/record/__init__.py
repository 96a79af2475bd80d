"""The saved run: what was observed, in plain data, before anything judges it."""

from rig.record.directory import RunDirectory, new_run, resolve_run
from rig.record.reader import Run
from rig.record.verdict import EXIT_USAGE, Verdict, exit_code, overall
from rig.record.writer import Recorder, RecordWriter

__all__ = [
    "EXIT_USAGE",
    "RecordWriter",
    "Recorder",
    "Run",
    "RunDirectory",
    "Verdict",
    "exit_code",
    "new_run",
    "overall",
    "resolve_run",
]
