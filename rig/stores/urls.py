"""The URLs of the two stores, one grammar for every command; the server under test comes with the same one.

What a driver would pass over in silence is refused: `redis://host/abc` would mean database 0. Messages never repeat
what may be a password.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

SCHEMES = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss", "unix": "unix"}
TLS_OPTIONS = frozenset(
    {"ssl_cert_reqs", "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"}
)
OPTIONS = TLS_OPTIONS | {"db", "username", "password", "client_name"}
CHOICES = {
    "ssl_cert_reqs": ("none", "optional", "required"),
    "ssl_check_hostname": ("true", "false", "1", "0", "yes", "no"),
}
FILES = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
DATABASE_MAX = 2**31 - 1
NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})?)*\.?", re.ASCII)
ADDRESS = re.compile(r"[0-9.]+|.*:.*", re.ASCII)
DIGITS = re.compile(r"[0-9]{1,10}", re.ASCII)
PORT = 6379
POSTGRES_SCHEMES = ("postgresql", "postgres")


class BadUrl(Exception):
    """What is wrong with a URL, as the rest of a sentence that begins with its flag or variable."""


@dataclass(frozen=True)
class ValkeyUrl:
    """Where a Valkey is. `driver` is the URL as redis-py takes it."""

    driver: str
    host: str  # empty for a socket
    port: int
    socket: str  # the path of a Unix socket; empty for a host
    tls: bool
    database: int
    username: str | None
    password: str | None
    options: Mapping[str, str] = field(default_factory=dict)  # those of TLS among them

    @classmethod
    def parse(cls, url: str) -> Self:
        """BadUrl for what is none."""
        scheme, separator, rest = url.partition("://")
        if not separator or scheme not in SCHEMES:
            wanted = "redis://user:password@host:6379/0, rediss://... or unix:///path?db=0"
            raise BadUrl(f"must be a URL such as {wanted}{other(scheme, separator)}")
        driver = f"{SCHEMES[scheme]}://{rest}"
        parts = split(driver)
        given = options(parts.query)
        if SCHEMES[scheme] != "rediss" and (tls := sorted(TLS_OPTIONS & given.keys())):
            raise BadUrl(f"has the option {tls[0]!r}, which needs rediss://")
        for name, value in (("username", parts.username), ("password", parts.password)):
            if value and name in given:
                raise BadUrl(f"says {name!r} twice, once as an option")
        at_socket = scheme == "unix"
        if at_socket and (parts.hostname or parts.port):
            raise BadUrl("names a host: a Unix socket is written unix:///path/to/socket")
        if at_socket and len(parts.path) < 2:
            raise BadUrl("names no socket: write unix:///path/to/socket?db=0")
        if not at_socket and not is_host(parts.hostname or ""):
            raise BadUrl("names no host that can be looked up" if parts.hostname else "names no host")
        return cls(
            driver=driver,
            host=parts.hostname or "",
            port=0 if at_socket else parts.port or PORT,
            socket=unquote(parts.path) if at_socket else "",
            tls=SCHEMES[scheme] == "rediss",
            database=database("" if at_socket else unquote(parts.path[1:]), given.get("db", "")),
            username=unquote(parts.username) if parts.username else given.get("username"),
            password=unquote(parts.password) if parts.password else given.get("password"),
            options=given,
        )


def is_host(text: str) -> bool:
    """Whether a name or address can be looked up at all."""
    if not ADDRESS.fullmatch(text):
        return len(text) <= 253 and NAME.fullmatch(text) is not None
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def other(scheme: str, separator: str) -> str:
    """What was given instead of a known scheme; nothing of a text that may hold a password."""
    return f", not {scheme}://..." if separator and scheme.isalnum() else ""


def check_postgres_url(url: str) -> None:
    """BadUrl for what libpq would not take as one."""
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in POSTGRES_SCHEMES:
        wanted = "postgresql://user:password@host:5432/database"
        raise BadUrl(f"must be a URL such as {wanted}{other(scheme, separator)}")
    split(url)
    import psycopg  # here, as who only asks for Valkey need not wait for it
    from psycopg.conninfo import conninfo_to_dict

    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise BadUrl(f"is not understood: {' '.join(str(error).split())}") from None


def split(url: str) -> SplitResult:
    """The parts of a URL whose form leaves no doubt about them."""
    try:
        parts = urlsplit(url)
        ported = parts.port is None or parts.port > 0
    except ValueError:
        ported = False
    if not ported:
        raise BadUrl("must be a URL with one host and a port from 1 to 65535")
    if parts.fragment or url.endswith("#") or parts.netloc.count("@") > 1:
        raise BadUrl("has a # or a second @ in it: write them as %23 and %40")
    return parts


def options(query: str) -> Mapping[str, str]:
    """What stands after the question mark, each option known, given once and not empty."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise BadUrl("has something after its ? that is not name=value") from None
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in OPTIONS:
            raise BadUrl(f"has the option {name!r}, which is not known here: timeouts and pools are our own")
        if name in given:
            raise BadUrl(f"has the option {name!r} twice")
        if not value.strip():
            raise BadUrl(f"has the option {name!r} without a value")
        if name in CHOICES and value not in CHOICES[name]:
            raise BadUrl(f"has the option {name!r}, which must be one of {', '.join(CHOICES[name])}")
        if name in FILES and not os.path.isfile(value):
            raise BadUrl(f"has the option {name!r}, but there is no such file")
        given[name] = value
    return given


def database(path: str, option: str) -> int:
    """The number that path or option names; both must say the same."""
    for text in filter(None, (path, option)):
        if not DIGITS.fullmatch(text) or int(text) > DATABASE_MAX:
            raise BadUrl(f"names the database {text!r}: it must be a number such as 0")
    if path and option and int(path) != int(option):
        raise BadUrl(f"names two databases, {path} and {option}")
    return int(path or option or 0)
