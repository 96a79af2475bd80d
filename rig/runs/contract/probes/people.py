"""People of a probe, and how they act at the same moment."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from rig.environment.sign_in import sign_in
from rig.environment.testbed import Testbed
from rig.record.observations.races import Answered
from rig.stores.postgres import connect
from rig.stores.valkey import OURS
from rig.traffic import Customer, Mitra, Operator
from rig.traffic.actors.exchange import Exchange

ARRIVED_S = 0.4  # for requests to reach the lock that they have to wait for
Call = Callable[[], Exchange]


def some_mitra(testbed: Testbed, name: str, via: str = "a", *, online: bool = True) -> Mitra:
    """A new mitra, signed in, and online unless told otherwise."""
    mitra = sign_in(Mitra, testbed.server(via), testbed.fixtures.mitra(name=name, toggled=False))
    if online:
        mitra.online()
    return mitra


def some_customer(testbed: Testbed, name: str, via: str = "a") -> Customer:
    return sign_in(Customer, testbed.server(via), testbed.fixtures.customer(name=name))


def offered_chat(customer: Customer, seconds: int = 1800) -> str:
    """The id of a new chat that was offered to everybody who is available. KeyError where the server makes none."""
    chat: str = customer.create(seconds).reply["id"]
    customer.pay(chat)
    return chat


def operator(testbed: Testbed, via: str = "a") -> Operator:
    return Operator(testbed.server(via))


def together(calls: Sequence[Call]) -> list[Exchange]:
    """All of them at once, each from a thread of its own; their exchanges in the order of the calls."""
    barrier = threading.Barrier(len(calls))

    def call(one: Call) -> Exchange:
        barrier.wait()
        return one()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


@contextmanager
def row_locked(testbed: Testbed, table: str, id: str) -> Iterator[None]:
    """A lock on this row of the contract's table while the block runs: whoever needs the row waits for its end."""
    schema = testbed.fixtures.schema
    statement = schema.lock_row(table)
    with connect(testbed.stack.postgres.url, f"{OURS}lock") as connection, connection.transaction():
        connection.execute(statement, (id,))
        yield


def while_locked(testbed: Testbed, table: str, id: str, calls: Sequence[Call]) -> list[Exchange]:
    """All of them wait for the row, and go on at the same moment."""
    with ThreadPoolExecutor(len(calls)) as pool:
        with row_locked(testbed, table, id):
            pending = [pool.submit(call) for call in calls]
            time.sleep(ARRIVED_S)
        return [one.result() for one in pending]


def told(exchanges: Sequence[Exchange]) -> list[Answered]:
    """Status and code of each, as the record keeps them."""
    return [Answered(one.status, one.code or one.error) for one in exchanges]
