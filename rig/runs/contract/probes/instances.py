"""Further instances beside those of a test bed: started by a probe, looked at, and always ended with it."""

import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from rig.contract import SEED_LINE
from rig.environment.testbed import Testbed
from rig.observe import ServerLog
from rig.stack.http import get
from rig.stack.sut.managed import ServerInstance
from rig.stack.sut.resolver import Resolver
from rig.waiting import poll_until

LOOK_EVERY_S = 0.02
START_S = 20.0  # for a start on a quick machine
ANSWER_S = 6.0  # longer than an answer may take, so that a late one is seen as late

# Runs a command without some variables of its environment, and with its standard error in a file.
WITHOUT = 'names="$1"; file="$2"; shift 2; for name in $names; do unset "$name"; done; exec "$@" 2>"$file"'


@contextmanager
def instance(
    testbed: Testbed,
    name: str,
    env: Mapping[str, str] | None = None,
    unset: Sequence[str] = (),
    errors: str = "",
    resolver: Resolver | None = None,
) -> Iterator[ServerInstance]:
    """A further instance, not started, which is ended with the block. rig.stores.Lacks where none can be had.

    `unset`: variables that it does not get. `errors`: the file that takes its standard error, else it goes to the log.
    `resolver`: the one that it has instead of the machine's.
    """
    server: ServerInstance = testbed.stack.server(name, env={**testbed.environment, **(env or {})})
    if unset or errors:
        target = errors or "/dev/stdout"
        server = replace(server, command=["sh", "-c", WITHOUT, "sh", " ".join(unset), target, *server.command])
    if resolver:
        server = replace(server, seat=replace(server.seat, resolver=resolver))
    testbed.stack.servers[name] = server
    try:
        yield server
    finally:
        server.kill()


def readyz(server: ServerInstance, timeout_s: float = 1.0) -> int | None:
    """The status of /readyz; None where no answer comes."""
    return health(server, "/readyz", timeout_s)


def health(server: ServerInstance, path: str, timeout_s: float = ANSWER_S) -> int | None:
    try:
        return get(server.internal_url + path, timeout_s).status_code
    except httpx.HTTPError:
        return None


def watch_start(server: ServerInstance, within_s: float) -> dict[str, Any]:
    """Start it and look at /readyz until it is 200, the process ends, or the time is over.

    `ready_s` and `exit_s` are seconds since the start (None: did not happen), `early` the statuses before the first 200.
    """
    server.spawn()
    assert server.process is not None
    assert server.started is not None
    early: set[int] = set()

    def look() -> bool:
        status = readyz(server)
        if status is not None and status != 200:
            early.add(status)
        return status == 200 or not server.running

    poll_until(look, within_s, every_s=LOOK_EVERY_S)
    running = server.running
    if running and readyz(server) == 200:
        server.ready = time.time()
    exited = None if running else server.process.exited
    return {
        "ready_s": None if server.ready is None else round(server.ready - server.started, 3),
        "exit_s": None if exited is None else round(exited - server.started, 3),
        "code": server.exit_code, "early": sorted(early),
    }  # fmt: skip


def usual_start_s(testbed: Testbed) -> float:
    """How long the test bed's own first instance took to be ready, in seconds."""
    server = testbed.server()
    return round((server.ready or 0.0) - (server.started or 0.0), 3)


def patience_s(testbed: Testbed) -> float:
    """How long to wait for a start that must succeed, in seconds: longer on a machine on which starts are slow."""
    return START_S + 2 * usual_start_s(testbed)


def seeds(server: ServerInstance) -> list[float]:
    """Epoch seconds of the seed lines since its last start."""
    return [at for at, _ in ServerLog(server.log).lines(since=server.started, containing=SEED_LINE)]


def connects(host: str, port: int) -> bool:
    """Whether somebody takes a connection there."""
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def elsewhere(url: str, path: str) -> str:
    """The same URL with another database. Only for URLs that name it by their path."""
    return urlsplit(url)._replace(path=path).geturl()
