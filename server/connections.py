"""A connection of ours: uvicorn's, with limits on what a client may leave unfinished, and deaf to `Upgrade`.

What is whole when it arrives, as every ping is, pays for none of this: a timer runs only for what is not.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.crowd import Crowd

KEEP_ALIVE_S = 80  # over 75: pings come every 30 s and should find their connection open
HEAD_BYTES_MAX = 48 * 1024  # with two pieces more, which may go uncounted, still under the 64 KiB that are refused
PIECE_BYTES = 4 * 1024  # fed at once: what begins in the same piece as something else ends is counted from the next on
REQUEST_ARRIVES_WITHIN_S = 12.0  # from its first byte to the last of its body; the body alone has less (server/asgi.py)
ANSWER_TAKEN_WITHIN_S = 12.0  # what is too much for the buffers at both ends
LEAVES_WITHIN_S = 1.0
LEAVING_BYTES_MAX = 1024 * 1024
_TOLD = b"the head of the request is too large"
TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_TOLD), _TOLD)
)


class Connection(HttpToolsProtocol):
    """One client's connection to either listener."""

    def __init__(self, crowd: Crowd, **given: Any) -> None:
        super().__init__(**given)
        self._crowd = crowd
        self._refused = False
        self._done: Any = None  # the scope of the last request that is here whole: another one has begun if it differs
        self._unread = 0  # bytes since a part of a body or a request was last complete
        self._used = self.loop.time()  # when the last answer was given
        self._late: asyncio.TimerHandle | None = None  # the timer of a request that has begun and is not whole
        self._stuck: asyncio.TimerHandle | None = None  # the timer of an answer that the client does not take

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self._crowd.enter(self):
            self._keep(KEEP_ALIVE_S)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.leave(self)
        self._unset_keepalive_if_required()
        self._forgive()
        self.resume_writing()
        super().connection_lost(exc)

    @property
    def serves(self) -> bool:
        """Whether a request waits for its answer."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def spared(self) -> bool:
        """Whether a request that is whole waits for its answer."""
        return self.serves and not self.cycle.more_body

    def worth(self) -> tuple[int, float]:
        """What is least goes first: without a whole head ever, then with a part of a request, then idle; each by age."""
        return (0 if self.cycle is None else 2 if self._late is None else 1), self._used

    def _keep(self, for_s: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(for_s, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """One timer as long as the connection lives: to set and cancel one for each request costs more than to look again."""
        asks = self.serves or self._late is not None
        left_s = KEEP_ALIVE_S if asks else self._used + KEEP_ALIVE_S - self.loop.time()
        if left_s > 0:
            self._keep(left_s)
        else:
            self.transport.abort()  # closing in order would wait for a client who takes nothing

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self._used = self.loop.time()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self.loop.call_later(ANSWER_TAKEN_WITHIN_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def data_received(self, data: bytes) -> None:
        if len(data) <= PIECE_BYTES:
            self._feed(data)
        else:
            for start in range(0, len(data), PIECE_BYTES):
                if self._refused or self.transport.is_closing():
                    return
                self._feed(data[start : start + PIECE_BYTES])
        if self._unread or self.scope is not self._done:
            if self._late is None:
                self._late = self.loop.call_later(REQUEST_ARRIVES_WITHIN_S, self.transport.abort)
        elif self._late is not None:
            self._forgive()

    def _forgive(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _feed(self, data: bytes) -> None:
        self._unread += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            message = "Invalid HTTP request received."
            self.logger.warning(message)
            self.send_400_response(message)
            return
        if self._unread > HEAD_BYTES_MAX:
            self._refuse_head()

    def _refuse_head(self) -> None:
        self._refused = True
        if self.serves:
            self.transport.abort()  # an answer here would be taken for that of the request before it
            return
        self.transport.write(TOO_LARGE)
        self.transport.set_protocol(Leaving(self, self.transport))

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """The parser takes all that follows an `Upgrade` for another protocol: another parser reads the body and on."""
        self.parser = httptools.HttpRequestParser(_AfterHead(self))
        self.parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(map(_framing, self.headers)))
        self._unread = 0
        if rest:
            self._feed(rest)

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # its body comes now
        self._done = self.scope
        self._unread = 0
        self.cycle.more_body = False
        self.cycle.message_event.set()


def _framing(header: tuple[bytes, bytes]) -> bytes:
    """The header's line if it tells where the body ends, else nothing."""
    return b"%b: %b\r\n" % header if header[0] in (b"content-length", b"transfer-encoding") else b""


class _AfterHead:
    """What a parser tells, to a connection that knows the first head already."""

    def __init__(self, connection: Connection) -> None:
        self._known = True
        self._connection = connection
        self.on_body = connection.on_body
        self.on_message_complete = connection.on_message_complete

    def on_message_begin(self) -> None:
        if not self._known:
            self._connection.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._known:
            self._connection.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._known:
            self._connection.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._known:
            self._known = False
        else:
            self._connection.on_headers_complete()


class Leaving(asyncio.Protocol):
    """Takes in what a refused client still sends, for a moment: closed at once, it would see a reset, not the answer."""

    def __init__(self, refused: Connection, transport: asyncio.Transport) -> None:
        self._refused = refused
        self._transport = transport
        self._bytes = 0
        transport.write_eof()
        self._timer = refused.loop.call_later(LEAVES_WITHIN_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        self._bytes += len(data)
        if self._bytes > LEAVING_BYTES_MAX:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._refused.connection_lost(exc)
