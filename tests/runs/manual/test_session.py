"""What commands do to a session that runs, seen in its stores, its servers and at its proxies; and what they refuse."""

import json
import re
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from rig.environment import running_stacks as running
from rig.errors import UsageError
from rig.paths import CHECKOUT
from rig.report.explain.walk import shell_lines
from rig.runs.manual import client
from rig.runs.manual.people import MITRAS
from rig.runs.manual.session import Session
from rig.stack.external.valkey import ExternalValkey
from tests.support.manual_session import Serving, environment, serving
from tests.support.stack_support import alive, until

CADENCE = "MITRA_AUTO_OFFLINE_SWEEP_SECONDS"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    words = ["--instances", "2", "--env", f"{CADENCE}=3600", "--config", "stale_after_seconds=77"]
    with serving(tmp_path_factory.mktemp("serve") / "out", *words, GOODBYE_WINDOW_SECONDS="7", JWT_SECRET="x") as found:
        yield found


def facts(session: Serving) -> dict[str, Any]:
    return running.the_session(session.name)


def refused(session: Serving, *words: str) -> str:
    """The one line of a usage error."""
    done = session.rig(*words)
    assert (done.returncode, done.stdout) == (4, ""), done
    (line,) = done.stderr.splitlines()
    return line


def accepts(url: str) -> bool:
    """Whether somebody listens at that store's address."""
    host, _, port = url.partition("@")[2].partition("/")[0].partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_flags_the_shell_and_settings_reach_the_servers(session: Serving) -> None:
    server = facts(session)["stack"]["servers"]["b"]
    environment = Path(f"/proc/{server['pid']}/environ").read_text().split("\0")
    assert {f"{CADENCE}=3600", "GOODBYE_WINDOW_SECONDS=7", "VALKEY_ONLINE_MIRROR_SWEEP_SECONDS=300"} <= {*environment}
    assert "JWT_SECRET=x" not in environment
    assert "not used, as the rig sets them itself: JWT_SECRET of your environment" in session.out.read_text()
    token = {"Authorization": f"Bearer {server['internal_token']}"}
    config = httpx.get(f"{server['internal_url']}/internal/config", headers=token).json()["config"]
    assert config["stale_after_seconds"] == 77


def test_a_shell_gets_addresses_tokens_and_ids(session: Serving) -> None:
    script = f"""
    eval "$({sys.executable} -m rig env --session {session.name})"
    for token in $MITRA $DEWI $RANI; do
        curl -sS -H "Authorization: Bearer $token" $PUBLIC_B/api/mitra/profile; echo
    done
    curl -sS -o /dev/null -w '%{{http_code}}\\n' -H "Authorization: Bearer $OPERATOR" $INTERNAL/internal/dashboard
    curl -sS -X POST -H "Authorization: Bearer $CUSTOMER" -H 'Content-Type: application/json' \
        -d '{{"duration_seconds": 60}}' $PUBLIC/api/client/chat-sessions; echo
    echo $MITRA_ID $CUSTOMER_ID
    """
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    *profiles, dashboard, chat, ids = done.stdout.splitlines()
    assert [json.loads(one)["display_name"] for one in profiles] == list(MITRAS), done
    assert dashboard == "200"
    assert ids.split() == [json.loads(profiles[0])["id"], json.loads(chat)["customer_id"]]


def test_valkey_is_stopped_started_and_emptied(session: Serving) -> None:
    assert session.done("valkey", "stop").startswith("Valkey is stopped")
    assert session.rig("vk", "PING").returncode == 1
    assert session.rig("valkey", "flush").returncode == 3
    assert session.done("valkey", "stop") == "Valkey is stopped already\n"
    assert session.done("valkey", "start").startswith("Valkey runs, empty")
    assert session.done("valkey", "start") == "Valkey runs already\n"
    session.done("vk", "SET", "mirror:trial", "1")
    session.done("valkey", "flush")
    assert session.done("vk", "EXISTS", "mirror:trial") == "0\n"
    logged = session.done("log", "--lines", "1000")
    assert " rig | Valkey is stopped and has lost its keys" in logged, "what was done stands among what it caused"


