"""Stores behind TLS: a certificate is believed once the trust file has its authority, without a restart."""

import shutil

import pytest
import uvloop
from tls_relay import PostgresTlsRelay, TlsRelay, make_certificate

from server.db import Database
from server.errors import ServiceUnavailable

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def test_an_authority_appended_to_valkeys_trust_file_is_taken_by_the_next_connection(
    stack, house, house_of, tmp_path, eventually
) -> None:
    """The certificate was renewed before the new authority was trusted: cold until the file has it, warm after."""
    old, _ = make_certificate(tmp_path, "old")
    new, key = make_certificate(tmp_path, "new")
    trust = tmp_path / "trust.pem"
    trust.write_bytes(old.read_bytes())
    relay = TlsRelay(stack.valkey.url, new, key)
    server = stack.server("b", env={"VALKEY_URL": f"{relay.url}?ssl_ca_certs={trust}"})
    try:
        server.start()
        there = house_of(server)
        ready = there.operator("GET", "/readyz").json()
        assert ready["mirror"]["warm"] == 0
        assert "certificate" in " ".join(ready["alerts"])
        with trust.open("ab") as file:
            file.write(new.read_bytes())
        eventually(lambda: there.operator("GET", "/readyz").json()["mirror"]["warm"] == 1, "warm", 5)
        assert there.operator("GET", "/readyz").json()["alerts"] == []
    finally:
        assert server.stop() == 0
        relay.close()


def test_an_authority_appended_to_postgres_trust_file_is_taken_by_the_next_connection(stack, house, tmp_path) -> None:
    """The same for Postgres: unavailable while its certificate is not trusted, served as soon as it is."""
    old, old_key = make_certificate(tmp_path, "old")
    new, new_key = make_certificate(tmp_path, "new")
    trust = tmp_path / "trust.pem"
    trust.write_bytes(old.read_bytes())
    relay = PostgresTlsRelay(stack.postgres.url, old, old_key)

    async def run() -> None:
        db = Database(f"{relay.url}?sslmode=verify-ca&sslrootcert={trust}")
        await db.start()
        try:
            assert await db.fetchval("SELECT 1") == 1
            relay.use(new, new_key)
            relay.cut()
            for _ in range(2):
                with pytest.raises(ServiceUnavailable):
                    await db.fetchval("SELECT 1")
            with trust.open("ab") as file:
                file.write(new.read_bytes())
            assert await db.fetchval("SELECT 1") == 1
        finally:
            await db.stop()

    try:
        uvloop.run(run())
    finally:
        relay.close()
