"""What the rig prints, to somebody who may stop reading: that changes no verdict, so it raises nothing."""

import io
import os
import sys
from typing import Any


class Pipe(io.FileIO):
    """A file descriptor that takes everything: once its reader has gone, it leads nowhere."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # so that what we start, and the interpreter's end, find it too
            os.close(nowhere)
            return memoryview(data).nbytes


def outlive_readers() -> None:
    """Make standard output and error of this process such; one that is closed, or no file at all, stays as it is."""
    sys.stdout, sys.stderr = (outliving(stream) for stream in (sys.stdout, sys.stderr))


def outliving(stream: Any) -> Any:
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError):  # closed from the start, or a buffer in memory
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(Pipe(descriptor, "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
