"""Looks up host names in a way that a hanging resolver cannot stall: only the look-up itself waits.

The event loop's own look-ups share four threads, cannot be cancelled and are waited for at the exit. After four look-ups
that hang, no other name would be resolved any more.
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

REFRESH_WAIT_S = 0.1  # for a newer answer when an older one is known: shorter than the time limit of a call to Valkey
LOST_AFTER_S = 5.0  # then another look-up may start beside it, as the resolver may have recovered
LOOK_UPS_MAX = 4  # of one name at the same time

_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


@dataclass
class _Name:
    """What is known of one host name and port."""

    addresses: list[str] = field(default_factory=list)  # the newest answer; the address that worked last is first
    started: int = 0  # number of look-ups so far
    answered: int = 0  # number of the look-up that `addresses` come from
    in_flight: dict["asyncio.Future[list[str]]", float] = field(
        default_factory=dict
    )  # start times (monotonic), oldest first


class Resolver:
    """Runs each look-up in a thread of its own. The last good answer is used while no newer one arrives."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, int], _Name] = {}

    async def addresses(self, host: str, port: int) -> list[str]:
        """Where to connect, best first. Raises OSError if the resolver says that there is no such name."""
        name = self._names.setdefault((host, port), _Name())
        look_up, since = self._look_up(name, host, port)
        if not name.addresses:
            return await asyncio.shield(look_up)  # the caller has a time limit
        await asyncio.wait({look_up}, timeout=max(0.0, since + REFRESH_WAIT_S - time.monotonic()))
        if look_up.done() and (error := look_up.exception()) is not None and _says_no_such_name(error):
            raise error
        return list(name.addresses)

    def prefer(self, host: str, port: int, address: str) -> None:
        """This address worked: return it first until a newer answer arrives."""
        addresses = self._names[host, port].addresses
        if address in addresses:
            addresses.remove(address)
            addresses.insert(0, address)

    def _look_up(self, name: _Name, host: str, port: int) -> tuple["asyncio.Future[list[str]]", float]:
        """The look-up to wait for and its start time: the latest one in flight, or a new one if that seems lost."""
        now = time.monotonic()
        if name.in_flight:
            look_up, since = next(reversed(name.in_flight.items()))
            if now - since < LOST_AFTER_S or len(name.in_flight) >= LOOK_UPS_MAX:
                return look_up, since
        loop = asyncio.get_running_loop()
        look_up = loop.create_future()
        name.started += 1
        name.in_flight[look_up] = now
        look_up.add_done_callback(functools.partial(_store_answer, name, name.started))
        threading.Thread(target=_run_look_up, args=(host, port, loop, look_up), daemon=True).start()
        return look_up, now


def _store_answer(name: _Name, number: int, done: "asyncio.Future[list[str]]") -> None:
    del name.in_flight[done]
    if not done.cancelled() and done.exception() is None and number > name.answered:
        name.addresses, name.answered = list(done.result()), number


def _run_look_up(host: str, port: int, loop: asyncio.AbstractEventLoop, look_up: "asyncio.Future[list[str]]") -> None:
    """Runs in the look-up's thread."""
    report: Callable[[], object]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        report = functools.partial(look_up.set_result, list(dict.fromkeys(str(each[4][0]) for each in found)))
    except OSError as error:
        report = functools.partial(look_up.set_exception, error)
    except UnicodeError as error:
        report = functools.partial(look_up.set_exception, OSError(f"{host} is not a valid name: {error}"))
    with contextlib.suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(report)


def _says_no_such_name(error: BaseException) -> bool:
    return isinstance(error, socket.gaierror) and error.errno in _NO_SUCH_NAME


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Loop(uvloop.Loop):
    """The server's event loop: every connection through it, of any library, uses the resolver above."""

    def __init__(self) -> None:
        super().__init__()
        self._resolver = Resolver()

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, *, ssl: Any = None, **options: Any
    ) -> Any:
        if host is None or _is_address(host):
            return await super().create_connection(protocol_factory, host, port, ssl=ssl, **options)
        if ssl and options.get("server_hostname") is None:
            options["server_hostname"] = host  # what the certificate must name
        last_error: OSError | None = None
        for address in await self._resolver.addresses(host, port):
            try:
                connected = await super().create_connection(protocol_factory, address, port, ssl=ssl, **options)
            except OSError as error:
                last_error = error
            else:
                self._resolver.prefer(host, port, address)
                return connected
        raise last_error or OSError(f"{host} has no address")
