"""Spreads explorations over processes, since one process uses one core."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from rig.model.language import SpecError


class WorkerEnded(RuntimeError):
    """A process ended before it gave its result, for example because the system ran out of memory."""


def spread(
    function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]], workers: int = 2
) -> Iterator[tuple[int, Any]]:
    """Calls `function(*job)` for each job, and yields the job's place with the result, in the order in which they come.

    With one worker or one job it happens in this process. Otherwise function, jobs and results must be picklable.
    """
    if workers < 2 or len(jobs) < 2:
        for place, job in enumerate(jobs):
            yield place, function(*job)
        return
    context = multiprocessing.get_context("spawn")
    waiting = list(enumerate(jobs))[::-1]
    processes = []
    busy: dict[Connection, int] = {}
    try:
        for _ in range(min(workers, len(jobs))):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, function), daemon=True)
            process.start()
            theirs.close()
            processes.append((process, ours))
            busy[ours], job = waiting.pop()
            ours.send(job)
        while busy:
            ready = set(wait(list(busy)))
            for connection in [one for one in busy if one in ready]:
                place = busy.pop(connection)
                try:
                    result, error = connection.recv()
                except EOFError:
                    raise WorkerEnded("a process ended before it gave its result") from None
                if error is not None:
                    raise error
                if waiting:
                    busy[connection], job = waiting.pop()
                    connection.send(job)
                yield place, result
    finally:
        for process, connection in processes:
            connection.close()
            process.terminate()
            process.join()


def _serve(connection: Connection, function: Callable[..., Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            job = connection.recv()
            try:
                connection.send((function(*job), None))
            except SpecError as error:
                connection.send((None, SpecError(str(error))))
            except Exception as error:
                connection.send((None, RuntimeError(f"{type(error).__name__}: {error}")))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
