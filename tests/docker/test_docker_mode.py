"""--mode docker and compose.yaml on a real engine; skipped, by name, where there is none."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
import redis

from rig.paths import CHECKOUT
from rig.stack import Stack, StackError, StackSpec, Supervisor, open_stack
from rig.stack.docker.container import Container, run_label
from rig.stack.docker.images import image
from rig.stack.embedded.valkey import client
from rig.stack.processes.ports import PORTS

GONE_WITHIN_S = 10.0
UP_WITHIN_S = 60
LOAD_WITHIN_S = 180


def docker(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, **options)  # type: ignore[call-overload]


def require_images(*names: str) -> None:
    """Skip unless an engine answers and has these: a test pulls nothing."""
    if not shutil.which("docker") or docker("info").returncode != 0:
        pytest.skip("no Docker engine answers `docker info`")
    for name in names:
        if docker("image", "inspect", name).returncode != 0:
            pytest.skip(f"the engine has no image {name}: `docker pull` it, or `make images` and `make image`")


def containers(label: str) -> list[str]:
    return docker("ps", "--all", "--quiet", "--filter", f"label={label}").stdout.split()


def until(condition: Callable[[], object], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture(scope="module")
def supervisor() -> Iterator[Supervisor]:
    require_images(image("postgres"), image("valkey"), image("toxiproxy"))
    with Supervisor.start() as supervisor:
        yield supervisor
    assert containers(run_label(supervisor)) == []


@pytest.fixture(scope="module")
def stack(supervisor: Supervisor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    logs = tmp_path_factory.mktemp("logs")
    with open_stack(StackSpec(logs=logs, mode="docker"), supervisor, "w0") as stack:
        assert len(containers(run_label(supervisor))) == 3
        yield stack
    assert containers(run_label(supervisor)) == []


def test_statements_are_logged_by_instance_where_the_rig_reads_them(stack: Stack) -> None:
    role, url = stack.postgres.login("a")
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute("SELECT 'seen', current_user").fetchone() == ("seen", "mirror")
    log = stack.postgres.statement_log / "postgres.json"

    def line() -> list[str]:
        return [line for line in log.read_text().splitlines() if "'seen'" in line]

    assert until(line, 5.0)
    assert f'"user":"{role}"' in line()[0]


def test_a_load_switches_the_statement_log(stack: Stack) -> None:
    """By ALTER SYSTEM, which a setting on the server's command line would win over."""
    with psycopg.connect(stack.postgres.observer_url, autocommit=True) as connection:
        for value in ("none", "all"):
            connection.execute(f"ALTER SYSTEM SET log_statement = '{value}'")
            connection.execute("SELECT pg_reload_conf()")
            assert until(lambda value=value: connection.execute("SHOW log_statement").fetchone() == (value,), 5.0)


def test_no_setting_stands_on_the_command_line_of_postgres(stack: Stack) -> None:
    """But where its file of settings is: any other could not be changed while it runs."""
    with psycopg.connect(stack.postgres.observer_url) as connection:
        found = connection.execute(
            "SELECT name FROM pg_settings WHERE source = 'command line' AND context IN ('sighup', 'superuser', 'user')"
        ).fetchall()
    assert found == []


LOAD = (
    "--mitras", "30", "--customers", "10", "--storm", "20", "--ping-every", "2", "--seconds", "8", "--no-witness",
    "--no-baseline", "--blocks", "1", "--ready-within-s", "60",
)  # fmt: skip


@pytest.mark.timeout(LOAD_WITHIN_S + 60)
def test_a_load_runs_in_docker_with_blocks(supervisor: Supervisor, tmp_path: Path) -> None:
    """One with the statement log and one without it, which has to be switched while Postgres runs."""
    command = [sys.executable, "-m", "rig", "load", "--mode", "docker", *LOAD, "--reports", str(tmp_path)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=LOAD_WITHIN_S)
    assert done.returncode in (0, 2), done.stdout + done.stderr  # 2: this machine was too busy to judge something
    (record,) = (tmp_path / "latest").glob("record-main.jsonl")
    blocks = [line for line in map(json.loads, record.read_text().splitlines()) if line["kind"] == "block"]
    assert sorted((line["arm"], line["logged"]) for line in blocks) == [
        ("on", False), ("on", True),
    ]  # fmt: skip
    results = json.loads((tmp_path / "latest" / "results.json").read_text())
    assert results["counts"]["broken"] == results["counts"]["failed"] == 0
    assert " --mode docker" in results["command"]


