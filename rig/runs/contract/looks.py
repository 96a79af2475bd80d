"""Looks at rows and keys after a step, in the names of the batch."""

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from rig.contract import CAPACITY, DEACTIVATED, HEARTBEAT, ONLINE, WRITE_THROUGH_S
from rig.environment.testbed import Testbed
from rig.record.lines.contract import ChatColumns, Keys, Rows
from rig.runs.contract.names import Names
from rig.stores.valkey import text, text_or_none

AGAIN_S = 0.01
MARGIN_S = 0.1  # beyond the contract's second, for clocks and scheduling
ROWS = """
SELECT 'person', m.id::text, m.is_active::text, s.is_online::text, NULL, NULL, NULL
  FROM mitras m LEFT JOIN mitra_online_status s ON s.mitra_id = m.id WHERE m.id::text = ANY(%(ids)s)
UNION ALL SELECT 'audit', mitra_id::text, string_agg(status::text, ' ' ORDER BY id), NULL, NULL, NULL, NULL
  FROM mitra_online_logs WHERE mitra_id::text = ANY(%(ids)s) GROUP BY mitra_id
UNION ALL SELECT 'chat', id::text, status::text, mitra_id::text, customer_id::text, duration_seconds::text,
  extract(epoch FROM ends_at)::text FROM chat_sessions WHERE customer_id::text = ANY(%(ids)s)
UNION ALL SELECT 'offer', chat_session_id::text, mitra_id::text, NULL, NULL, NULL, NULL
  FROM chat_request_notifications WHERE mitra_id::text = ANY(%(ids)s)
UNION ALL SELECT 'sign-in', user_id::text, count(*)::text, NULL, NULL, NULL, NULL
  FROM auth_sessions WHERE revoked_at IS NULL AND user_id::text = ANY(%(ids)s) GROUP BY user_id
UNION ALL SELECT 'setting', key::text, value::text, NULL, NULL, NULL, NULL FROM app_config
"""


def look_at_rows(testbed: Testbed, names: Names, mitras: Sequence[str], customers: Sequence[str]) -> Rows:
    """The rows of these people and their chats. psycopg errors come through."""
    ids = [names.id_of(name) for name in (*mitras, *customers)]
    found = testbed.tables.query(ROWS, {"ids": ids})
    rows = Rows({}, {}, {name: [] for name in mitras}, {}, {}, dict.fromkeys(mitras, 0), {})
    name_of = names.name_of
    for kind, id, first, second, third, fourth, fifth in found.rows:
        name = name_of(id) if kind != "setting" else id
        if kind == "person":
            rows.active[name], rows.online[name] = first == "true", second == "true"
        elif kind == "audit":
            rows.audit[name] = first.split()
        elif kind == "chat":
            ends_at = None if fifth is None else float(fifth)
            mitra = second and name_of(second)
            rows.chats[name] = ChatColumns(first, mitra, name_of(third), int(fourth), ends_at)
            rows.offers.setdefault(name, [])
        elif kind == "offer":
            rows.offers.setdefault(name, []).append(name_of(first))
        elif kind == "sign-in" and name in rows.sign_ins:
            rows.sign_ins[name] = int(first)
        elif kind == "setting":
            rows.settings[name] = whole(first)
    return rows


def whole(text: str) -> int | str:
    """A setting as the number that it is; else its text."""
    return int(text) if text.lstrip("-").isdigit() else text


def look_at_keys(
    testbed: Testbed, names: Names, mitras: Sequence[str], answered: float, earlier: Collection[str] = ()
) -> Keys:
    """The mirror's keys of these mitras, and both sets whole, in one pipeline.

    `earlier`: ids of people whose rows the rig has deleted since. A write for them that was under way may still arrive,
    and is no error of the server, so they are left out of the sets.
    """
    pipeline = testbed.mirror.client.pipeline(transaction=True)
    ids = [names.id_of(name) for name in mitras]
    pipeline.smembers(ONLINE)
    pipeline.smembers(DEACTIVATED)
    keys = [*(CAPACITY + id for id in ids), *(HEARTBEAT + id for id in ids)]
    pipeline.mget(keys or ["none"])
    timed = [ONLINE, DEACTIVATED, *keys]
    for key in timed:
        pipeline.pttl(key)
    online, deactivated, values, *lives = pipeline.execute(raise_on_error=False)
    told = [text_or_none(value) for value in values]
    return Keys(
        of=list(mitras),
        online=members(online, names, earlier),
        deactivated=members(deactivated, names, earlier),
        capacities={name: value for name, value in zip(mitras, told[: len(ids)], strict=False) if value is not None},
        heartbeats={name: value for name, value in zip(mitras, told[len(ids) :], strict=False) if value is not None},
        expiring=[key for key, life in zip(timed, lives, strict=True) if isinstance(life, int) and life >= 0],
        after_s=round(time.time() - answered, 3),
    )


def members(reply: Any, names: Names, earlier: Collection[str] = ()) -> list[str]:
    """The names in a set but for ids of earlier batches; what went wrong as one pseudo-name."""
    if isinstance(reply, Exception):
        return [str(reply)]
    return sorted(names.name_of(id) for id in map(text, reply) if id not in earlier)


def keys_once(right: Callable[[Keys], bool], look: Callable[[], Keys]) -> Keys:
    """The first look that is right, or the last one within the second that a write may take."""
    while True:
        keys = look()
        if right(keys) or keys.after_s >= WRITE_THROUGH_S + MARGIN_S:
            return keys
        time.sleep(AGAIN_S)
