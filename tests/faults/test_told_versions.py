"""Relays that tell another version of a store: what is changed, and that nothing else is."""

import socket
import struct
from collections.abc import Iterator
from threading import Thread

import pytest

from rig.faults.network.told_versions import PostgresRelay, ValkeyRelay, closing, exactly, number_of

INFO = b"$99\r\n# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.8\r\nredis_mode:standalone\r\n\r\n"
HELLO = b"%7\r\n$6\r\nserver\r\n$6\r\nvalkey\r\n$7\r\nversion\r\n$5\r\n8.1.8\r\n$5\r\nproto\r\n:3\r\n"


@pytest.fixture
def store() -> Iterator[socket.socket]:
    """A listener in the place of a store."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_info_tells_another_version_of_valkey_and_keeps_its_length(store: socket.socket) -> None:
    with closing(ValkeyRelay(*store.getsockname(), "valkey", "7.2.0")) as relay:
        told = relay.told(INFO)
    assert b"\r\nvalkey_version:7.2.0\r\n" in told
    assert b"\r\nredis_version:7.2.4\r\n" in told
    assert len(told) == len(INFO)


def test_info_of_a_redis_names_no_valkey(store: socket.socket) -> None:
    with closing(ValkeyRelay(*store.getsockname(), "redis", "6.2.0")) as relay:
        told, hello = relay.told(INFO), relay.told(HELLO)
    assert b"\r\nredis_version:6.2.0\r\n" in told
    assert b"valkey_version" not in told
    assert b"server_name" not in told
    assert len(told) == len(INFO)
    assert b"$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n6.2.0\r\n" in hello


def test_a_version_that_is_longer_than_ours_is_filled_up(store: socket.socket) -> None:
    longer = INFO.replace(b"valkey_version:8.1.8", b"valkey_version:8.1.10")
    with closing(ValkeyRelay(*store.getsockname(), "valkey", "7.2.0")) as relay:
        assert b"\r\nvalkey_version:7.2.00\r\n" in relay.told(longer)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def row(*values: bytes | None) -> bytes:
    texts = [struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value for value in values]
    return message(b"D", struct.pack("!H", len(values)) + b"".join(texts))


def test_postgres_tells_another_version_wherever_it_is_asked(store: socket.socket) -> None:
    tls, startup = struct.pack("!II", 8, PostgresRelay.REFUSED[0]), struct.pack("!II", 13, 196608) + b"user\0"
    rows = row(b"18.4", None, b"180004", b"PostgreSQL 18.4 on x86_64"), row(struct.pack("!i", 180004), b"", b"1804")
    own = [message(b"S", b"TimeZone\0UTC\0"), message(b"S", b"server_version\x0018.4\0"), *rows]

    def serve() -> None:
        connection, _ = store.accept()
        with connection:
            assert exactly(connection, len(startup)) == startup
            connection.sendall(b"".join(own))

    Thread(target=serve, daemon=True).start()
    expected = [
        message(b"S", b"TimeZone\0UTC\0"), message(b"S", b"server_version\x0013.23\0"),
        row(b"13.23", None, b"130023", b"PostgreSQL 13.23 on x86_64"), row(struct.pack("!i", 130023), b"", b"1804"),
    ]  # fmt: skip
    with closing(PostgresRelay(*store.getsockname(), "13.23")) as relay:
        host, _, port = relay.address.partition(":")
        with socket.create_connection((host, int(port)), timeout=5.0) as client:
            client.sendall(tls)
            assert client.recv(1) == b"N"
            client.sendall(startup)
            assert exactly(client, len(b"".join(expected))) == b"".join(expected)
            assert client.recv(1) == b""


@pytest.mark.parametrize(("version", "number"), [("14.0", 140000), ("18.4", 180004), ("19beta1", 0), ("17", 170000)])
def test_the_number_of_a_version(version: str, number: int) -> None:
    assert number_of(version) == number
