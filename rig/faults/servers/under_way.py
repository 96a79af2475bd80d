"""A request that is on its way when its server is told to stop: it waits for a row which the rig holds locked."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import psycopg

from rig.faults.base import FaultContext
from rig.faults.postgres.outages import superuser
from rig.record.lines.common import Request

# Of a mitra whom nobody bars while the traffic goes on (those have sign-ins), so that being active is no change.
ROW = """
SELECT m.id::text FROM mitras m
WHERE m.is_active AND NOT EXISTS (SELECT FROM auth_sessions a WHERE a.user_id = m.id)
ORDER BY m.id LIMIT 1 FOR UPDATE OF m SKIP LOCKED
"""
LOCK_MS = 500  # a table that somebody else holds locked is not waited for
SEEN_S = 3.0  # by then the request is sent, or never will be
SENT_S = 0.3  # before SIGTERM: above the 0.2 s from which on the contract promises an answer
HELD_S = 0.3  # after SIGTERM: long enough to be in flight, and no Postgres that hangs
PATIENCE_S = 8.0


@contextmanager
def request_under_way(context: FaultContext, name: str) -> Iterator[list[Request]]:
    """While in it that instance has a request in flight, HELD_S long; it is in the list once the block has ended.

    None is sent beside another fault, or where there is no mitra to ask about: then the list stays empty.
    """
    sent: list[Request] = []
    holder = locked(context) if context.alone else None
    if holder is None:
        yield sent
        return
    connection, mitra_id = holder
    gone = threading.Event()
    asking = threading.Thread(
        target=lambda: sent.append(asked(context.servers[name], name, mitra_id, gone)), daemon=True
    )
    asking.start()
    gone.wait(SEEN_S)
    time.sleep(SENT_S)  # what the contract speaks of is a time
    release = threading.Timer(HELD_S, connection.close)
    release.start()
    try:
        yield sent
    finally:
        release.join()
        asking.join(PATIENCE_S)


def locked(context: FaultContext) -> tuple[psycopg.Connection, str] | None:
    """A transaction that holds such a row, and whose it is; None where Postgres or the row cannot be had now."""
    with suppress(psycopg.Error):
        connection = superuser(context, autocommit=False)
        with suppress(psycopg.Error):
            connection.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
            if (found := connection.execute(ROW).fetchone()) is not None:
                return connection, found[0]
        connection.close()
    return None


def asked(server: Any, name: str, mitra_id: str, gone: threading.Event) -> Request:
    """The operator says that an active mitra is active; the request as the record has all others, with `sent_at`.

    `gone` is set when its last byte was sent, which is what the contract counts from.
    """
    url, body = f"{server.internal_url}/internal/mitras/{mitra_id}", {"is_active": True}
    status, reply, error, sent_at, started = None, None, None, None, time.time()

    def follow(event: str, _: Any) -> None:
        nonlocal sent_at
        if event == "http11.send_request_body.complete":
            sent_at = time.time()
            gone.set()

    try:
        with httpx.Client(timeout=PATIENCE_S, trust_env=False) as client:
            headers = {"Authorization": f"Bearer {server.internal_token}"}
            answer = client.patch(url, json=body, headers=headers, extensions={"trace": follow})
            status, reply = answer.status_code, answer.json()
    except (httpx.HTTPError, ValueError) as problem:
        error = f"{type(problem).__name__}: {problem}".rstrip(": ")
    return Request(
        t=started, actor="operator, as it is told to stop", action="reactivate", method="PATCH", url=url, body=body,
        status=status, reply=reply, code=None, error=error, started=started, ended=time.time(), sent_at=sent_at,
        subject=None, instance=name, outcome="answered" if status else "unknown" if sent_at else "unsent",
        curl=f"curl -sS -i -X PATCH {url} -H \"Authorization: Bearer $INTERNAL_API_TOKEN\" -d '{{\"is_active\": true}}'",
    )  # fmt: skip
