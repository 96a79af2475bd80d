"""Servers that are none of the contract: each is named once, what can be judged is judged, and nothing waits for ever."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import msgspec
import pytest

from rig.checks.contract.probes import judge_probe
from rig.environment.cadence import Cadence
from rig.environment.outside import OutsideTestbed
from rig.record.null_recorder import NullRecorder
from rig.runs.contract import first_look as looks
from rig.runs.contract.probes import senders
from rig.runs.contract.probing import probes, run_probe
from rig.stack import Supervisor, open_stack
from rig.stack.http import http_client
from rig.stack.sut.attachment import Attachment
from tests.support.stack_support import spec_of

Answer = Callable[[BaseHTTPRequestHandler], None]
JSON = "application/json"


def answer(handler: BaseHTTPRequestHandler, status: int, content: bytes, kind: str = JSON, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)


def html(handler: BaseHTTPRequestHandler) -> None:
    answer(handler, 200, b"<html>Welcome</html>", "text/html")


def no_route(handler: BaseHTTPRequestHandler) -> None:
    answer(handler, 404, b'{"error": {"code": "NOT_FOUND", "message": "no such path"}}')


def redirect(handler: BaseHTTPRequestHandler) -> None:
    answer(handler, 302, b"", Location="https://login.invalid/")


def other_sign_in(handler: BaseHTTPRequestHandler) -> None:
    answer(handler, 401, b'{"error": {"code": "UNAUTHENTICATED", "message": "basic"}}')


def never_closes(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.wfile.flush()
    stopped.wait(30)


def streams_for_ever(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", JSON)
    handler.end_headers()
    while not stopped.wait(0.02):
        handler.wfile.write(b" ")
        handler.wfile.flush()


stopped = threading.Event()


@contextmanager
def serving(odd: Answer) -> Iterator[str]:
    """A server that is ready, and answers everything else in an odd way."""

    class Handler(BaseHTTPRequestHandler):
        def any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == "/readyz":
                answer(self, 200, b"{}")
            else:
                odd(self)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = any

        def log_message(self, *_: object) -> None:
            """Silent: pytest's output is for failures."""

    stopped.clear()
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads, http.block_on_close = True, False
    http.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that went away is meant
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}"
    finally:
        stopped.set()
        http.shutdown()
        http.server_close()
        thread.join()


@contextmanager
def outside(url: str, logs: Path) -> Iterator[OutsideTestbed]:
    spec = spec_of(logs, sut="python -m server", attached=Attachment(url, url, otp_code="1"), outside=True)
    with Supervisor.start() as supervisor, open_stack(spec, supervisor, "outside") as stack:
        testbed = OutsideTestbed(stack, NullRecorder(), Cadence("fast"), 1)
        testbed.ready({})
        yield testbed
        testbed.close()


@pytest.mark.parametrize(
    ("odd", "told", "broken"),
    [
        (html, "answers with HTML in place of JSON", {"AUTH-01", "BEACON-07", "HTTP-03", "HTTP-04"}),
        (no_route, "has no such route (404)", {"AUTH-01", "BEACON-07", "READY-01", "HTTP-04"}),
        (redirect, "redirects to https://login.invalid/", {"AUTH-01", "BEACON-07", "READY-01", "HTTP-04"}),
        (other_sign_in, "wants another sign-in (401 without a token)", {"AUTH-21", "BEACON-07", "HTTP-03"}),
        (never_closes, "does not end its answer within 0.5 s", {"HTTP-20"}),
        (streams_for_ever, "does not end its answer within 0.5 s", {"HTTP-20"}),
    ],
)
def test_it_is_named_once_and_judged_where_possible(
    odd: Answer, told: str, broken: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience_s = 0.5 if broken == {"HTTP-20"} else 8.0  # nothing waits so long for one that answers
    monkeypatch.setattr(senders, "PATIENCE_S", patience_s)
    monkeypatch.setattr(looks, "PATIENCE_S", patience_s)
    began = time.monotonic()
    with serving(odd) as url, outside(url, tmp_path) as testbed:
        (said,) = looks.first_look(testbed)
        assert said.startswith(f"the server {told}: GET /"), said
        found = set()
        for name in ("wrong methods and paths", "order of errors", "answers of open routes"):
            line = run_probe(testbed, probes()[name], ())
            found |= {sentence for sentence, _ in judge_probe(msgspec.structs.replace(line, lag_s=0.0)).broken}
    assert found >= broken
    assert time.monotonic() - began < 40


def test_an_answer_that_streams_for_ever_is_cut_off() -> None:
    began = time.monotonic()
    with (
        serving(streams_for_ever) as url,
        http_client(0.5) as http,
        pytest.raises(httpx.ReadTimeout, match="did not end"),
    ):
        http.get(url)
    assert time.monotonic() - began < 10