def test_a_cut_refuses_at_the_proxy_of_one_server_or_of_all(session: Serving) -> None:
    urls = {
        name: next(
            line.partition("=")[2]
            for line in Path(f"/proc/{server['pid']}/environ").read_text().split("\0")
            if line.startswith("VALKEY_URL=")
        )
        for name, server in facts(session)["stack"]["servers"].items()
    }
    session.done("vk", "SET", "mirror:trial", "1")
    assert "server a is cut off" in session.done("valkey", "cut", "a")
    assert [accepts(urls[name]) for name in "ab"] == [False, True]
    assert session.done("valkey", "cut").count("is cut off") == 2
    assert [accepts(urls[name]) for name in "ab"] == [False, False]
    assert session.done("vk", "GET", "mirror:trial") == "1\n", "the keys are kept"
    assert session.done("valkey", "heal").count("reaches Valkey again") == 2
    assert [accepts(urls[name]) for name in "ab"] == [True, True]


def test_a_server_is_stopped_and_started_with_other_variables(session: Serving) -> None:
    before = facts(session)["stack"]["servers"]
    assert session.done("server", "stop", "b").startswith("server b has stopped: exit code 0 after ")
    assert not alive(before["b"]["pid"])
    assert alive(before["a"]["pid"])
    failed = session.rig("server", "start", "b", "--env", f"{CADENCE}=soon")
    assert failed.returncode == 3
    (line,) = failed.stderr.splitlines()
    assert line.startswith("rig: server b exited with code 1 before it was ready: server: MITRA_AUTO_OFFLINE")
    assert "`rig server start` tries again" in line
    assert session.done("server", "start").startswith("server b is ready at "), "with its old variables, and a runs"
    told = session.done("server", "restart", "--env", f"{CADENCE}=5")
    assert [line.startswith(f"server {name} is ready") for name, line in zip("ab", told.splitlines()[2:], strict=True)]
    after = facts(session)["stack"]["servers"]
    assert {after[name]["pid"] for name in "ab"}.isdisjoint(before[name]["pid"] for name in "ab")
    assert f"{CADENCE}=5" in Path(f"/proc/{after['b']['pid']}/environ").read_text().split("\0")
    session.done("server", "restart", "b", "--env", f"{CADENCE}=")
    pid = facts(session)["stack"]["servers"]["b"]["pid"]
    assert f"{CADENCE}=3600" in Path(f"/proc/{pid}/environ").read_text().split("\0"), "as `rig serve` had it"


def test_logs_and_statements_are_told_by_server(session: Serving) -> None:
    b = facts(session)["stack"]["servers"]["b"]
    since = str(time.time())
    httpx.get(f"{b['internal_url']}/internal/mitras", headers={"Authorization": f"Bearer {b['internal_token']}"})
    shown = session.done("statements", "--since", since, "--instance", "b")
    assert any(" b | SELECT" in line and "display_name" in line for line in shown.splitlines())
    assert " a | " not in shown
    assert "display_name" not in session.done("statements", "--since", since, "--instance", "a")
    assert "rig-fence" in session.done("statements", "--since", since, "--all")
    assert session.done("log", "--instance", "a", "--lines", "1").count("\n") == 1
    missed = session.rig("log", "--until", "never said", "--within-s", "0.2")
    assert missed.returncode == 1
    assert missed.stderr == "rig: no line with 'never said': none came within 0.2 s\n"


def test_what_cannot_be_is_one_line(session: Serving) -> None:
    assert refused(session, "server", "stop", "c") == "rig: there is no server 'c': there is a, b"
    assert "leave 'a' out (`rig valkey cut a` is for one)" in refused(session, "valkey", "stop", "a")
    assert refused(session, "log", "--instance", "c") == "rig: --instance c: there is a, b"
    assert "did you mean" in refused(session, "server", "restart", "--env", "MITRA_AUTO_OFFLINE_SWEEP=1")
    assert "give it to start" in refused(session, "server", "stop", "--env", f"{CADENCE}=1")
    assert "--since 'noon'" in refused(session, "log", "--since", "noon")
    assert "section A needs another session: rig serve --port 3000" in refused(session, "tour", "A")


