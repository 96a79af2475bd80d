"""A resolver that never answers: what is reachable is reached, and a new address is still learned when it does."""

import asyncio
import os
import shlex
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import uvloop

from rig.stack.embedded.valkey import client
from server import resolver as server_resolver

EXIT_WITHIN_S = 10.0
NAME_SERVER = ("127.53.0.1", 53)
HANGS = """
import os, socket, time

asked = socket.getaddrinfo

def getaddrinfo(host, *args, **options):
    if not str(host).endswith(".test"):
        return asked(host, *args, **options)
    while os.path.exists(os.environ["SILENT"]):
        time.sleep(0.05)
    return asked("127.0.0.1", *args, **options)

socket.getaddrinfo = getaddrinfo
"""


class Silence:
    """How to let the resolver fall silent, and the server that uses it."""

    def __init__(self, server, fall_silent: Callable[[], None]) -> None:
        self.server, self.fall_silent = server, fall_silent


def named(url: str, host: str) -> str:
    """The same address, by a name."""
    parts = urlsplit(url)
    return url.replace(f"@{parts.hostname}:", f"@{host}.rig.test:")


@pytest.fixture
def patched(stack, tmp_path) -> Silence:
    """Names of Python's own look-ups hang."""
    (tmp_path / "sitecustomize.py").write_text(HANGS)
    silent = tmp_path / "silent"
    server = stack.server("n", env={"PYTHONPATH": str(tmp_path), "SILENT": str(silent)})
    return Silence(server, silent.touch)


@pytest.fixture
def name_server(stack, tmp_path) -> Iterator[Silence]:
    """The process has a name server of its own, in a mount namespace of its own."""
    if os.geteuid() != 0 or not shutil.which("unshare") or subprocess.run(["unshare", "-m", "true"]).returncode:
        pytest.skip("to give the server another resolv.conf takes root and mount namespaces")
    (tmp_path / "resolv.conf").write_text(f"nameserver {NAME_SERVER[0]}\n")
    (tmp_path / "nsswitch.conf").write_text("hosts: files dns\n")
    silent, over = threading.Event(), threading.Event()
    answering = threading.Thread(target=answer_names, args=(silent, over))
    answering.start()
    server = stack.server("n")
    mounts = "".join(f"mount --bind {tmp_path}/{name} /etc/{name} && " for name in ("resolv.conf", "nsswitch.conf"))
    server.command = ["unshare", "-m", "sh", "-c", f"{mounts}exec {shlex.join(server.command)}"]
    yield Silence(server, silent.set)
    over.set()
    answering.join()


def answer_names(silent: threading.Event, over: threading.Event) -> None:
    """127.0.0.1 to every question for an IPv4 address, nothing for others, until told to be silent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(NAME_SERVER)
        bound.settimeout(0.1)
        while not over.is_set():
            try:
                question, asker = bound.recvfrom(512)
            except TimeoutError:
                continue
            if not silent.is_set():
                bound.sendto(answered(question), asker)


def answered(question: bytes) -> bytes:
    end = question.index(b"\0", 12) + 5
    wanted = struct.unpack("!H", question[end - 4 : end - 2])[0] == 1
    head = question[:2] + struct.pack("!HHHHH", 0x8180, 1, int(wanted), 0, 0)
    found = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton("127.0.0.1") if wanted else b""
    return head + question[12:end] + found


@pytest.fixture(params=["patched", "name_server"])
def silence(request) -> Silence:
    return request.getfixturevalue(request.param)


def test_a_resolver_that_hangs_keeps_nothing_from_postgres(house, house_of, stack, silence, eventually) -> None:
    """Valkey and Postgres are known by names that nobody looks up any more, and Valkey's connections are lost: Postgres
    answers every request, Valkey is found again where it was, and SIGTERM ends the process in time."""
    server = silence.server
    seat = server.seat
    server.start({"DATABASE_URL": named(seat.database_url, "db"), "VALKEY_URL": named(seat.valkey_url, "valkey")})
    try:
        there = house_of(server)
        mitra = there.mitra(online=True)
        silence.fall_silent()
        with client(stack.valkey.url) as valkey:
            valkey.execute_command("CLIENT", "KILL", "TYPE", "normal", "USER", server.valkey_user)
        with ThreadPoolExecutor(24) as pool:

            def ask(number: int) -> tuple[int, float]:
                began = time.monotonic()
                path = ("/api/mitra/status/heartbeat", "/api/mitra/status/online")[number % 2]
                return there.call("POST", path, mitra).status_code, time.monotonic() - began

            answers = list(pool.map(ask, range(96)))
        assert {status for status, _ in answers} == {200}
        assert max(took_s for _, took_s in answers) < 5
        warm = "\nmirror_warm 1.0\n"
        eventually(lambda: warm in there.operator("GET", "/metrics").text, "Valkey is used again")
    finally:
        began = time.monotonic()
        code = server.stop()
    assert (code, time.monotonic() - began < EXIT_WITHIN_S) == (0, True)


def test_without_any_answer_the_start_fails_in_time(silence) -> None:
    """No name was ever known: the start is given up with a clear error, and the process ends."""
    server = silence.server
    silence.fall_silent()
    began = time.monotonic()
    server.spawn({"DATABASE_URL": named(server.seat.database_url, "db")})
    assert server.process.wait(EXIT_WITHIN_S + 2) == 1
    assert time.monotonic() - began < EXIT_WITHIN_S
    assert "DATABASE_URL" in server.log.read_text()


# The look-up by itself

Answer = list[str] | Exception | None  # None: never


class Resolver:
    """Stands for the system's: what each look-up is to be answered, the last one again and again."""

    def __init__(self) -> None:
        self.answer: Answer = ["127.0.0.1"]
        self.asked = 0

    def getaddrinfo(self, host: str, port: int, **options: object) -> list[tuple]:
        self.asked += 1
        answer = self.answer
        if answer is None:
            time.sleep(60)
        if isinstance(answer, Exception):
            raise answer
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in answer or []]


