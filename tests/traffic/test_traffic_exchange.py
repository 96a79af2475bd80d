"""An exchange is kept whole, its curl line runs, and no secret gets into either."""

import os
import subprocess
import threading
from pathlib import Path

import pytest

from rig.record import Recorder, Run, new_run
from rig.record.lines.common import Request
from rig.traffic import Customer, Exchange, Mitra, Operator, Outcome
from rig.traffic.actors import client
from rig.traffic.actors.exchange import curl_line
from tests.support.answering_server import TOKENS, Asked, Server, server  # noqa: F401

MITRA_ID = "7b0c5f2e-0000-4000-8000-000000000001"


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(new_run(tmp_path, "test", 1, {}))


def run_curl(line: str, **environment: str) -> str:
    shell = {"PATH": os.environ["PATH"], **environment}
    done = subprocess.run(["bash", "-c", line], env=shell, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout


def test_an_answer_is_kept_with_its_times(server: Server) -> None:  # noqa: F811
    server.answer = lambda asked: (403, {"error": {"code": "ACCOUNT_INACTIVE", "message": "no"}})
    exchange = Mitra.from_secret(server, MITRA_ID, "+628", name="Sari").ping()
    assert (exchange.status, exchange.code, exchange.ok) == (403, "ACCOUNT_INACTIVE", False)
    assert (exchange.actor, exchange.action, exchange.subject, exchange.instance) == (
        "mitra Sari",
        "ping",
        MITRA_ID,
        "a",
    )
    assert exchange.outcome is Outcome.ANSWERED
    assert 0 < exchange.seconds == exchange.ended - exchange.started < 5
    assert str(exchange).startswith("mitra Sari: POST http")
    assert "403 ACCOUNT_INACTIVE" in str(exchange)


def test_evidence_and_history_line_are_plain(server: Server, recorder: Recorder) -> None:  # noqa: F811
    server.answer = lambda asked: (200, {"is_online": True})
    exchange = Mitra.from_secret(server, MITRA_ID, recorder=recorder, name="Sari").ping()
    assert exchange.evidence()["kind"] == "http"
    assert exchange.evidence()["reply"] == {"is_online": True}
    recorder.close()
    [line] = Run.load(recorder.directory).of(Request)
    assert (line.t, line.action, line.status) == (exchange.started, "ping", 200)
    assert (line.instance, line.subject, line.outcome) == ("a", MITRA_ID, "answered")


def test_secrets_are_in_no_line_and_in_no_curl(server: Server, recorder: Recorder) -> None:  # noqa: F811
    server.answer = lambda asked: (200, TOKENS if "verify" in asked.path or "refresh" in asked.path else {})
    mitra = Mitra(server, phone="+628111", recorder=recorder)
    operator = Operator(server, recorder)
    minted = Mitra.from_secret(server, MITRA_ID, recorder=recorder)
    exchanges = [mitra.login(), mitra.ping(), mitra.refresh(), mitra.logout(), operator.dashboard(), minted.ping()]
    recorder.close()
    shown = recorder.path.read_text() + " ".join(exchange.curl for exchange in exchanges)
    secrets = [TOKENS["access_token"], TOKENS["refresh_token"], server.internal_token, minted.token]
    assert [secret for secret in secrets if secret in shown] == []
    for placeholder in ("$MITRA_TOKEN", "$MITRA_REFRESH_TOKEN", "$INTERNAL_API_TOKEN"):
        assert placeholder in shown


def test_a_curl_line_runs_with_its_placeholders_exported(server: Server) -> None:  # noqa: F811
    server.answer = lambda asked: (200, TOKENS if "verify" in asked.path else {"fine": True})
    customer = Customer(server, phone="+628111")
    customer.login()
    refreshed, extended = customer.refresh(), customer.extend("it's", 60)
    for exchange in (refreshed, extended):
        printed = run_curl(exchange.curl, CUSTOMER_TOKEN="exported", CUSTOMER_REFRESH_TOKEN="sent")
        assert "200 OK" in printed
    assert server.asked[-2].body == {"refresh_token": "sent"}
    assert server.asked[-1].authorization == "Bearer exported"
    assert server.asked[-1].path == "/api/client/chat-sessions/it's/extend"
    assert server.asked[-1].body == {"duration_seconds": 60}


def test_a_curl_line_quotes_what_the_shell_would_read() -> None:
    line = curl_line("POST", "http://x/y", body={"name": "it's $HOME"}, interface="127.0.0.2")
    assert "--interface 127.0.0.2" in line
    assert "'\"'\"'s $HOME" in line


def test_a_refused_connection_is_unsent(server: Server) -> None:  # noqa: F811
    gone = Server("http://127.0.0.1:1", "http://127.0.0.1:1")
    exchange = Customer(gone).beacon()
    assert (exchange.status, exchange.reply, exchange.outcome) == (None, None, Outcome.UNSENT)
    assert "ConnectError" in (exchange.error or "")


def test_a_hang_up_is_unknown(server: Server) -> None:  # noqa: F811
    server.answer = lambda asked: None
    exchange: Exchange = Customer(server).beacon()
    assert (exchange.status, exchange.outcome) == (None, Outcome.UNKNOWN)
    assert "RemoteProtocolError" in (exchange.error or "")
    assert exchange.code is None
    assert "RemoteProtocolError" in str(exchange)


def test_no_answer_in_time_is_unknown(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(client, "TIMEOUT_S", 0.2)
    impatient, ended = client.http_client(), threading.Event()

    def slow(asked: Asked) -> tuple[int, object]:
        ended.wait(5)
        return 200, {}

    server.answer = slow
    sender = client.Client("customer", None, placeholder="$CUSTOMER_TOKEN", http=impatient)
    exchange = sender.send("beacon", "GET", server.public_url)
    ended.set()
    impatient.close()
    assert (exchange.status, exchange.outcome) == (None, Outcome.UNKNOWN)
    assert "ReadTimeout" in (exchange.error or "")
    assert 0.2 <= exchange.seconds < 3


def test_replies_that_are_no_json(server: Server) -> None:  # noqa: F811
    server.answer = lambda asked: (200, "# HELP x")
    assert Operator(server).metrics().reply == "# HELP x"
    server.answer = lambda asked: (204, None)
    exchange = Operator(server).ready()
    assert (exchange.status, exchange.reply, exchange.ok) == (204, None, True)


def test_bad_json_can_be_sent_on_purpose(server: Server) -> None:  # noqa: F811
    server.answer = lambda asked: (400, {"error": {"code": "BAD_JSON"}})
    exchange = Customer.from_secret(server, MITRA_ID).request("create", "POST", "/x", raw=b'{"a":')
    assert (exchange.body, exchange.code) == ('{"a":', "BAD_JSON")
    assert server.asked[0].body == '{"a":'
