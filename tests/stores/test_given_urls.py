"""One grammar of URLs: what the server under test takes, the rig takes for every command, and refuses what it refuses."""

from pathlib import Path

import pytest
from store_urls import BAD_VALKEY_URLS, GOOD_VALKEY_URLS

from rig.stack import SpecError
from rig.stack.external.scratch_mark import mark
from rig.stack.external.valkey import ExternalValkey
from rig.stores.urls import BadUrl, ValkeyUrl
from server.urls import valkey_url
from tests.support.stack_support import spec_of


@pytest.mark.parametrize(("url", "taken"), GOOD_VALKEY_URLS.items())
def test_server_and_rig_take_the_same(url: str, taken: str, tmp_path: Path) -> None:
    assert valkey_url(url) == ValkeyUrl.parse(url).driver == taken
    spec_of(tmp_path, valkey=url)


@pytest.mark.parametrize("url", BAD_VALKEY_URLS)
def test_server_and_rig_refuse_the_same(url: str, tmp_path: Path) -> None:
    """Before anything connects, by name of the flag, and without what may be a password."""
    with pytest.raises(BadUrl):
        ValkeyUrl.parse(url)
    for refuse in (lambda: spec_of(tmp_path, valkey=url), lambda: mark(None, url)):
        with pytest.raises(SpecError, match=r"^--valkey ") as told:
            refuse()
        assert "secret" not in str(told.value)


@pytest.mark.parametrize("url", ["postgresql://h:port/d", "mysql://h/d", "h/d", "postgresql://h/d?nobody=knows"])
def test_a_postgres_url_that_is_none_is_refused_by_its_flag(url: str, tmp_path: Path) -> None:
    for refuse in (lambda: spec_of(tmp_path, postgres=url), lambda: mark(url, None)):
        with pytest.raises(SpecError, match=r"^--postgres "):
            refuse()


def test_parts_are_read_alike_in_every_spelling() -> None:
    plain, option = (
        ValkeyUrl.parse("redis://u:p%40s@h:1/3"),
        ValkeyUrl.parse("valkey://h:1?db=3&username=u&password=p%40s"),
    )
    for one in (plain, option):
        assert (one.host, one.port, one.database, one.username, one.password) == ("h", 1, 3, "u", "p@s")
    socket = ValkeyUrl.parse("unix://u:p@/run/valkey.sock?db=5")
    assert (socket.socket, socket.database, socket.username, socket.tls) == ("/run/valkey.sock", 5, "u", False)
    assert ValkeyUrl.parse("valkeys://h").tls


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis://elsewhere:6379", ""), ("rediss://127.0.0.1:6379", ""), ("rediss://localhost:6379", ""),
        ("rediss://elsewhere:6379", "certificate names elsewhere"), ("unix:///run/valkey.sock", "Unix socket"),
    ],
)  # fmt: skip
def test_a_proxy_stands_where_its_name_fits(url: str, why: str) -> None:
    """Behind TLS a proxy is another name, but on this machine; before a socket none can stand."""
    found = ExternalValkey(url).why_direct("127.0.0.1")
    assert (why in found) if why else not found
