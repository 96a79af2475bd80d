"""The rig passes a server that keeps the contract in its own way: other language, libraries, tables, statements."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from rig.paths import CHECKOUT
from rig.stack import StackSpec, Supervisor, open_stack
from tests.foreign.packages import NODE, provide, what_is_missing
from tests.support.installed_wheel import BOXES, BUILD_S, WHOLE_S, Installed

INSTALL_S = 300

missing = what_is_missing()
pytestmark = pytest.mark.skipif(missing is not None, reason=missing or "")


@pytest.fixture(scope="module")
def packages() -> None:
    provide()


@pytest.mark.timeout(WHOLE_S + BUILD_S + INSTALL_S)
def test_the_whole_checklist_passes_from_the_wheel(
    packages: None, installed: Installed, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """As its developers would run it: in the server's own directory, with nothing of a checkout in reach."""
    own = tmp_path / "shop"
    shutil.copytree(NODE, own, symlinks=True)
    results, took = installed.whole_checklist("--sut", "node main.js", "--schema", "mapping.toml", cwd=own)
    assert {item["verdict"] for item in results["items"]} == {"passed"}
    assert len(results["items"]) == BOXES
    record_property("told", f"from the wheel, `rig checklist` on the Node server: {BOXES} boxes in {took:.0f} s")


@pytest.mark.timeout(60 + INSTALL_S)
def test_it_keeps_what_the_contract_says_of_heads(packages: None, tmp_path: Path) -> None:
    """A head of 6 KiB is served, one over 2 MiB refused or its connection closed, and others are served meanwhile."""
    spec = StackSpec(logs=tmp_path, sut=f"{sys.executable} -m tests.foreign", sut_cwd=CHECKOUT)
    with Supervisor.start() as supervisor, open_stack(spec, supervisor, name="foreign-heads") as stack:
        server = stack.server("a")
        server.start()
        for port, path in (
            (server.seat.public_port, "/api/shared/auth-providers"),
            (server.seat.internal_port, "/healthz"),
        ):
            url = f"http://127.0.0.1:{port}{path}"
            start = f"GET {path} HTTP/1.1\r\nHost: a\r\n"
            whole = start + "X: " + "a" * (6 * 1024 - len(start) - 7) + "\r\n\r\n"
            with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                client.sendall(whole.encode())
                assert client.recv(100).startswith(b"HTTP/1.1 200")
                refused = b"HTTP/1.1 431"
                try:
                    client.sendall(start.encode() + b"X: ")
                    for _ in range(34):
                        client.sendall(b"a" * 65536)
                        assert httpx.get(url, trust_env=False, timeout=5).status_code == 200
                    while data := client.recv(65536):
                        refused = data
                except ConnectionError:
                    pass  # closed
                assert b"431" in refused
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MITRA_AUTO_OFFLINE_SWEEP_SECONDS", "0"),
        ("HEARTBEAT_MIRROR_INTERVAL_SECONDS", "1.5"),
        ("DATABASE_URL", ""),
        ("VALKEY_URL", "http://127.0.0.1"),
        ("APP_ENV", "staging"),
        ("AVAILABILITY_MIRROR", "off"),
        ("VALKEY_URL", "redis://127.0.0.1/abc"),
        ("VALKEY_URL", "redis://127.0.0.1/1?db=2"),
        ("DATABASE_URL", "postgresql://127.0.0.1"),
        ("DATABASE_URL", "postgresql://127.0.0.1/a?dbname=b"),
    ],
)
def test_it_refuses_a_bad_value_as_the_contract_says(packages: None, variable: str, value: str) -> None:
    refuses({"APP_ENV": "test", variable: value}, variable)


def test_an_unset_environment_means_production(packages: None) -> None:
    """Nobody gets the secrets of a trial without having asked for a trial."""
    assert "APP_ENV=development" in refuses({}, "JWT_SECRET")


def refuses(environ: dict[str, str], variable: str) -> str:
    """The one line with which these settings are refused."""
    inherited = {name: value for name, value in os.environ.items() if name != "APP_ENV"}
    sound = {"DATABASE_URL": "postgresql://127.0.0.1:1/none", "VALKEY_URL": "redis://127.0.0.1:1"}
    run = subprocess.run(
        [sys.executable, "-m", "tests.foreign"],
        cwd=CHECKOUT,
        env={**inherited, **sound, **environ},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.returncode == 1
    assert variable in run.stderr
    assert len(run.stderr.splitlines()) == 1
    return run.stderr
