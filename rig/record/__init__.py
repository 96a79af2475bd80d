"""The saved run: what was observed, before anything judges it."""

from rig.record.directory import RunDirectory, new_run, resolve_run
from rig.record.reader import Run
from rig.record.run_lines import Lines
from rig.record.verdict import EXIT_USAGE, Verdict, exit_code, overall
from rig.record.writer import Recorder, RecordWriter

__all__ = [
    "EXIT_USAGE",
    "Lines",
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
