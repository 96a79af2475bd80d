"""A Postgres that will not do is refused at start, by name, in one line: too old, or behind a pooler that shares sessions."""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from postgres_pooler import Pooler
from postgres_relay import PostgresRelay
from test_life_cycle import exit_of

from rig.stack.processes.ports import Ports

PGBOUNCER = """[databases]
mirror = host=127.0.0.1 port={port} dbname={database} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
auth_type = any
pool_mode = {mode}
ignore_startup_parameters = idle_in_transaction_session_timeout,extra_float_digits,jit
server_round_robin = {round_robin}
unix_socket_dir =
logfile = {log}
"""


@contextmanager
def stub(url: str, mode: str, directory: Path) -> Iterator[str]:
    pooler = Pooler(url, shared=mode == "transaction")
    try:
        yield pooler.url
    finally:
        pooler.close()


@contextmanager
def pgbouncer(url: str, mode: str, directory: Path, round_robin: int = 0) -> Iterator[str]:
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    to, listen = urlsplit(url), Ports().take()
    directory.chmod(0o777)
    for parent in directory.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o055)
    settings = directory / "pgbouncer.ini"
    settings.write_text(
        PGBOUNCER.format(
            port=to.port, database=to.path[1:], user=to.username, password=to.password, listen=listen, mode=mode,
            round_robin=round_robin, log=directory / "pgbouncer.log",
        )
    )  # fmt: skip
    as_nobody = ["-u", pwd.getpwnam("nobody").pw_name] if os.getuid() == 0 else []  # it refuses to be root
    process = subprocess.Popen([program, *as_nobody, str(settings)], stderr=subprocess.DEVNULL)
    url = urlunsplit(to._replace(netloc=f"{to.username}:{to.password}@127.0.0.1:{listen}", path="/mirror"))
    try:
        deadline = time.monotonic() + 5
        while True:
            try:
                psycopg.connect(url, connect_timeout=2).close()
                break
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (directory / "pgbouncer.log").read_text()
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def taking_turns(url: str, mode: str, directory: Path) -> Iterator[str]:
    """PgBouncer that hands out the session that was idle for longest."""
    with pgbouncer(url, mode, directory, round_robin=1) as at:
        yield at


poolers = pytest.mark.parametrize("pooler", [stub, pgbouncer, taking_turns])


def refusal(server) -> str:
    code, logged = exit_of(server)
    assert code == 1, logged
    assert "Traceback" not in logged
    lines = [line for line in logged.splitlines() if "server: " in line]
    assert len(lines) == 1, logged
    assert "DATABASE_URL" in lines[0]
    return lines[0]


@poolers
def test_transaction_pooling_is_refused_by_name(stack, house, tmp_path, pooler: Callable) -> None:
    """Whether the pooler is fresh or others have used it: a start that works by chance would fail in its requests."""
    with pooler(stack.server("d").seat.database_url, "transaction", tmp_path) as url:
        for _ in range(2):
            assert "transaction mode" in refusal(stack.server("d", env={"DATABASE_URL": url}))
        others = [psycopg.connect(url) for _ in range(3)]
        for other in others:
            other.execute("SELECT 1")
        for other in others:
            other.rollback()
        assert "transaction mode" in refusal(stack.server("d", env={"DATABASE_URL": url}))
        for other in others:
            other.close()


@poolers
def test_session_pooling_is_served(stack, house, house_of, tmp_path, pooler: Callable) -> None:
    """A pooler that leaves each client its session changes nothing."""
    with pooler(stack.server("d").seat.database_url, "session", tmp_path) as url:
        server = stack.server("d", env={"DATABASE_URL": url})
        server.start()
        try:
            there = house_of(server)
            mitra = there.mitra(online=True)
            assert there.ok("GET", "/api/mitra/status", mitra)["is_online"] is True
        finally:
            assert server.stop() == 0


class Older(PostgresRelay):
    """Postgres as it is, under the version of another time."""

    def pass_on(self, data: bytes, upward: bool) -> bytes:
        name = b"server_version\x00"
        at = data.find(name) + len(name)
        return data if upward or at < len(name) else data[:at] + b"13" + data[at + 2 :]


def test_an_older_postgres_is_refused_by_its_version(stack, house) -> None:
    relay = Older(stack.server("d").seat.database_url)
    try:
        line = refusal(stack.server("d", env={"DATABASE_URL": relay.url}))
        assert "Postgres 13" in line
        assert "14 at least" in line
    finally:
        relay.close()
