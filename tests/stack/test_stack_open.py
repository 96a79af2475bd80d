"""Opening stacks: two at once, as a plain user, when a part of it fails; and ports that two rigs share."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rig.paths import CHECKOUT
from rig.stack import StackError, Supervisor, open_stack
from rig.stack.embedded import postgres_binaries
from rig.stack.processes.ports import PORTS, Ports, candidates, is_free
from tests.support.stack_support import alive, spec_of, until

OPEN_AND_WAIT = """
import sys, time
from pathlib import Path
from rig.stack import StackSpec, Supervisor, open_stack
from rig.stack.embedded import postgres_binaries
if len(sys.argv) > 2:
    postgres_binaries.installed = lambda wheel: Path(sys.argv[2])
with Supervisor.start() as supervisor, open_stack(StackSpec(logs=Path(sys.argv[1])), supervisor) as stack:
    import psycopg, redis
    assert psycopg.connect(stack.postgres.login("a").url).execute("SELECT 1").fetchone() == (1,)
    pids = [entry["pid"] for entry in supervisor.running()]
    print(supervisor.base, *pids, flush=True)
    sys.stdin.read()
"""


@contextmanager
def open_elsewhere(
    logs: Path,
    wrapper: tuple[str, ...] = (),
    env: dict[str, str] | None = None,
    installation: Path | None = None,
) -> Iterator[tuple[subprocess.Popen[str], Path, list[int]]]:
    """A stack in another process, its directory and the processes that its supervisor started; gone afterwards."""
    command = [*wrapper, sys.executable, "-c", OPEN_AND_WAIT, str(logs), *([str(installation)] if installation else [])]
    process = subprocess.Popen(command, cwd=CHECKOUT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        base, *words = process.stdout.readline().split() or [""]
        pids = [int(word) for word in words]
        assert len(pids) == 3
        yield process, Path(base), pids
    finally:
        process.communicate(timeout=20)  # closes its input: it ends in order, unless it was killed
    assert until(lambda: not Path(base).exists() and not any(map(alive, pids)), within_s=5)


def test_two_rigs_side_by_side(tmp_path: Path) -> None:
    with open_elsewhere(tmp_path / "other") as (other, _, pids):
        with Supervisor.start() as supervisor, open_stack(spec_of(tmp_path / "own"), supervisor) as own:
            with open_stack(spec_of(tmp_path / "second"), supervisor, "w1") as second:
                assert own.postgres.port != second.postgres.port
                assert own.valkey.alive()
                assert second.valkey.alive()
            assert own.postgres.alive()
        assert all(alive(pid) for pid in pids)
    assert other.returncode == 0


def test_a_rig_that_is_killed_leaves_no_stack(tmp_path: Path) -> None:
    with open_elsewhere(tmp_path) as (process, _, pids):
        assert shared_memory_of(pids)
        process.kill()
    assert not shared_memory_of(pids)


def shared_memory_of(pids: list[int]) -> list[str]:
    """The segments that these processes made: Postgres leaves one behind when it is killed outright."""
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()
    maker = lines[0].split().index("cpid")
    return [line for line in lines[1:] if int(line.split()[maker]) in pids]


# The interpreter may be in root's home: reading and entering are allowed, so that a plain user gets as far as that.
AS_NOBODY = (
    "setpriv", "--reuid=nobody", f"--regid={pwd.getpwnam('nobody').pw_gid}", "--clear-groups",
    "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",
)  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
def test_a_plain_user_without_a_home() -> None:
    nobody = pwd.getpwnam("nobody")
    directory = Path(tempfile.mkdtemp(prefix="plain-user-"))  # pytest's own directories are closed to others
    try:
        programs = directory / "bin"
        programs.mkdir()
        shutil.copy2(built_toxiproxy(), programs / "toxiproxy-server")
        for path in (programs, programs / "toxiproxy-server"):
            path.chmod(0o755)
        os.chown(directory, nobody.pw_uid, nobody.pw_gid)
        environment = {"PATH": f"{programs}:{os.defpath}", "HOME": "/nonexistent", "TMPDIR": str(directory)}
        # Of this checkout nothing but Python can be reached if it is in root's home: Postgres comes from the copy.
        installation = postgres_binaries.copy(postgres_binaries.installed())
        with open_elsewhere(directory / "logs", AS_NOBODY, environment, installation) as (process, base, pids):
            assert directory in base.parents
            assert {Path(f"/proc/{pid}").stat().st_uid for pid in pids} == {nobody.pw_uid}
        assert process.returncode == 0
    finally:
        shutil.rmtree(directory)


def built_toxiproxy() -> Path:
    from rig.stack.embedded.toxiproxy_binary import toxiproxy_binary

    with Supervisor.start() as supervisor:
        return toxiproxy_binary(supervisor)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts Postgres as another user")
def test_a_checkout_that_nobody_can_enter_has_its_binaries_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = Path(tempfile.mkdtemp(prefix="copies-"))
    copies.chmod(0o755)
    package = postgres_binaries.installed().parent
    closed = tmp_path / package.name / "pginstall18"
    try:
        closed.parent.mkdir(mode=0o700)
        shutil.copytree(postgres_binaries.installed(), closed, ignore=postgres_binaries.NOT_NEEDED)
        libraries = f"{package.name}.libs"
        shutil.copytree(package.parent / libraries, tmp_path / libraries)
        monkeypatch.setattr(postgres_binaries, "COPIES", copies)
        monkeypatch.setattr(postgres_binaries, "installed", lambda wheel: closed)
        assert not postgres_binaries.can_run(closed / "bin" / "postgres", "nobody")
        found = postgres_binaries.binaries()
        assert copies in found.parents
        assert postgres_binaries.can_run(found / "initdb", "nobody")
        assert postgres_binaries.binaries() == found
        assert len(list(copies.iterdir())) == 1  # made once, and nothing half made beside it
    finally:
        shutil.rmtree(copies)


def test_a_part_that_fails_takes_the_others_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rig.stack.embedded.toxiproxy.toxiproxy_binary", lambda _: Path("/bin/false"))
    with Supervisor.start() as supervisor:
        with (
            pytest.raises(StackError, match="Toxiproxy exited with code 1 at its start"),
            open_stack(spec_of(tmp_path), supervisor),
        ):
            pass
        assert until(lambda: supervisor.running() == [])


def test_a_port_is_held_against_other_rigs() -> None:
    port = PORTS.take()
    try:
        assert port in candidates()
        assert port < int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        script = f"from rig.stack.processes.ports import *; p = Ports(); print(p._lock(p._open(), {port}))"
        told = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=True)
        assert told.stdout.strip() == "False"
        assert is_free(port)  # held by the lock alone: a disabled proxy's port stays ours
    finally:
        PORTS.give_back(port)
    again = Ports()
    assert again.take() != again.take()