@pytest.fixture
def resolver(monkeypatch) -> Resolver:
    made = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    return made


def run(body: Callable[[int], Awaitable[None]]) -> None:
    """`body` in a loop of the server's, with a port on which 127.0.0.1 and 127.0.0.2 each tell their address."""

    async def serving() -> None:
        async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(writer.get_extra_info("sockname")[0].encode())
            writer.close()

        first = await asyncio.start_server(tell, "127.0.0.1", 0)
        port = first.sockets[0].getsockname()[1]
        second = await asyncio.start_server(tell, "127.0.0.2", port)
        async with first, second:
            await asyncio.wait_for(body(port), 20)

    uvloop.run(serving(), loop_factory=server_resolver.Loop)


async def reached(port: int) -> str:
    reader, writer = await asyncio.open_connection("db.test", port)
    told = await reader.read()
    writer.close()
    return told.decode()


def test_a_new_address_is_used_for_the_next_connection(resolver) -> None:
    """Failover by DNS: nothing is cached while the resolver answers."""

    async def body(port: int) -> None:
        assert await reached(port) == "127.0.0.1"
        resolver.answer = ["127.0.0.2"]
        assert await reached(port) == "127.0.0.2"

    run(body)


def test_what_worked_last_is_used_while_look_ups_hang(resolver, monkeypatch) -> None:
    """Of several addresses the one that worked is kept; a thousand connections cost a few threads; and once the resolver
    is back, its answer counts, though the look-ups that were lost never end."""
    monkeypatch.setattr(server_resolver, "LOST_AFTER_S", 0.3)

    async def body(port: int) -> None:
        resolver.answer = ["127.0.0.3", "127.0.0.2"]  # nobody is at the first
        assert await reached(port) == "127.0.0.2"
        resolver.answer = None
        asked = resolver.asked
        for _ in range(100):
            assert await reached(port) == "127.0.0.2"
        assert resolver.asked - asked <= server_resolver.LOOK_UPS_MAX
        resolver.answer = ["127.0.0.1"]
        await asyncio.sleep(0.4)
        assert await reached(port) == "127.0.0.1"

    run(body)


def test_an_answer_that_comes_late_is_used_from_then_on(resolver, monkeypatch) -> None:
    """A slow resolver is not a silent one."""

    async def body(port: int) -> None:
        assert await reached(port) == "127.0.0.1"
        quick = resolver.getaddrinfo

        def slow(host: str, port: int, **options: object) -> list[tuple]:
            time.sleep(0.4)
            return quick(host, port, **options)

        monkeypatch.setattr(socket, "getaddrinfo", slow)
        resolver.answer = ["127.0.0.2"]
        assert await reached(port) == "127.0.0.1"
        await asyncio.sleep(0.5)
        assert await reached(port) == "127.0.0.2"

    run(body)


def test_a_name_that_is_gone_is_gone_but_a_resolver_in_trouble_is_not_believed(resolver) -> None:
    """Whoever is at the old address now may be somebody else; a resolver that fails has said nothing of the name."""

    async def body(port: int) -> None:
        assert await reached(port) == "127.0.0.1"
        resolver.answer = socket.gaierror(socket.EAI_AGAIN, "try again")
        assert await reached(port) == "127.0.0.1"
        resolver.answer = socket.gaierror(socket.EAI_NONAME, "no such name")
        with pytest.raises(socket.gaierror):
            await reached(port)

    run(body)
