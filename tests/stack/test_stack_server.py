"""The server under test as a process: ready, stopped, killed, and every way of not getting ready."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rig.stack import NotReady, ServerDied, Stack, StackError, Supervisor, open_stack
from rig.stack.errors import SpecError
from tests.support.stack_support import STUB, alive, spec_of, until


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Supervisor.start() as supervisor:
        with open_stack(spec_of(tmp_path_factory.mktemp("logs")), supervisor) as opened:
            yield opened


def get(url: str) -> str:
    return httpx.get(url, trust_env=False, timeout=5).text


def test_it_starts_stops_and_starts_again_on_its_seat(stack: Stack) -> None:
    server = stack.server("a", env={"STUB_BODY": "first"})
    assert server.exit_code is None
    assert not server.running
    server.start()
    assert server.running
    assert server.started is not None
    assert server.ready is not None
    assert server.ready >= server.started
    assert get(server.public_url) == "first"
    with pytest.raises(StackError, match=r"server a runs already \(pid \d+\)"):
        server.start()
    with pytest.raises(StackError, match="stop it before asking for it anew"):
        stack.server("a")
    assert server.stop() == 0
    assert server.exit_code == 0
    server.start({"STUB_BODY": "second"})  # for this start only
    assert get(server.public_url) == "second"
    assert server.kill() == -signal.SIGKILL
    again = stack.server("a")
    assert again.seat == server.seat
    assert again.env["PUBLIC_PORT"] == str(server.seat.public_port)
    texts = [line.partition(" ")[2] for line in again.log.read_text().splitlines()]
    assert texts.count("[stub] starting") == 2
    assert texts.count("[stub] bye") == 1


def test_its_environment_is_quiet_and_its_own(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://production.example/")
    monkeypatch.setenv("RIG_SCRATCH", "1")
    server = stack.server("b", env={"GOODBYE_WINDOW_SECONDS": "2"})
    server.start()
    seen = dict(
        entry.split("=", 1) for entry in Path(f"/proc/{server.pid}/environ").read_text().split("\0") if "=" in entry
    )
    server.stop()
    assert seen["DATABASE_URL"] == server.seat.database_url
    assert "RIG_SCRATCH" not in seen
    assert seen["MITRA_AUTO_OFFLINE_SWEEP_SECONDS"] == "3600"
    assert seen["GOODBYE_WINDOW_SECONDS"] == "2"
    assert (seen["APP_ENV"], seen["OTP_DEV_CODE"]) == ("test", "123456")
    assert seen["JWT_SECRET"] == stack.server("a").jwt_secret  # a token of one is good at the other


def test_unproxied_it_goes_straight_to_valkey(stack: Stack) -> None:
    server = stack.server("c", proxied=False)
    assert server.proxy is None
    assert f":{stack.valkey.port}/" in server.env["VALKEY_URL"]
    assert f":{stack.valkey.port}/" not in stack.server("c").env["VALKEY_URL"]


def test_one_that_exits_says_so_with_its_last_lines(stack: Stack) -> None:
    server = stack.server("a")
    with pytest.raises(ServerDied, match="exited with code 7 before it was ready") as caught:
        server.start({"STUB": "exit"})
    assert "DATABASE_URL is not to my taste" in str(caught.value)
    assert caught.value.exit_code == 7
    assert server.exit_code == 7


def test_one_that_is_never_ready_is_killed_and_reported(stack: Stack) -> None:
    server = stack.server("a")
    with pytest.raises(NotReady, match=r"not ready within 0.5 s: /readyz answered 503") as caught:
        server.start({"STUB": "never"}, ready_within_s=0.5)
    assert "[stub] starting" in str(caught.value)
    assert not server.running


def test_one_that_is_deaf_is_killed_after_the_timeout(stack: Stack) -> None:
    server = stack.server("a")
    server.start({"STUB": "deaf"})
    assert server.stop(timeout_s=0.3) == -signal.SIGKILL


def test_what_it_leaves_behind_goes_with_it(stack: Stack) -> None:
    server = stack.server("a")
    server.start({"STUB": "child"})
    text = next(line for line in reversed(server.log.read_text().splitlines()) if "grandchild" in line)
    grandchild = int(text.split()[-1])
    assert alive(grandchild)
    server.kill()
    assert until(lambda: not alive(grandchild))


def test_a_port_in_use_is_named_with_its_holder(stack: Stack) -> None:
    server = stack.server("a")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", server.seat.internal_port))
        other.listen()
        with pytest.raises(StackError, match=rf"port {server.seat.internal_port} for server a is taken by .*pid \d+"):
            server.start()
    assert not server.running


@pytest.mark.parametrize(
    ("sut", "error", "message"),
    [
        ("/no/such/server --flag", SpecError, "there is no program '/no/such/server' that we may run"),
        ("python -m no_such_module", ServerDied, "No module named"),
        ("'unfinished", SpecError, "is no shell command: No closing quotation"),
        ("", SpecError, "--sut is empty"),
    ],
)
def test_a_bad_command(stack: Stack, tmp_path: Path, sut: str, error: type[Exception], message: str) -> None:
    broken = Stack.__new__(Stack)

    def start() -> None:  # a bad command is told where the stack is asked for, or where the server is
        broken.__dict__.update(stack.__dict__, spec=spec_of(tmp_path, sut), servers={})
        broken.server("a").start()

    with pytest.raises(error, match=message):
        start()


def test_the_first_word_python_is_our_interpreter(tmp_path: Path) -> None:
    import sys

    assert spec_of(tmp_path, STUB).command()[0] == sys.executable
    assert spec_of(tmp_path, "node server.js").command() == ["node", "server.js"]
