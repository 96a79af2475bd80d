"""Start and stop: what is missing is made, what is wrong is said in one line, and SIGTERM loses nothing."""

import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from rig.stack import ServerDied

EXIT_WITHIN_S = 10.0


def exit_of(server, within_s=EXIT_WITHIN_S) -> tuple[int, str]:
    """Exit code and what was logged by a server that ends by itself."""
    written = server.log.stat().st_size if server.log.exists() else 0
    server.spawn()
    try:
        code = server.process.wait(within_s)
    finally:
        server.kill()
    return code, server.log.read_bytes()[written:].decode()


@pytest.fixture
def fresh(stack):
    """An instance on a database of its own, empty."""
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        yield connection


def test_two_instances_on_an_empty_database_make_its_tables(stack, instance, fresh) -> None:
    instance.kill()
    servers = [stack.server(name) for name in ("b", "c")]
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda s: s.start(), servers))
        tables = {row[0] for row in fresh.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
        assert {"mitras", "mitra_online_status", "chat_sessions", "auth_sessions", "app_config"} <= tables
        fresh.execute("INSERT INTO mitras (id, phone, display_name) VALUES (gen_random_uuid(), '+1', 'A')")
        fresh.execute("INSERT INTO auth_sessions (user_id, expires_at) SELECT id, now() FROM mitras")
        fresh.execute("INSERT INTO mitra_online_logs (mitra_id, status) SELECT id, 'online' FROM mitras")
        assert fresh.execute("SELECT is_active FROM mitras").fetchone() == (True,)
    finally:
        assert [s.stop() for s in servers] == [0, 0]


def test_a_start_makes_only_what_is_missing(stack, fresh, instance) -> None:
    instance.kill()
    instance.start()
    fresh.execute("INSERT INTO customers (phone) VALUES ('+1')")
    fresh.execute("DROP TABLE app_config")
    instance.stop()
    instance.start()
    assert fresh.execute("SELECT count(*) FROM customers").fetchone() == (1,)
    assert fresh.execute("SELECT count(*) FROM app_config").fetchone() == (0,)


@pytest.mark.parametrize("database", ["nobody_listens", "wrong password", "no such database", "hangs"])
def test_without_postgres_the_start_fails_clearly(stack, instance, database) -> None:
    url = stack.postgres.url
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        if database == "hangs":
            silent.listen(5)  # and never answers
        else:
            silent.close()
        urls = {
            "nobody_listens": f"postgresql://u:p@127.0.0.1:{port}/d",
            "hangs": f"postgresql://u:p@127.0.0.1:{port}/d",
            "wrong password": url.replace("postgresql://", "postgresql://no").replace("@", "x@"),
            "no such database": url.rsplit("/", 1)[0] + "/nothing",
        }
        server = stack.server("d", env={"DATABASE_URL": urls[database]})
        code, logged = exit_of(server)
    assert code == 1
    assert "DATABASE_URL" in logged
    assert "Traceback" not in logged
    assert len(logged.strip().splitlines()) == 3  # the refusal, between the two lines of its orderly stop


def test_a_taken_port_is_named(house, stack) -> None:
    taken = str(house.server.seat.public_port)
    server = stack.server("d", env={"INTERNAL_PORT": taken})
    code, logged = exit_of(server)
    assert code == 1
    assert f"INTERNAL_PORT {taken}" in logged
    assert "Traceback" not in logged


def test_readiness_needs_postgres_and_comes_back(house, stack, eventually) -> None:
    house.close()
    url = house.server.internal_url
    stack.postgres.stop()
    try:
        answer = httpx.get(f"{url}/readyz", timeout=8)
        assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
        assert httpx.get(f"{url}/healthz", timeout=8).status_code == 200
        assert httpx.get(f"{url}/metrics", timeout=8).status_code == 200
    finally:
        stack.postgres.start()
    eventually(lambda: httpx.get(f"{url}/readyz", timeout=8).status_code == 200, "ready again")


def test_without_postgres_requests_get_503(house, stack, refused) -> None:
    mitra = house.mitra()
    stack.postgres.stop()
    try:
        house.refused(503, "SERVICE_UNAVAILABLE", "GET", "/api/mitra/profile", mitra)
        house.refused(503, "SERVICE_UNAVAILABLE", "POST", "/api/mitra/status/online", mitra)
        house.refused(401, "UNAUTHENTICATED", "GET", "/api/mitra/profile")
        refused(house.operator("GET", "/internal/mitras"), 503, "SERVICE_UNAVAILABLE")
        body = {"phone": mitra.phone}
        house.refused(503, "SERVICE_UNAVAILABLE", "POST", "/api/mitra/auth/otp/request", json=body)
    finally:
        stack.postgres.start()
    assert house.call("GET", "/api/mitra/profile", mitra).status_code == 200


def test_a_postgres_that_hangs_is_503_within_5_s(house, refused) -> None:
    mitra, customer = house.mitra(), house.customer()
    session_id = house.searching(customer)
    with psycopg.connect(house._rows.info.dsn, password=house._rows.info.password) as holder:
        holder.execute("LOCK mitras, chat_sessions IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        with ThreadPoolExecutor(24) as pool:
            answers = list(
                pool.map(
                    lambda n: (
                        house.call("GET", "/api/mitra/profile", mitra)
                        if n % 2
                        else house.act(customer, session_id, "cancel")
                    ),
                    range(24),
                )
            )
        assert time.monotonic() - started < 5.5
        holder.rollback()
    for answer in answers:
        refused(answer, 503, "SERVICE_UNAVAILABLE")
    assert house.call("GET", "/api/mitra/profile", mitra).status_code == 200
    assert house.status_of(session_id) == "searching"


def test_sigterm_answers_what_is_in_flight(house, refused) -> None:
    """A request held by a lock is answered; readiness is gone meanwhile; nobody is taken offline."""
    mitra = house.mitra(online=True)
    server, idle = house.server, httpx.Client(base_url=house.server.public_url)
    assert idle.get("/api/shared/auth-providers").status_code == 200
    with psycopg.connect(house._rows.info.dsn, password=house._rows.info.password) as holder:
        holder.execute("SELECT 1 FROM mitras WHERE id = %s FOR UPDATE", (mitra.id,))
        with ThreadPoolExecutor(1) as pool:
            held = pool.submit(house.operator, "PATCH", f"/internal/mitras/{mitra.id}", json={"is_active": True})
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            deadline = time.monotonic() + 2
            while house.value(waiting) == 0 and time.monotonic() < deadline:
                pass
            threading.Timer(0.3, holder.rollback).start()
            started = time.monotonic()
            code = server.stop()
            took_s = time.monotonic() - started
            answer = held.result()
    idle.close()
    assert (code, answer.status_code) == (0, 200)
    assert took_s < EXIT_WITHIN_S
    assert house.value("SELECT is_online FROM mitra_online_status WHERE mitra_id = %s", mitra.id) is True
    assert house.value("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", server.role) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.public_url)


@pytest.mark.parametrize("listener", ["public", "internal"])
def test_sigterm_while_postgres_hangs_answers_503(house, refused, listener) -> None:
    """A request that waits for Postgres gets its 503 from a server that is told to stop, on either listener."""
    mitra = house.mitra(online=True)
    server = house.server
    with psycopg.connect(house._rows.info.dsn, password=house._rows.info.password) as holder:
        holder.execute("SELECT 1 FROM mitras WHERE id = %s FOR UPDATE", (mitra.id,))
        with ThreadPoolExecutor(1) as pool:
            if listener == "public":
                held = pool.submit(house.call, "POST", "/api/mitra/status/offline", mitra)
            else:
                held = pool.submit(house.operator, "PATCH", f"/internal/mitras/{mitra.id}", json={"is_active": True})
            while house.value("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0:
                assert not held.done()
            started = time.monotonic()
            code = server.stop()
            took_s = time.monotonic() - started
            refused(held.result(), 503, "SERVICE_UNAVAILABLE")
        holder.rollback()
    assert (code, took_s < EXIT_WITHIN_S) == (0, True)


def test_readiness_is_gone_while_stopping(house) -> None:
    mitra = house.mitra()
    server = house.server
    with psycopg.connect(house._rows.info.dsn, password=house._rows.info.password) as holder:
        holder.execute("LOCK mitras IN ACCESS EXCLUSIVE MODE")
        with ThreadPoolExecutor(1) as pool:
            held = pool.submit(house.call, "GET", "/api/mitra/profile", mitra)
            while house.value("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0:
                assert not held.done()
            os.kill(server.pid, signal.SIGTERM)
            answer = _last_answer(f"{server.internal_url}/readyz")
            holder.rollback()
            assert held.result().status_code == 200
    assert answer is None or (answer.status_code, answer.json()["status"]) == (503, "stopping")
    assert server.process.wait(EXIT_WITHIN_S) == 0


def _last_answer(url: str) -> httpx.Response | None:
    """Ask until it is not 200 any more; None when the connection is refused."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(url, timeout=5)
        except httpx.TransportError:
            return None
        if answer.status_code != 200:
            return answer
    raise AssertionError("still ready after SIGTERM")


def test_a_kept_connection_lives_over_75_s() -> None:
    from server.connections import KEEP_ALIVE_S

    assert KEEP_ALIVE_S >= 75


def test_a_signal_during_the_start_ends_it_in_order(stack, instance, house) -> None:
    with psycopg.connect(stack.postgres.url) as holder:
        holder.execute("LOCK chat_sessions IN ACCESS EXCLUSIVE MODE")
        server = stack.server("d")
        server.spawn()
        while house.value("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0:
            assert server.running
        assert server.stop() == 0
        holder.rollback()


def test_a_server_that_dies_is_told_by_the_stack(stack) -> None:
    with pytest.raises(ServerDied, match="APP_ENV"):
        stack.server("d", env={"APP_ENV": "nowhere"}).start()
