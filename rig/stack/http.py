"""The rig's way to speak HTTP through httpx: no proxy of the environment, one TLS context, one look without a record.

Requests that must leave at a planned moment, in the same instant, or in part write their own bytes
(`rig.traffic.request_bytes`): httpx decides itself when it writes, and costs more than the server's answer.
"""

import functools
import ssl

import httpx


@functools.cache
def tls() -> ssl.SSLContext:
    """One context for all clients: making one reads the system's certificates, some 20 ms each."""
    return ssl.create_default_context()


def http_client(
    timeout_s: float, *, base_url: str = "", local_address: str | None = None, limits: httpx.Limits | None = None
) -> httpx.Client:
    """A client that keeps connections alive; `local_address` is the source address that it connects from."""
    kept = limits or httpx.Limits(max_connections=100, max_keepalive_connections=20)
    transport = httpx.HTTPTransport(verify=tls(), local_address=local_address, limits=kept, trust_env=False)
    return httpx.Client(base_url=base_url, transport=transport, timeout=timeout_s, trust_env=False)


def get(url: str, timeout_s: float, token: str | None = None) -> httpx.Response:
    """One GET on a connection of its own, with `token` as the bearer. httpx.HTTPError when no answer comes."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with http_client(timeout_s) as client:
        return client.get(url, headers=headers)
