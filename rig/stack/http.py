"""The rig's way to speak HTTP through httpx: no proxy of the environment, one TLS context, one look without a record.

Requests that must leave at a planned moment, in the same instant, or in part write their own bytes
(`rig.traffic.request_bytes`): httpx decides itself when it writes, and costs more than the server's answer.
"""

import functools
import ssl
import time
from collections.abc import Iterator

import httpx

ANSWER_BYTES_MAX = 64 * 1024 * 1024  # more is no answer of the contract, whatever the fleet


@functools.cache
def tls() -> ssl.SSLContext:
    """One context for all clients: making one reads the system's certificates, some 20 ms each."""
    return ssl.create_default_context()


def http_client(
    timeout_s: float, *, base_url: str = "", local_address: str | None = None, limits: httpx.Limits | None = None
) -> httpx.Client:
    """A client that keeps connections alive; `local_address` is the source address that it connects from.

    `timeout_s` is for each wait, and for the whole answer: one that goes on after it is httpx.ReadTimeout.
    """
    kept = limits or httpx.Limits(max_connections=100, max_keepalive_connections=20)
    transport = Bounded(verify=tls(), local_address=local_address, limits=kept, trust_env=False)
    return httpx.Client(base_url=base_url, transport=transport, timeout=timeout_s, trust_env=False)


class Bounded(httpx.HTTPTransport):
    """Ends an answer that goes on for longer than the read timeout of its request, or is larger than ANSWER_BYTES_MAX."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer; its body is read later. httpx.TransportError where none comes."""
        began = time.monotonic()
        answer = super().handle_request(request)
        limit_s = request.extensions.get("timeout", {}).get("read")
        if limit_s is not None and isinstance(answer.stream, httpx.SyncByteStream):
            answer.stream = BoundedBody(answer.stream, began + limit_s, request)
        return answer


class BoundedBody(httpx.SyncByteStream):
    """The body of an answer until `deadline`, a time of the monotonic clock."""

    def __init__(self, body: httpx.SyncByteStream, deadline: float, request: httpx.Request) -> None:
        self._body, self._deadline, self._request = body, deadline, request

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._body:
            size += len(piece)
            if time.monotonic() > self._deadline:
                raise httpx.ReadTimeout("the answer did not end in time", request=self._request)
            if size > ANSWER_BYTES_MAX:
                raise httpx.ReadError(f"the answer has more than {ANSWER_BYTES_MAX} bytes", request=self._request)
            yield piece

    def close(self) -> None:
        self._body.close()


def get(url: str, timeout_s: float, token: str | None = None) -> httpx.Response:
    """One GET on a connection of its own, with `token` as the bearer. httpx.HTTPError when no answer comes."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with http_client(timeout_s) as client:
        return client.get(url, headers=headers)
