"""A client's HTTP connection: uvicorn's, with time and size limits for incomplete requests. It ignores `Upgrade`.

A request that arrives complete, as every ping does, costs nothing more: a timer runs only for an incomplete one.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.connection_limit import ConnectionLimit

KEEP_ALIVE_S = 80  # over two ping intervals of 30 s, so that a ping finds its connection open
# Heads over 64 KiB must be refused. Up to two pieces of a head may go uncounted, so the limit is below that.
HEAD_BYTES_MAX = 48 * 1024
PIECE_BYTES = (
    4 * 1024
)  # parsed per step; a head that begins in the piece where a request ends is counted from the next one
REQUEST_ARRIVES_WITHIN_S = 12.0  # from its first byte to the last of its body; the body alone has less (server/asgi.py)
ANSWER_TAKEN_WITHIN_S = 12.0  # for an answer that does not fit into the buffers of both ends
REFUSED_LEAVES_WITHIN_S = 1.0
REFUSED_BYTES_MAX = 1024 * 1024
_TOO_LARGE_BODY = b"the head of the request is too large"
TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_TOO_LARGE_BODY), _TOO_LARGE_BODY)
)


class Connection(HttpToolsProtocol):
    """One client's connection to either listener."""

    def __init__(self, limit: ConnectionLimit, **given: Any) -> None:
        super().__init__(**given)
        self._limit = limit
        self._refused = False
        # The scope of the last request that arrived completely. If `scope` is another one, a request is incomplete.
        self._complete_scope: Any = None
        self._head_bytes = 0  # received since a request or a part of a body was last complete
        self._last_answer_at = self.loop.time()
        self._arrival_timer: asyncio.TimerHandle | None = None  # runs while a request is incomplete
        self._write_timer: asyncio.TimerHandle | None = None  # runs while the client does not take an answer

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self._limit.add(self):
            self._set_keep_alive_timer(KEEP_ALIVE_S)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._limit.remove(self)
        self._unset_keepalive_if_required()
        self._cancel_arrival_timer()
        self.resume_writing()
        super().connection_lost(exc)

    @property
    def is_serving(self) -> bool:
        """Whether a request, complete or not, waits for its answer."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def is_busy(self) -> bool:
        """Whether a complete request waits for its answer."""
        return self.is_serving and not self.cycle.more_body

    def eviction_order(self) -> tuple[int, float]:
        """First those that never sent a complete head, then those with an incomplete request, then idle ones; oldest first."""
        return (0 if self.cycle is None else 2 if self._arrival_timer is None else 1), self._last_answer_at

    def _set_keep_alive_timer(self, for_s: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(for_s, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """One timer for the life of the connection: to set and cancel one per request would cost more than to check again."""
        in_use = self.is_serving or self._arrival_timer is not None
        left_s = KEEP_ALIVE_S if in_use else self._last_answer_at + KEEP_ALIVE_S - self.loop.time()
        if left_s > 0:
            self._set_keep_alive_timer(left_s)
        else:
            self.transport.abort()  # an orderly close would wait for a client that does not read

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self._last_answer_at = self.loop.time()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer = self.loop.call_later(ANSWER_TAKEN_WITHIN_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def data_received(self, data: bytes) -> None:
        if len(data) <= PIECE_BYTES:
            self._feed(data)
        else:
            for start in range(0, len(data), PIECE_BYTES):
                if self._refused or self.transport.is_closing():
                    return
                self._feed(data[start : start + PIECE_BYTES])
        if self._head_bytes or self.scope is not self._complete_scope:
            if self._arrival_timer is None:
                self._arrival_timer = self.loop.call_later(REQUEST_ARRIVES_WITHIN_S, self.transport.abort)
        elif self._arrival_timer is not None:
            self._cancel_arrival_timer()

    def _cancel_arrival_timer(self) -> None:
        if self._arrival_timer is not None:
            self._arrival_timer.cancel()
            self._arrival_timer = None

    def _feed(self, data: bytes) -> None:
        self._head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            message = "Invalid HTTP request received."
            self.logger.warning(message)
            self.send_400_response(message)
            return
        if self._head_bytes > HEAD_BYTES_MAX:
            self._refuse_head()

    def _refuse_head(self) -> None:
        self._refused = True
        if self.is_serving:
            self.transport.abort()  # the client would take the answer for that of the request before
            return
        self.transport.write(TOO_LARGE)
        self.transport.set_protocol(RefusedClient(self, self.transport))

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """The parser treats all bytes after an `Upgrade` as another protocol, so a new parser reads the body and what follows."""
        self.parser = httptools.HttpRequestParser(_AfterHead(self))
        self.parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(map(_framing, self.headers)))
        self._head_bytes = 0
        if rest:
            self._feed(rest)

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # the new parser gets the body
        self._complete_scope = self.scope
        self._head_bytes = 0
        self.cycle.more_body = False
        self.cycle.message_event.set()


def _framing(header: tuple[bytes, bytes]) -> bytes:
    """The header's line if it determines where the body ends, else nothing."""
    return b"%b: %b\r\n" % header if header[0] in (b"content-length", b"transfer-encoding") else b""


class _AfterHead:
    """Passes the events of the new parser on to the connection, without those of the first head, which it has already."""

    def __init__(self, connection: Connection) -> None:
        self._in_first_head = True
        self._connection = connection
        self.on_body = connection.on_body
        self.on_message_complete = connection.on_message_complete

    def on_message_begin(self) -> None:
        if not self._in_first_head:
            self._connection.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._in_first_head:
            self._connection.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_first_head:
            self._connection.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._in_first_head:
            self._in_first_head = False
        else:
            self._connection.on_headers_complete()


class RefusedClient(asyncio.Protocol):
    """Reads for a moment what a refused client still sends. If closed at once, the client would see a reset, not the answer."""

    def __init__(self, refused: Connection, transport: asyncio.Transport) -> None:
        self._refused = refused
        self._transport = transport
        self._received = 0
        transport.write_eof()
        self._timer = refused.loop.call_later(REFUSED_LEAVES_WITHIN_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > REFUSED_BYTES_MAX:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._refused.connection_lost(exc)
