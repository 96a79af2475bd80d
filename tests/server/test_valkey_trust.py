"""Valkey behind TLS: a certificate is believed once the trust file has its authority, without a restart."""

import shutil

import pytest
from valkey_tls import TlsRelay, make_certificate


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_an_authority_appended_to_the_trust_file_is_taken_by_the_next_connection(
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
