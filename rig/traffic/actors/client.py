"""Sends requests for an actor: bounded, kept alive, recorded, with secrets masked, and never raising."""

import atexit
import functools
import json
import ssl
import time
from typing import Any, Protocol

import httpx

from rig.record import RecordWriter
from rig.traffic.actors.exchange import Exchange, Outcome, curl_line

TIMEOUT_S = 8.0  # the contract's 5 s and a margin, so that an answer that breaks the bound is still seen
KEPT_ALIVE_S = 60.0  # below the server's 75 s, or we would send into a connection that it is closing

# Errors raised before a byte of the request went out: the server cannot have acted on it.
UNSENT_ERRORS = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class ServerHandle(Protocol):
    """What traffic needs to know of a server; `name`, where there is one, is recorded as the instance."""

    @property
    def public_url(self) -> str: ...

    @property
    def internal_url(self) -> str: ...

    @property
    def jwt_secret(self) -> str | None: ...

    @property
    def internal_token(self) -> str | None: ...

    @property
    def otp_code(self) -> str | None: ...


@functools.cache
def tls() -> ssl.SSLContext:
    """One context for all clients: making one reads the system's certificates, some 20 ms each."""
    return ssl.create_default_context()


def http_client(local_address: str | None = None) -> httpx.Client:
    """A client with our bounds; `local_address` is the source address it connects from."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=200, keepalive_expiry=KEPT_ALIVE_S)
    transport = httpx.HTTPTransport(verify=tls(), local_address=local_address, limits=limits, trust_env=False)
    return httpx.Client(transport=transport, timeout=TIMEOUT_S, trust_env=False)


@functools.cache
def shared_client() -> httpx.Client:
    """The process's own client: it is safe to share between threads, and actors then need no closing."""
    client = http_client()
    atexit.register(client.close)
    return client


class Client:
    """One actor's way to a server. `placeholder` stands for its access token in records and curl lines."""

    def __init__(
        self,
        actor: str,
        recorder: RecordWriter | None,
        *,
        placeholder: str,
        instance: str | None = None,
        subject: str | None = None,
        http: httpx.Client | None = None,
        interface: str | None = None,
    ) -> None:
        self.actor = actor
        self.recorder = recorder
        self.placeholder = placeholder
        self.instance = instance
        self.subject = subject
        self.interface = interface
        self._http = http
        self._secrets: dict[str, str] = {}

    @property
    def refresh_placeholder(self) -> str:
        """`$MITRA_REFRESH_TOKEN` beside `$MITRA_TOKEN`."""
        return self.placeholder.replace("_TOKEN", "_REFRESH_TOKEN")

    def keep_secret(self, secret: str | None, placeholder: str) -> None:
        """From now on neither the record nor a curl line shows this text."""
        if not secret:
            return
        self._secrets[secret] = placeholder
        if self.recorder is not None:
            self.recorder.mask(secret, placeholder)

    def send(
        self,
        action: str,
        method: str,
        url: str,
        *,
        body: Any = None,
        token: str | None = None,
        raw: bytes | None = None,
        patience_s: float | None = None,
    ) -> Exchange:
        """One request. `body` goes as JSON, `raw` as it is (bad JSON on purpose), `token` as the bearer.

        After `patience_s` (the client's own, unless given) without a sign of an answer the connection is dropped, and the
        outcome unknown.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        content = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        if content is not None:
            headers["Content-Type"] = "application/json"
        outcome = Outcome.ANSWERED
        answer: tuple[int, bytes] | str
        started, clock = time.time(), time.perf_counter()
        try:
            response = (self._http or shared_client()).request(
                method,
                url,
                headers=headers,
                content=content,
                timeout=httpx.USE_CLIENT_DEFAULT if patience_s is None else patience_s,
            )
            answer = response.status_code, response.content
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            answer = f"{type(problem).__name__}: {problem}".rstrip(": ")
            outcome = Outcome.UNSENT if isinstance(problem, UNSENT_ERRORS) else Outcome.UNKNOWN
        ended = started + time.perf_counter() - clock
        shown = body if raw is None else raw.decode(errors="replace")
        return self.exchange(
            action, method, url, body=shown, signed=bool(token),
            answer=answer, outcome=outcome, started=started, ended=ended,
        )  # fmt: skip

    def exchange(
        self,
        action: str,
        method: str,
        url: str,
        *,
        answer: tuple[int, bytes] | str,
        started: float,
        ended: float,
        body: Any = None,
        signed: bool = False,
        outcome: Outcome = Outcome.ANSWERED,
    ) -> Exchange:
        """A request that was sent, as the record keeps it. `answer` is status and content, or the error in its place."""
        status, reply, error = None, None, None
        if isinstance(answer, str):
            error = answer
            outcome = Outcome.UNKNOWN if outcome is Outcome.ANSWERED else outcome
        else:
            status, reply = answer[0], parse(answer[1])
        self._learn(reply)
        bearer = self.placeholder if signed else None
        curl = curl_line(method, url, body=body, bearer=bearer, secrets=self._secrets, interface=self.interface)
        exchange = Exchange(
            self.actor, method, url, body, status, reply, error, started, ended, curl,
            action=action, subject=self.subject, instance=self.instance, outcome=outcome,
        )  # fmt: skip
        if self.recorder is not None:
            self.recorder.add(exchange.line())
        return exchange

    def _learn(self, reply: Any) -> None:
        """Tokens in a reply are secrets before the reply is written anywhere."""
        if not isinstance(reply, dict):
            return
        names = {"access_token": self.placeholder, "refresh_token": self.refresh_placeholder}
        for key, placeholder in names.items():
            if isinstance(reply.get(key), str):
                self.keep_secret(reply[key], placeholder)


def parse(content: bytes) -> Any:
    """JSON where it is JSON, else the text; None for an empty body."""
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")


def instance_of(server: object) -> str | None:
    """The name a server goes by in the record: its handle's `name`, if it has one."""
    return getattr(server, "name", None)
