"""A server that answers every request at once and does nothing: what a generator is measured against. Prints its port."""

import asyncio
import sys
from typing import cast

import uvloop

END = b"\r\n\r\n"
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{"is_online": true}'


class Answering(asyncio.Protocol):
    """Requests without a body, each in one piece, as our own generators send them."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(OK * data.count(END))


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
