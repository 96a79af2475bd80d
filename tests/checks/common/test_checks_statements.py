"""The predicates by which statements are counted: a wrong one would convict an honest server or miss a broken one."""

from types import SimpleNamespace
from typing import Any

import pytest

from rig.checks.common.sql_statements import fixes_one_mitra, is_availability_query, keeps_house, names, reads, writes

AVAILABILITY = [
    "SELECT o.mitra_id FROM mitra_online_status AS o JOIN mitras AS m ON m.id = o.mitra_id WHERE o.is_online",
    "SELECT count(*) FROM mitra_online_status WHERE is_online",
    'select "mitra_id" from "public"."mitra_online_status" where "is_online" = true',
    "SELECT m.id FROM mitras m, mitra_online_status s WHERE s.mitra_id = m.id AND m.is_active",
    "SELECT mitra_id FROM mitra_online_status WHERE mitra_id = ANY($1::uuid[])",
    "WITH a AS (SELECT mitra_id FROM mitra_online_status WHERE is_online) SELECT count(*) FROM a",
    "INSERT INTO chat_request_notifications SELECT $1, o.mitra_id FROM mitra_online_status o WHERE o.is_online",
    "SELECT o.mitra_id FROM mitra_online_status o JOIN chat_sessions s ON s.mitra_id = o.mitra_id WHERE s.id = $1",
    "SELECT n.mitra_id FROM chat_request_notifications n JOIN mitra_online_status o USING (mitra_id) WHERE n.mitra_id = $1",
]
NONE = [
    "SELECT is_online, last_heartbeat_at FROM mitra_online_status WHERE mitra_id = $1",
    "SELECT o.is_online AND m.is_active FROM mitra_online_status AS o JOIN mitras AS m ON m.id = o.mitra_id WHERE o.mitra_id = $1",
    "SELECT m.is_active, o.is_online FROM mitras AS m LEFT JOIN mitra_online_status AS o ON o.mitra_id = m.id WHERE m.id = $1",
    "SELECT o.is_online FROM mitra_online_status o WHERE o.mitra_id = '6f0e0f8e-0000-4000-8000-000000000001'::uuid",
    "SELECT is_online FROM mitra_online_status WHERE CAST($1 AS uuid) = mitra_id",
    "UPDATE mitra_online_status SET is_online = false WHERE mitra_id = $1 RETURNING mitra_id",
    "INSERT INTO mitra_online_status (mitra_id, is_online) SELECT id, true FROM mitras WHERE id = $1",
    "SELECT m.id, count(s.id) FROM mitras m LEFT JOIN chat_sessions s ON s.mitra_id = m.id GROUP BY m.id",
    "SELECT 'FROM mitra_online_status' AS note",
    "COMMIT",
]


def logged(text: str) -> Any:
    """A statement as far as these questions look at it."""
    return SimpleNamespace(text=text, contract_text=None, parameters=[])


@pytest.mark.parametrize("text", AVAILABILITY)
def test_a_select_that_ranges_over_mitras_is_an_availability_query(text: str) -> None:
    assert is_availability_query(logged(text))


@pytest.mark.parametrize("text", NONE)
def test_one_id_or_another_table_makes_no_availability_query(text: str) -> None:
    assert not is_availability_query(logged(text))


def test_a_session_fixed_by_its_id_does_not_fix_a_mitra() -> None:
    assert not fixes_one_mitra(
        logged("SELECT o.mitra_id FROM mitra_online_status o JOIN chat_sessions s USING (mitra_id) WHERE s.id = $1")
    )


def test_a_table_named_in_a_text_or_comment_is_not_named() -> None:
    assert not names(logged("SELECT 'mitras' -- mitras\n /* mitras */"), "mitras")
    assert names(logged('SELECT 1 FROM public."mitras"'), "mitras")
    assert not names(logged("SELECT 1 FROM mitras_old"), "mitras")


def test_reading_is_not_writing() -> None:
    locked = logged("SELECT id FROM mitra_online_status FOR UPDATE")
    assert reads(locked, "mitra_online_status")
    assert not writes(locked, "mitra_online_status")
    swept = logged(
        "WITH gone AS (UPDATE mitra_online_status SET is_online = false RETURNING mitra_id) SELECT * FROM gone"
    )
    assert writes(swept, "mitra_online_status")
    assert not reads(swept, "mitra_online_status")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DELETE FROM auth_sessions WHERE expires_at < now() - interval '1 day'", True),
        (
            "WITH gone AS (DELETE FROM auth_sessions AS s\nWHERE s.expires_at < $1 RETURNING 1) SELECT count(*) FROM gone",
            True,
        ),
        ("DELETE FROM auth_sessions WHERE user_id = $1", False),
        ("SELECT id FROM auth_sessions WHERE expires_at < now()", False),
        ("DELETE FROM auth_sessions USING mitras AS m WHERE m.id = user_id AND expires_at < now()", False),
    ],
)
def test_house_keeping_deletes_by_the_expiry_alone(text: str, expected: bool) -> None:
    """The contract lets a server do so at any time: it is no ping's."""
    assert keeps_house(logged(text)) is expected
