"""What can be held about the image and compose.yaml without an engine."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rig.paths import CHECKOUT
from rig.stack import StackError, StackSpec
from rig.stack.docker.images import IMAGES
from rig.stack.embedded.postgres_binaries import MAJOR
from rig.stack.embedded.toxiproxy_binary import VERSION
from rig.stack.external.protection import protect

COMPOSE = (CHECKOUT / "compose.yaml").read_text()
DOCKERFILE = (CHECKOUT / "server" / "Dockerfile").read_text()
LOAD_DOCKERFILE = (CHECKOUT / "loadtest" / "Dockerfile").read_text()


def services() -> dict[str, str]:
    """Name → text of each service, as indented in the file."""
    text = COMPOSE.partition("\nservices:\n")[2].partition("\nvolumes:\n")[0]
    parts = re.split(r"^  ([a-z-]+):\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_port_is_published_on_the_loopback_address_alone() -> None:
    published = [entry for text in services().values() for entry in re.findall(r'"([^"]+:\d+)"', text)]
    assert len(published) == 7
    assert all(entry.startswith("127.0.0.1:${") for entry in published)
    assert len(re.findall(r"^\s+ports:", COMPOSE, re.MULTILINE)) == len(services()) - 1
    assert "ports:" not in services()["load-worker"]  # on the host's network it listens to nothing


def test_every_service_has_a_health_check_and_servers_wait_for_it() -> None:
    server = re.search(r"^x-server: &server\n((?:  .*\n)+)", COMPOSE, re.MULTILINE)
    assert server is not None
    assert "healthcheck: *health" in server[1]
    for name in ("postgres", "valkey", "toxiproxy"):
        assert f"{name}: {{ condition: service_healthy }}" in server[1]
        assert "test: [CMD" in services()[name]
    for name in ("server-a", "server-b"):
        assert "<<: *server" in services()[name]


def test_a_trial_is_asked_for_by_name() -> None:
    """An unset APP_ENV means production: what runs with secrets of a trial says so itself, and the image is for production."""
    environment = re.search(r"^x-environment: &environment\n((?:  .*\n)+)", COMPOSE, re.MULTILINE)
    assert environment is not None
    assert "APP_ENV: development\n" in environment[1]
    assert "APP_ENV=production" in DOCKERFILE
    for name in ("server-a", "server-b"):
        assert "<<: *environment" in services()[name]


def test_each_instance_has_a_login_and_a_proxy_of_its_own() -> None:
    proxies = {proxy["listen"] for proxy in json.loads((CHECKOUT / "compose" / "toxiproxy.json").read_text())}
    for instance, port in (("a", 26379), ("b", 26380)):
        text = services()[f"server-{instance}"]
        assert f"//sut_{instance}:" in text
        assert f"//sut-{instance}:development-only@toxiproxy:{port}/" in text
        assert f"0.0.0.0:{port}" in proxies
        assert f"CREATE ROLE sut_{instance} LOGIN" in (CHECKOUT / "compose" / "postgres.sql").read_text()
        assert f"user sut-{instance} on" in (CHECKOUT / "compose" / "valkey.conf").read_text()


def test_images_have_one_name_everywhere() -> None:
    for variable, official in IMAGES.values():
        assert f"${{{variable}:-{official}}}" in COMPOSE
    assert IMAGES["toxiproxy"][1].endswith(f":{VERSION}")
    assert IMAGES["postgres"][1] == f"postgres:{MAJOR}"
    assert f"\nARG BASE_IMAGE={IMAGES['python'][1]}\n" in DOCKERFILE
    assert f"\nARG BASE_IMAGE={IMAGES['python'][1]}\n" in LOAD_DOCKERFILE


def test_the_servers_image_installs_what_is_pinned_and_runs_unprivileged() -> None:
    assert re.search(r"--no-index --find-links \S+ --require-hashes -r \S+requirements-server.txt", DOCKERFILE)
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last_stage, re.MULTILINE)
    assert "\nSTOPSIGNAL SIGTERM\n" in last_stage
    assert "/readyz" in last_stage
    assert last_stage.rstrip().endswith('CMD ["python", "-m", "server"]')


def test_the_loads_image_installs_what_is_pinned_and_runs_unprivileged() -> None:
    assert re.search(r"--no-index --find-links \S+ --require-hashes -r \S+requirements-load.txt", LOAD_DOCKERFILE)
    last_stage = LOAD_DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last_stage, re.MULTILINE)
    assert "--worker" in last_stage


def test_without_an_engine_a_run_ends_before_it_begins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = StackSpec(logs=tmp_path, mode="docker")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match=r"no docker command on PATH\. docs/docker\.md"):
        protect(spec)
    stub = tmp_path / "docker"
    stub.write_text("#!/bin/sh\necho 'Cannot connect' >&2\nexit 1\n")
    stub.chmod(0o755)
    with pytest.raises(StackError, match=r"no Docker engine answers \(Cannot connect\): docs/docker\.md"):
        protect(spec)


def test_compose_takes_the_file() -> None:
    if not shutil.which("docker") or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        pytest.skip("no `docker compose` on this machine")
    done = subprocess.run(
        ["docker", "compose", "--profile", "load", "config", "--format", "json"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["services"]
    assert set(found) == set(services())
    assert all(port["host_ip"] == "127.0.0.1" for service in found.values() for port in service.get("ports", ()))
