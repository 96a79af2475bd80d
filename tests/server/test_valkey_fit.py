"""A Valkey that will not do: the server serves from Postgres, is ready, and its readiness says what is wrong."""

import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis

from rig.stack.embedded.valkey import binary
from rig.stack.processes.ports import Ports
from server.mirror.valkey_fit import why_unfit


@pytest.mark.parametrize(
    ("info", "named"),
    [
        ({"redis_version": "6.2.14"}, "Redis 6.2.14"),
        ({"redis_version": "7.0.0"}, ""),
        ({"redis_version": "10.0.1"}, ""),
        ({"redis_version": "7.2.4", "valkey_version": "7.1.9"}, "Valkey 7.1.9"),
        ({"redis_version": "7.2.4", "valkey_version": "7.2.0"}, ""),
        ({"redis_version": "7.2.4", "valkey_version": "8.1.0"}, ""),
        ({"redis_version": "unstable"}, ""),
        ({"redis_version": "7.2.4", "redis_mode": "cluster"}, "cluster"),
        ({"valkey_version": "9.0.0", "server_mode": "cluster"}, "cluster"),
        ({"redis_version": "7.2.4", "role": "slave"}, "replica"),
        ({"redis_version": "7.2.4", "role": "master", "redis_mode": "standalone"}, ""),
    ],
)
def test_what_is_unfit_is_named(info: dict[str, str], named: str) -> None:
    told = why_unfit(info)
    assert named in told
    assert bool(told) == bool(named)


class Old(socketserver.StreamRequestHandler):
    """Redis 6, as far as a server that wants nothing of it can tell."""

    def handle(self) -> None:
        while head := self.rfile.readline():
            words = []
            for _ in range(int(head[1:])):
                length = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(length + 2)[:-2].decode())
            if words[0].upper() == "INFO" and len(words) > 2:
                self.wfile.write(b"-ERR syntax error\r\n")
            elif words[0].upper() == "INFO":
                text = b"# Server\r\nredis_version:6.2.14\r\nredis_mode:standalone\r\nrun_id:" + b"a" * 40 + b"\r\n"
                text += b"role:master\r\n"
                self.wfile.write(b"$%d\r\n%b\r\n" % (len(text), text))
            elif words[0].upper() == "SUBSCRIBE":
                self.wfile.write(b"*3\r\n$9\r\nsubscribe\r\n$%d\r\n%b\r\n:1\r\n" % (len(words[1]), words[1].encode()))
            else:
                self.wfile.write(b"+OK\r\n")


@contextmanager
def old(stack, directory) -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Old) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        server.shutdown()


@contextmanager
def valkey(directory, *settings: object) -> Iterator[str]:
    port = Ports().take()
    command = [binary(), "--port", port, "--bind", "127.0.0.1", "--dir", directory, "--save", "", *settings]
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
    try:
        client = redis.Redis(port=port, protocol=2)
        deadline = time.monotonic() + 10
        while True:
            try:
                client.ping()
                break
            except redis.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        client.close()
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def cluster(stack, directory) -> Iterator[str]:
    with valkey(directory, "--cluster-enabled", "yes") as url:
        yield url


@contextmanager
def replica(stack, directory) -> Iterator[str]:
    with valkey(directory, "--replicaof", "127.0.0.1 1") as url:
        yield url


@contextmanager
def writable_replica(stack, directory) -> Iterator[str]:
    with valkey(directory, "--replicaof", "127.0.0.1 1", "--replica-read-only", "no") as url:
        yield url


@contextmanager
def wrong_password(stack, directory) -> Iterator[str]:
    url = urlsplit(stack.valkey.url)
    yield urlunsplit(url._replace(netloc=f"{url.username}:wrong@{url.hostname}:{url.port}"))


@contextmanager
def no_such_database(stack, directory) -> Iterator[str]:
    yield urlunsplit(urlsplit(stack.valkey.url)._replace(path="/99"))


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (old, "Redis 6.2.14 is too old"),
        (cluster, "cluster"),
        (replica, "replica"),
        (writable_replica, "replica"),
        (wrong_password, "invalid username-password pair"),
        (no_such_database, "DB index is out of range"),
    ],
)
def test_readiness_names_what_is_wrong_with_valkey(
    stack, house, house_of, tmp_path, eventually, made: Callable, named: str
) -> None:
    """Ready all the same, served from Postgres; the body and the log say why Valkey is not used, and go on saying it."""
    with made(stack, tmp_path) as url:
        server = stack.server("b", env={"VALKEY_URL": url})
        server.start()
        try:
            there = house_of(server)
            for _ in range(3):
                ready = there.operator("GET", "/readyz")
                assert ready.status_code == 200
                assert named in " ".join(ready.json()["alerts"])
                assert ready.json()["mirror"]["warm"] == 0
                time.sleep(0.7)
            assert named in server.log.read_text()
            mitra = there.mitra(online=True)
            assert there.ok("POST", "/api/mitra/status/heartbeat", mitra) == {"is_online": True}
        finally:
            assert server.stop() == 0