def test_a_postgres_started_again_has_its_rows(stack: Stack) -> None:
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    stack.postgres.stop()
    assert not stack.postgres.alive()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(stack.postgres.url, connect_timeout=2)
    stack.postgres.start()
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        connection.execute("DROP TABLE kept")


def test_a_killed_valkey_comes_back_empty_with_its_users(stack: Stack) -> None:
    user = stack.valkey.user("late")
    url = stack.valkey.url_of(user, f"{stack.valkey.host}:{stack.valkey.port}")
    with client(url) as connection:
        connection.set("key", "value")
        stack.valkey.kill()
        assert not stack.valkey.alive()
        assert stack.valkey.pid is None
        stack.valkey.start()
        assert connection.get("key") is None
        stack.valkey.pause()
        with pytest.raises(redis.TimeoutError):
            connection.ping()
        assert stack.valkey.alive()
        stack.valkey.resume()
        assert connection.ping()


def test_a_disabled_proxy_refuses_instead_of_hanging_up(stack: Stack) -> None:
    server = stack.server("a")
    address = urlsplit(server.env["VALKEY_URL"])
    where = (address.hostname, address.port)
    socket.create_connection(where, timeout=2).close()
    stack.toxiproxy.set_enabled(server.proxy, False)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(where, timeout=2)
    stack.toxiproxy.set_enabled(server.proxy, True)
    with client(server.env["VALKEY_URL"]) as connection:
        assert connection.ping()


def test_an_image_that_cannot_be_had_is_one_clear_line(supervisor: Supervisor, tmp_path: Path) -> None:
    missing = f"127.0.0.1:{PORTS.take()}/none:0"
    container = Container(supervisor, "missing", missing, [], tmp_path / "log")
    with pytest.raises(StackError, match=rf"no container of {missing}: .*docs/docker\.md"):
        container.start()


def test_a_killed_rig_leaves_no_container(supervisor: Supervisor, tmp_path: Path) -> None:
    script = Path(__file__).with_name("open_stack.py")
    rig = subprocess.Popen(
        [sys.executable, script, tmp_path], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with rig:
        assert rig.stdout is not None
        base = Path(rig.stdout.readline().strip())
        label = f"mirror-rig.run={base.name}"
        assert len(containers(label)) == 3
        rig.send_signal(signal.SIGKILL)
    assert until(lambda: not containers(label) and not base.exists(), GONE_WITHIN_S)


def test_compose_brings_up_two_healthy_instances() -> None:
    require_images(image("postgres"), image("valkey"), image("toxiproxy"), "mirror-rig/server")
    if docker("compose", "version").returncode != 0:
        pytest.skip("no `docker compose` on this machine")
    names = ("POSTGRES", "VALKEY", "TOXIPROXY", "SERVER_A", "SERVER_A_INTERNAL", "SERVER_B", "SERVER_B_INTERNAL")
    ports = {name: PORTS.take() for name in names}
    env = {**os.environ, **{f"{name}_PORT": str(port) for name, port in ports.items()}}
    project = ("compose", "--project-name", f"rig-test-{os.getpid()}")
    try:
        up = docker(*project, "up", "--no-build", "--detach", "--wait", cwd=CHECKOUT, env=env, timeout=UP_WITHIN_S)
        assert up.returncode == 0, up.stderr
        for name in ("SERVER_A_INTERNAL", "SERVER_B_INTERNAL"):
            with httpx.Client(trust_env=False) as http:
                assert http.get(f"http://127.0.0.1:{ports[name]}/readyz").status_code == 200
        docker(*project, "stop", "server-a", cwd=CHECKOUT, env=env)
        stopped = docker(*project, "ps", "--all", "--format", "{{.ExitCode}}", "server-a", cwd=CHECKOUT, env=env)
        assert stopped.stdout.strip() == "0"
    finally:
        down = docker(*project, "down", "--volumes", cwd=CHECKOUT, env=env)
        for port in ports.values():
            PORTS.give_back(port)
    assert down.returncode == 0, down.stderr
    assert containers(f"com.docker.compose.project={project[2]}") == []