def test_nobody_else_may_use_the_control_socket_nor_hold_it_up(session: Serving) -> None:
    path = Path(facts(session)["session"]["control"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with socket.socket(socket.AF_UNIX) as silent, socket.socket(socket.AF_UNIX) as garbled:
        silent.connect(str(path))
        garbled.connect(str(path))
        garbled.sendall(b"[]\n")
        assert session.done("valkey", "start") == "Valkey runs already\n"


def test_a_session_that_was_killed_is_told_in_one_line(tmp_path: Path) -> None:
    with serving(tmp_path / "out", killed=True) as doomed:
        state = facts(doomed)
        doomed.process.kill()
        doomed.process.wait(10)
        with pytest.raises(client.SessionEnded, match=f"{doomed.name} has ended"):
            client.ask(state, {"what": "valkey", "action": "start"})  # as a command that had just found it
        assert refused(doomed, "valkey", "stop").startswith(f"rig: {doomed.name} was killed and has ended: ")
        assert until(lambda: not Path(state["supervisor"]).exists(), 20)


@pytest.mark.parametrize(("action", "instead"), [("stop", "cut"), ("start", "heal")])
def test_a_valkey_that_is_given_is_not_stopped(action: str, instead: str, tmp_path: Path) -> None:
    stack: Any = SimpleNamespace(valkey=ExternalValkey("redis://127.0.0.1:1/0"))
    session = Session(stack, {}, tmp_path, ready_within_s=1)
    with pytest.raises(UsageError, match=f"an external Valkey is not ours to {action}: `rig valkey {instead}`"):
        session.act({"what": "valkey", "action": action})


def test_two_sessions_are_told_apart_and_other_stacks_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[dict[str, Any]] = []
    killed: list[str] = []
    monkeypatch.setattr(running, "look", lambda: (found, killed))
    with pytest.raises(UsageError, match="no session is running: start one with `rig serve` in another terminal"):
        running.the_session(None)
    found.append({"name": "checklist-1", "pid": 1, "stack": {}})
    with pytest.raises(UsageError, match="checklist-1 is no manual session"):
        running.the_session(None)
    found.append({"name": "serve-2", "pid": 2, "stack": {}, "session": {}})
    assert running.the_session(None)["pid"] == running.the_session("2")["pid"] == 2
    found.append({"name": "serve-3", "pid": 3, "stack": {}, "session": {}})
    with pytest.raises(
        UsageError, match=r"several sessions are running \(serve-2, serve-3\): choose one with --session"
    ):
        running.the_session(None)
    killed.append("serve-4")
    with pytest.raises(UsageError, match="serve-4 was killed and has ended: choose serve-2, serve-3"):
        running.the_session("4")


STEP = {"chat": "", "mitra": "", "value": None, "key": "", "token": "fresh", "instance": "a"}
WALK: list[dict[str, Any]] = [
    {"action": "online", "actor": "m1", "answer": 200},
    {"mitra": "m1", "by_s": 30.0},
    {"action": "create", "actor": "c1", "chat": "chat1", "value": 1800, "answer": 201},
    {"action": "pay", "actor": "c1", "chat": "chat1", "answer": 200},
    {"action": "accept", "actor": "m1", "chat": "chat1", "instance": "b", "answer": 200},
    {"action": "get", "actor": "c2", "chat": "chat1", "answer": 403},
    {"action": "ping", "actor": "m1", "token": "expired", "answer": 401},
    {"action": "status", "actor": "m1", "token": "tampered", "answer": 401},
    {"action": "status", "actor": "m1", "token": "foreign role", "answer": 403},
    {"action": "mitra-request-code", "actor": "m2", "answer": 200},
    {"action": "mitra-verify", "actor": "m2", "value": "right", "key": "t1", "answer": 200},
    {"action": "mitra-refresh", "actor": "m2", "value": "t1", "key": "t2", "answer": 200},
    {"action": "mitra-refresh", "actor": "m2", "value": "t1", "key": "t3", "answer": 401},
    {"action": "set-active", "actor": "operator", "mitra": "m2", "value": False, "answer": 200},
    {"action": "set-active", "actor": "operator", "mitra": "m2", "value": True, "answer": 200},
    {"action": "mitra-end", "actor": "m1", "chat": "chat1", "answer": 200},
    {"action": "offline", "actor": "m1", "answer": 200},
]


def test_the_lines_of_a_failing_walk_run_in_a_shell(session: Serving) -> None:
    """As a report prints them: each request gets the answer that it got in the walk."""
    moves = [{**STEP, **move} if "action" in move else move for move in WALK]
    lines = ["set -eu", f'rig() {{ "{sys.executable}" -m rig "$@"; }}', *shell_lines(moves)]
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)], env=environment(RIG_SESSION=session.name), cwd=CHECKOUT,
        capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done
    statuses = [int(status) for status in re.findall(r" (\d{3})$", done.stdout, re.MULTILINE)]
    assert statuses == [move["answer"] for move in WALK if "answer" in move], done.stdout
