"""A request as bytes, for senders that decide themselves when each byte leaves."""

from urllib.parse import urlsplit


def request_bytes(
    method: str, url: str, token: str | None = None, body: bytes | None = None, *, close: bool = False
) -> bytes:
    """Head and JSON body; `token` is the bearer. With `close` the server ends the connection after its answer."""
    target = urlsplit(url)
    lines = [f"{method} {target.path or '/'} HTTP/1.1", f"Host: {target.netloc}"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += ["Content-Type: application/json"] if body else []
    lines += [f"Content-Length: {len(body or b'')}"] if method != "GET" else []
    lines += ["Connection: close"] if close else []
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")
