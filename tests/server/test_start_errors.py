"""A server that cannot start says what broke first, in one line."""

import asyncpg

from server.postgres_fit import what_broke


def broken_on_the_way_out(first: Exception) -> Exception:
    """As a transaction leaves it whose connection was lost in the middle."""
    try:
        try:
            raise first
        except Exception:
            raise asyncpg.InterfaceError("cannot call Transaction.__aexit__(): the underlying connection is closed")  # noqa: B904
    except asyncpg.InterfaceError as error:
        return error


def test_a_statement_without_an_answer_is_told_as_that() -> None:
    assert what_broke(broken_on_the_way_out(TimeoutError())) == "it did not answer in time"
    assert what_broke(TimeoutError()) == "it did not answer in time"


def test_the_first_error_is_told_on_one_line() -> None:
    lost = broken_on_the_way_out(ConnectionResetError("reset\nby peer"))
    assert what_broke(lost) == "ConnectionResetError: reset by peer"
    assert what_broke(asyncpg.InterfaceError("pool is closed")) == "InterfaceError: pool is closed"
