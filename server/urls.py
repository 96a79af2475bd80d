"""Checks the URLs of the two stores before anything connects, and refuses what a driver would silently ignore.

A driver treats `redis://host/abc` as database 0, and of two databases in one URL it uses one. Messages never contain what may
be a password.
"""

import os
import re
from collections.abc import Callable, Collection, Mapping
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

# Parameters of libpq that asyncpg would send to Postgres as settings: they are accepted, and removed by `server.db.client_url`.
LIBPQ_ONLY = frozenset(
    {"connect_timeout", "channel_binding", "client_encoding", "gssencmode", "tcp_user_timeout"}
    | {"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"}
)
_DATABASE_PLACES = frozenset({"host", "port", "dbname", "database", "user", "password"})
_DATABASE_OPTIONS = LIBPQ_ONLY | {
    "passfile", "sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation",
    "ssl_min_protocol_version", "ssl_max_protocol_version", "target_session_attrs", "krbsrvname", "gsslib",
    "application_name", "options", "search_path", "statement_timeout", "lock_timeout", *_DATABASE_PLACES,
}  # fmt: skip
# Timeouts and pool sizes are not allowed: the server relies on its own, so that it answers in time during an outage.
_VALKEY_TLS = frozenset(
    {"ssl_cert_reqs", "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"}
)
_VALKEY_OPTIONS = _VALKEY_TLS | {"db", "username", "password", "client_name"}
_CHOICES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "ssl_cert_reqs": ("none", "optional", "required"),
    "ssl_check_hostname": ("true", "false", "1", "0", "yes", "no"),
}
_FILES = frozenset({"sslrootcert", "sslcert", "sslkey", "sslcrl", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
_VALKEY_SCHEMES = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss", "unix": "unix"}
_VALKEY_DATABASE_MAX = 2**31 - 1
_DIGITS = re.compile(r"[0-9]{1,10}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})?)*\.?", re.ASCII)
_ADDRESS = re.compile(r"[0-9.]+|.*:.*", re.ASCII)


class BadUrl(Exception):
    """What is wrong with a URL, as the rest of a sentence that begins with the variable's name."""


def is_host(text: str) -> bool:
    """Whether a name or address can be looked up at all; Python's resolver raises UnicodeError for some that can't."""
    if not _ADDRESS.fullmatch(text):
        return len(text) <= 253 and _NAME.fullmatch(text) is not None
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def database_url(url: str) -> str:
    """`url` as asyncpg takes it. Raises BadUrl."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("postgres", "postgresql", "postgresql+asyncpg"):
        raise BadUrl("must be a URL such as postgresql://user:password@host:5432/database")
    parts = _split(f"postgresql://{rest}")
    given = _options(parts.query, _DATABASE_OPTIONS, "settings of a session go into options=-cname=value")
    in_front = {
        "host": parts.hostname,
        "port": parts.port,
        "user": parts.username,
        "password": parts.password,
        "dbname": parts.path[1:],
        "database": parts.path[1:],
    }
    _require_once(given, in_front)
    if "dbname" in given and "database" in given:
        raise BadUrl("names its database twice")
    if not (in_front["dbname"] or given.get("dbname") or given.get("database")):
        raise BadUrl("names no database: it must end like host:5432/database")
    if "port" in given and not _port(given["port"]):
        raise BadUrl("has an invalid port")
    host = unquote(parts.hostname or "") or given.get("host", "")
    if not (host.startswith("/") or is_host(host)):  # a directory holds a Unix socket
        raise BadUrl("names no host that can be looked up" if host else "names no host")
    return f"postgresql://{rest}"


def valkey_url(url: str) -> str:
    """`url` as redis-py takes it. Raises BadUrl."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _VALKEY_SCHEMES:
        raise BadUrl("must be a URL such as redis://user:password@host:6379/0, rediss://... or unix:///path?db=0")
    usable = f"{_VALKEY_SCHEMES[scheme]}://{rest}"
    parts = _split(usable)
    given = _options(parts.query, _VALKEY_OPTIONS, "timeouts and pools are the server's own")
    if scheme not in ("rediss", "valkeys") and (tls := sorted(_VALKEY_TLS & given.keys())):
        raise BadUrl(f"has the option {tls[0]!r}, which needs rediss://")
    _require_once(given, {"username": parts.username, "password": parts.password})
    if scheme == "unix":
        _check_socket(parts)
    elif not is_host(parts.hostname or ""):
        raise BadUrl("names no host that can be looked up" if parts.hostname else "names no host")
    path = "" if scheme == "unix" else unquote(parts.path[1:])
    for database in filter(None, (path, given.get("db"))):
        if not _DIGITS.fullmatch(database) or int(database) > _VALKEY_DATABASE_MAX:
            raise BadUrl(f"names the database {database!r}: it must be a number such as 0")
    if path and "db" in given and int(path) != int(given["db"]):
        raise BadUrl(f"names two databases, {path} and {given['db']}")
    return usable


def _check_socket(parts: SplitResult) -> None:
    """The URL of a Unix socket names a path and no host."""
    if parts.hostname or parts.port:
        raise BadUrl("names a host: a Unix socket is written unix:///path/to/socket")
    if len(parts.path) < 2:
        raise BadUrl("names no socket: write unix:///path/to/socket?db=0")


def _split(url: str) -> SplitResult:
    """The parts of a URL. Raises BadUrl if its form is ambiguous."""
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        port_is_valid = False
    if not port_is_valid:
        raise BadUrl("must be a URL with one host and a port from 1 to 65535")
    if parts.fragment or url.endswith("#") or parts.netloc.count("@") > 1:
        raise BadUrl("has a # or a second @ in it: write them as %23 and %40")
    return parts


def _options(query: str, known: Collection[str], hint: str) -> Mapping[str, str]:
    """The options after the question mark. Raises BadUrl unless each is known, given once and not empty."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise BadUrl("has something after its ? that is not name=value") from None
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise BadUrl(f"has the option {name!r}, which is not known here: {hint}")
        if name in given:
            raise BadUrl(f"has the option {name!r} twice")
        if not value.strip():
            raise BadUrl(f"has the option {name!r} without a value")
        if name in _CHOICES and value not in _CHOICES[name]:
            raise BadUrl(f"has the option {name!r}, which must be one of {', '.join(_CHOICES[name])}")
        if name in _FILES and not os.path.isfile(value):
            raise BadUrl(f"has the option {name!r}, but there is no such file")
        given[name] = value
    return given


def _require_once(options: Mapping[str, str], in_front: Mapping[str, object]) -> None:
    """Refuse an option that the front of the URL gives as well: drivers differ in which of the two they use."""
    for name, value in in_front.items():
        if value and name in options:
            raise BadUrl(f"says {name!r} twice, once as an option")


def _port(text: str) -> bool:
    return _DIGITS.fullmatch(text) is not None and 1 <= int(text) <= 65535


UrlCheck = Callable[[str], str]
