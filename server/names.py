"""Names of other hosts, looked up apart: a resolver that does not answer stops nothing but the look-up itself.

The loop's own look-ups share four threads with one another, which cannot be cancelled and are waited for at the exit: four
look-ups of a name that nobody answers, and no other name is resolved any more.
"""

import asyncio
import contextlib
import functools
import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import uvloop

KNOWN_WAIT_S = 0.1  # for a newer answer, where an older one is at hand: under the time in which Valkey is given up
LOST_AFTER_S = 5.0  # then a look-up may be asked once more beside it: the resolver may have come back
LOOK_UPS_MAX = 4  # of one name at once

_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}

Where = tuple[str, int]  # host and port


@dataclass
class _Name:
    """What is known of one name."""

    addresses: list[str] = field(default_factory=list)  # the last answer, what worked in front
    asked: int = 0  # how many look-ups were begun
    answered: int = 0  # which of them `addresses` are from
    under_way: dict["asyncio.Future[list[str]]", float] = field(default_factory=dict)  # oldest first, since when


class Names:
    """Each look-up has a thread of its own, which nobody waits for. The last good answer serves while none comes."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], _Name] = {}

    async def addresses(self, host: str, port: int) -> list[str]:
        """Where to connect, best first. Raises OSError where the resolver says that there is no such name."""
        name = self._known.setdefault((host, port), _Name())
        asking, since = self._ask(name, host, port)
        if not name.addresses:
            return await asyncio.shield(asking)  # whoever connects has a time limit
        await asyncio.wait({asking}, timeout=max(0.0, since + KNOWN_WAIT_S - time.monotonic()))
        if asking.done() and (error := asking.exception()) is not None and _denies(error):
            raise error
        return list(name.addresses)

    def worked(self, host: str, port: int, address: str) -> None:
        """This one is tried first while no newer answer comes."""
        addresses = self._known[host, port].addresses
        if address in addresses:
            addresses.remove(address)
            addresses.insert(0, address)

    def _ask(self, name: _Name, host: str, port: int) -> tuple["asyncio.Future[list[str]]", float]:
        """The look-up to wait for, and since when it is under way: the latest, or a new one if that is lost."""
        now = time.monotonic()
        if name.under_way:
            asking, since = next(reversed(name.under_way.items()))
            if now - since < LOST_AFTER_S or len(name.under_way) >= LOOK_UPS_MAX:
                return asking, since
        loop = asyncio.get_running_loop()
        asking = loop.create_future()
        name.asked += 1
        name.under_way[asking] = now
        asking.add_done_callback(functools.partial(_note, name, name.asked))
        threading.Thread(target=_look_up, args=(host, port, loop, asking), daemon=True).start()
        return asking, now


def _note(name: _Name, number: int, done: "asyncio.Future[list[str]]") -> None:
    del name.under_way[done]
    if not done.cancelled() and done.exception() is None and number > name.answered:
        name.addresses, name.answered = list(done.result()), number


def _look_up(host: str, port: int, loop: asyncio.AbstractEventLoop, asking: "asyncio.Future[list[str]]") -> None:
    """The body of a look-up's thread."""
    tell: Callable[[], object]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        tell = functools.partial(asking.set_result, list(dict.fromkeys(str(each[4][0]) for each in found)))
    except OSError as error:
        tell = functools.partial(asking.set_exception, error)
    except UnicodeError as error:
        tell = functools.partial(asking.set_exception, OSError(f"{host} is no name: {error}"))
    with contextlib.suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(tell)


def _denies(error: BaseException) -> bool:
    return isinstance(error, socket.gaierror) and error.errno in _NO_SUCH_NAME


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Loop(uvloop.Loop):
    """The event loop of the server: all that connects through it, whatever the library, looks names up as above."""

    def __init__(self) -> None:
        super().__init__()
        self._names = Names()

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, *, ssl: Any = None, **options: Any
    ) -> Any:
        if host is None or _is_address(host):
            return await super().create_connection(protocol_factory, host, port, ssl=ssl, **options)
        if ssl and options.get("server_hostname") is None:
            options["server_hostname"] = host  # what the certificate must name
        failed: OSError | None = None
        for address in await self._names.addresses(host, port):
            try:
                made = await super().create_connection(protocol_factory, address, port, ssl=ssl, **options)
            except OSError as error:
                failed = error
            else:
                self._names.worked(host, port, address)
                return made
        raise failed or OSError(f"{host} has no address")
