"""Stores that are given: reached and asked before anything is written, each refusal in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import redis

from rig.stack.errors import CapabilityMissing, SpecError, StackError
from rig.stores import Unfit, Unreachable
from rig.stores import postgres as its_postgres
from rig.stores import valkey as its_valkey
from rig.stores.postgres import PostgresFacts
from rig.stores.urls import BadUrl, ValkeyUrl, check_postgres_url
from rig.stores.valkey import OURS, ValkeyFacts


@contextmanager
def in_one_line() -> Iterator[None]:
    """A store that cannot be used is the user's to change (SpecError), one that nobody answers for is not there."""
    try:
        yield
    except Unfit as why:
        raise SpecError(str(why)) from None
    except Unreachable as why:
        raise StackError(str(why)) from None


def ask_postgres(url: str, *, with_log: bool = False) -> PostgresFacts:
    """What it is and lets us do. SpecError when it cannot be used, StackError when it cannot be reached."""
    with in_one_line():
        return its_postgres.ask(url, with_log=with_log)


def check_valkey(url: str) -> None:
    """The same refusals for a Valkey, of which nothing else is tried yet: it may be anybody's."""
    with in_one_line():
        its_valkey.check(url)


def ask_valkey(url: str) -> ValkeyFacts:
    """What a scratch Valkey is and lets us do."""
    with in_one_line():
        return its_valkey.ask(url)


def check_urls(postgres_url: str | None, valkey_url: str | None) -> None:
    """SpecError names the flag whose URL is none."""
    for flag, url, check in (
        ("--postgres", postgres_url, check_postgres_url),
        ("--valkey", valkey_url, ValkeyUrl.parse),
    ):
        try:
            if url:
                check(url)
        except BadUrl as error:
            raise SpecError(f"{flag} {error}") from None


def postgres(url: str) -> psycopg.Connection:
    """A connection of the stack's; SpecError or StackError in one line."""
    with in_one_line():
        return its_postgres.reached(url)


def reached(url: str) -> redis.Redis:
    """A client that has been answered."""
    connection = its_valkey.connect(url, f"{OURS}stack")
    with in_one_line():
        its_valkey.asked(connection.ping)
    return connection


def only_one(sharing: str | None, instance: str, lack: str) -> str:
    """The instance that may have what we were given. CapabilityMissing for a second: it could not be told from the first."""
    if sharing not in (None, instance):
        raise CapabilityMissing(f"{lack}; a second instance could not be told from the first")
    return instance
