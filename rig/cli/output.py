"""Standard output whose reader may stop reading. That changes no verdict, so it raises no error."""

import io
import os
import sys
from typing import Any


class Pipe(io.FileIO):
    """A file descriptor that can always be written. When its reader has closed it, output is dropped."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # for child processes, and for the interpreter when it ends
            os.close(nowhere)
            return memoryview(data).nbytes


def outlive_readers() -> None:
    """Replace standard output and error of this process. A stream that is closed, or is no file, is kept."""
    sys.stdout, sys.stderr = (outliving(stream) for stream in (sys.stdout, sys.stderr))


def outliving(stream: Any) -> Any:
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError):  # closed, or a buffer in memory
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(Pipe(descriptor, "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
