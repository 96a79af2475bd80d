"""Whoever reads the log may stall or go: the server goes on, and what could not be written is counted."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from rig.caller import for_servers
from server.streams import Stream

EXIT_WITHIN_S = 10.0
PIPE_BYTES = 4096
PINGS = 150  # twice what the pipe holds of their lines
FALLBACK = b"[heartbeat] valkey check failed, falling back to DB"


class Piped:
    """A server whose output goes into pipes that only this test reads. It has no Valkey, so that each ping logs a line."""

    def __init__(self, server, house, closed: str = "") -> None:
        command = ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *server.command]
        environment = {**for_servers(), **server.env, "VALKEY_URL": f"redis://127.0.0.1:{free_port()}"}
        pipe = subprocess.PIPE
        self.house = house
        self.process = subprocess.Popen(
            command, cwd=server.directory, env=environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe
        )
        for stream in (self.process.stdout, self.process.stderr):
            fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def wait_ready(self) -> None:
        deadline = time.monotonic() + 15
        while not self._ready():
            assert time.monotonic() < deadline
            assert self.process.poll() is None
            time.sleep(0.05)
        self.mitra = self.house.mitra()

    def _ready(self) -> bool:
        with contextlib.suppress(Exception):
            return self.house.operator("GET", "/readyz").status_code == 200
        return False

    def ping(self) -> None:
        assert self.house.call("POST", "/api/mitra/status/heartbeat", self.mitra).status_code == 200

    def dropped(self) -> float:
        told = self.house.operator("GET", "/metrics").text
        return float(told.partition("\nlog_lines_dropped_total ")[2].splitlines()[0])

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(EXIT_WITHIN_S)


@pytest.fixture
def piped(stack, house, house_of) -> Iterator[Callable[..., Piped]]:
    started: list[Piped] = []

    def start(closed: str = "") -> Piped:
        server = stack.server("p")
        started.append(Piped(server, house_of(server), closed))
        started[-1].wait_ready()
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()
        one.process.stdout.close()
        one.process.stderr.close()


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


def test_a_log_that_nobody_reads_stops_nothing(piped) -> None:
    """With a full pipe as standard output requests go on and SIGTERM is obeyed; once it is read, all lines are there."""
    server = piped()
    for _ in range(PINGS):
        server.ping()
    assert server.dropped() == 0
    os.set_blocking(server.process.stdout.fileno(), False)
    read, deadline = b"", time.monotonic() + 5
    while read.count(FALLBACK) < PINGS and time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            read += os.read(server.process.stdout.fileno(), 65536)
    assert read.count(FALLBACK) == PINGS
    assert read.splitlines()[-1] == FALLBACK
    for _ in range(PINGS):
        server.ping()
    assert server.stop() == 0


def test_a_line_is_read_within_a_second_and_the_last_one_at_the_exit(piped) -> None:
    """Somebody reads: a fallback's line comes at once, and an ordered exit loses none."""
    server = piped()
    for line in server.process.stdout:
        if b"ready: public" in line:
            break
    for _ in range(3):
        began = time.monotonic()
        server.ping()
        assert FALLBACK in server.process.stdout.readline()
        assert time.monotonic() - began < 1
    server.process.send_signal(signal.SIGTERM)
    rest = server.process.stdout.read()
    assert server.process.wait(EXIT_WITHIN_S) == 0
    assert b"[server] stopped" in rest.splitlines()[-1]


@pytest.mark.parametrize("closed", ["", ">&-", "2>&-", ">&- 2>&- <&-"])
def test_a_log_that_is_closed_stops_nothing(piped, closed) -> None:
    """Without standard output or error, from the start or since the reader went: requests go on, lines are counted where
    they could not be written, none lands in a connection, and SIGTERM is obeyed."""
    server = piped(closed)
    if not closed:
        server.process.stdout.close()
        server.process.stderr.close()
    for _ in range(20):
        server.ping()
    assert (server.dropped() >= 20) == (not closed)
    assert server.stop() == 0


def test_errors_that_nobody_reads_stop_nothing(piped) -> None:
    """The same for standard error, where each request that is no HTTP leaves a line."""
    server = piped()
    address = ("127.0.0.1", int(server.house.server.public_url.rpartition(":")[2]))
    for _ in range(2 * PIPE_BYTES // 30):
        with socket.create_connection(address, timeout=5) as garbage:
            garbage.sendall(b"what is this\r\n\r\n")
            assert garbage.recv(100).startswith(b"HTTP/1.1 400")
    server.ping()
    assert server.stop() == 0


def test_lines_that_found_no_room_are_counted_and_told() -> None:
    """The queue is bounded: lines beyond it are dropped, the rest keep their order, and a line in their place says so."""
    reading, writing = os.pipe()
    size = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    stream = Stream("standard output", writing, bytes_max=1000)
    lines = [f"line {n:04d}\n" for n in range(2000)]
    first = "x" * size + "\n"
    stream.write(first)
    time.sleep(0.1)  # its writer takes it and waits in the middle of it
    for line in lines:
        stream.write(line)
    assert stream.dropped == 1900
    assert not stream.drain(0.1)
    expected = first + "".join(lines[:100]) + "[log] nobody read standard output: 1900 lines were dropped\nafter\n"
    read = b""
    while len(read) < len(first) + 1000:
        read += os.read(reading, 65536)
    stream.write("af")
    stream.write("ter\n")
    while len(read) < len(expected):
        read += os.read(reading, 65536)
    assert read.decode() == expected
    assert stream.drain(1)
    os.close(reading)
    stream.write("nobody\nis there\n")
    assert stream.drain(1)
    assert stream.dropped == 1902
    os.close(writing)


def test_a_pipe_that_somebody_made_non_blocking_is_waited_for() -> None:
    """A parent that shares the pipe may have set it so: nothing is lost."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    os.set_blocking(writing, False)
    stream = Stream("standard output", writing)
    stream.write("a" * 10_000 + "\n")
    read = b""
    while len(read) < 10_001:
        read += os.read(reading, 1000)
    assert stream.drain(1)
    assert stream.dropped == 0
    os.close(reading)
    os.close(writing)
