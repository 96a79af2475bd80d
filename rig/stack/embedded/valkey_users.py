"""Users of Valkey: their rights, and the URLs by which they reach it."""

from typing import NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit


class User(NamedTuple):
    """How one server instance reaches Valkey: its own user, by which its commands are told from others'."""

    name: str
    password: str


def rules(password: str) -> str:
    """ACL rules of a user who may do everything: what is told apart is who, not what."""
    return f"on >{password} ~* &* +@all"


def url_of(user: User, address: str, like: str) -> str:
    """`like` with another user and another `host:port`; its scheme, database and parameters stay."""
    login = f"{quote(user.name)}:{quote(user.password)}@" if user.password else ""
    return urlunsplit(urlsplit(like)._replace(netloc=login + address))
