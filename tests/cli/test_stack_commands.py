"""`rig doctor`, `rig serve`, `rig vk` and `rig sql` as a user meets them, and the settings behind them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig import config
from rig.cli import commands as cli
from rig.cli import main as entry
from rig.environment import running_stacks as running
from rig.paths import CHECKOUT
from rig.record import verdict
from rig.setting_fields import FIELDS
from rig.stack import Stack, Supervisor, open_stack
from rig.stack.embedded.valkey import client
from tests.support.stack_support import STUB, rig, spec_of, until


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Supervisor.start() as supervisor, open_stack(spec_of(tmp_path_factory.mktemp("logs")), supervisor) as opened:
        with running.announced(opened, "test"):
            yield opened


def test_help_loads_nothing_slow() -> None:
    done = rig("--help")
    assert done.returncode == 0
    for name in ("doctor", "serve", "vk", "sql", "mark"):
        assert name in done.stdout
    script = "import sys, rig.cli.commands; print([m for m in ('psycopg', 'httpx', 'redis', 'pydantic') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    assert loaded.stdout.strip() == "[]"


def test_doctor_finds_what_the_other_tests_use(stack: Stack) -> None:
    done = rig("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    for what in ("Postgres 18", "Valkey", "Toxiproxy", "all ", "supervisor"):
        assert what in done.stdout
    assert "missing" not in done.stdout


def test_misuse_exits_4_with_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        verdict.EXIT_CODES[verdict.Verdict.BROKEN], verdict.EXIT_USAGE, verdict.EXIT_INTERRUPTED,
    ) == (entry.EXIT_BROKEN, entry.EXIT_USAGE, entry.EXIT_INTERRUPTED)  # fmt: skip
    for words, environment, said in (
        (["no-such-command"], {}, "No such command 'no-such-command'"),
        (["serve", "--mode", "cloud"], {}, "--mode='cloud': input should be"),
        (["serve"], {"RIG_MODE": "cloud"}, "RIG_MODE='cloud': input should be"),
        (["serve"], {"RIG_SCRACH": "1"}, "did you mean 'RIG_SCRATCH'?"),
        (["serve", "--mode", "external"], {}, "needs --postgres URL and --valkey URL"),
        (["serve", "--instances", "0"], {}, "Invalid value for '--instances'"),
    ):
        with monkeypatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)
            patched.setattr("sys.argv", ["rig", *words])
            patched.setattr("signal.signal", lambda *_: None)  # pytest's own handlers stay
            with pytest.raises(SystemExit) as left:
                cli.main()
        assert left.value.code == 4, words
        assert said in capsys.readouterr().err
    done = rig("no-such-command")
    assert (done.returncode, done.stdout) == (4, "")


def test_flag_beats_environment_beats_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.read().cadence == "fast"
    monkeypatch.setenv("RIG_CADENCE", "written")
    assert config.read().cadence == "written"
    assert config.read(cadence="fast").cadence == "fast"
    with pytest.raises(ValueError, match="frozen"):
        config.read().cadence = "fast"  # type: ignore[misc]
    assert FIELDS.keys() == config.Settings.model_fields.keys()


def test_prompts_reach_the_running_stack(stack: Stack) -> None:
    with client(stack.valkey.url) as connection:
        connection.sadd("mitras:online", "one")
    name = f"test-{os.getpid()}"
    assert rig("vk", "--stack", name, "SMEMBERS", "mitras:online").stdout.strip() == "one"
    assert rig("vk", "--stack", name, "GET").returncode == 1
    table = rig("sql", "--stack", str(os.getpid()), "SELECT 1 AS one, current_user AS who")
    assert [cell.strip() for cell in table.stdout.splitlines()[2].split("|")] == ["1", "rig"]
    assert rig("sql", "--stack", name, "SELECT nothing").returncode == 1
    missed = rig("vk", "--stack", "nobody's", "PING")
    assert missed.returncode == 4
    said, _, there = missed.stderr.partition(": there are ")
    assert said.startswith('rig: no running stack "nobody\'s"')
    assert name in there.strip().split(", ")  # beside those of tests that run at the same time


def test_several_stacks_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    stacks: list[dict] = []
    monkeypatch.setattr(running, "look", lambda: (stacks, []))
    with pytest.raises(running.UsageError, match="no stack is running: start one with `rig serve`"):
        running.the_stack(None)
    stacks += [{"name": "serve-1", "pid": 1, "stack": {"n": 1}}, {"name": "serve-2", "pid": 2, "stack": {"n": 2}}]
    with pytest.raises(running.UsageError, match=r"several stacks are running \(serve-1, serve-2\)"):
        running.the_stack(None)
    assert running.the_stack("serve-2") == running.the_stack("2") == {"n": 2}


def test_the_state_file_of_a_killed_rig_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(running, "directories", lambda: [tmp_path / "missing", tmp_path])
    (tmp_path / "1.json").write_text('{"name": "serve-1", "pid": 1, "supervisor": "/gone", "stack": {}}')
    assert running.running() == []
    assert not (tmp_path / "1.json").exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_serve_until_interrupted_leaves_nothing(how: signal.Signals, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with out.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "rig", "serve", "--instances", "2"], cwd=CHECKOUT, stdout=file, stderr=file
        )
    state = f"{process.pid}.json"
    try:
        assert until(lambda: "Ctrl-C ends it all" in out.read_text() or process.poll() is not None, 40)
        text = out.read_text()
        line = next(line for line in text.splitlines() if line.startswith("curl ") and "bestie" in line)
        told = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)
        assert '"available"' in told.stdout
        tokens = [line for line in text.splitlines() if line.startswith(("MITRA=", "OPERATOR=", "curl -X POST"))]
        told = subprocess.run("\n".join(tokens), shell=True, capture_output=True, text=True, check=True)
        assert '"is_online":true' in told.stdout.replace(" ", "")
        (path,) = [d / state for d in running.directories() if (d / state).exists()]
        assert path.stat().st_mode & 0o077 == 0
    finally:
        process.send_signal(how)
        assert process.wait(20) == 0, out.read_text()
    assert not any((directory / state).exists() for directory in running.directories())
    assert not list(Path("/tmp").glob(f"mirror-rig-{process.pid}-*"))


def test_serve_ends_with_3_when_its_server_does(tmp_path: Path) -> None:
    done = rig("serve", "--sut", STUB, "--sut-pass-env", "STUB", STUB="exit")
    assert done.returncode == 3
    assert "exited with code 7 before it was ready" in done.stderr
    assert "Traceback" not in done.stderr
