"""Operators' settings in `app_config`: what the API refuses is no setting when a hand has written it, either."""

import json

import pytest

from server.app_settings import DEFAULTS

# Texts of JSON, as a hand may write them into the table.
NONSENSE = (
    "0", "-1", "1.5", "1000001", "1e11", "1e20", "1e400", "1" + "0" * 5000, "true", "null", '"3"', "[]", "{}",
    "[" * 500 + "]" * 500,
)  # fmt: skip
SOUND = {"1": 1, "2.0": 2, "1e0": 1, "1000000": 1_000_000}
KEYS = ("stale_after_seconds", "max_customers_per_mitra")


@pytest.fixture(autouse=True)
def the_default_afterwards(house):
    """The server keeps what it read; the next test expects the defaults."""
    yield
    house.sql("DELETE FROM app_config")
    house.operator("GET", "/internal/config")


def put(house, key, value) -> None:
    house.sql(
        "INSERT INTO app_config VALUES (%s, %s::jsonb) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        key,
        value,
    )


def asked_for_everything(house):
    """The status of each kind of request that depends on a setting."""
    customer, mitra, other = house.customer(), house.mitra(online=True), house.mitra(online=True)
    session_id = house.paid(customer)
    answers = [
        house.operator("GET", "/internal/config"),
        house.operator("GET", "/internal/mitras/available"),
        house.operator("GET", f"/internal/mitras/{mitra.id}/reachable"),
        house.call("GET", "/public/bestie-availability"),
        house.call("POST", "/api/mitra/status/heartbeat", mitra),
        house.answer(mitra, session_id, "accept"),
        house.operator("POST", f"/internal/chat-sessions/{session_id}/reroute", json={"mitra_id": other.id}),
        house.call("POST", "/api/mitra/status/offline", mitra),
    ]
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: value[:20])
@pytest.mark.parametrize("key", KEYS)
def test_nonsense_counts_as_absent_and_is_told_once(house, key, value) -> None:
    """No request fails for what stands in the table: the default holds, and the log names setting and value, once."""
    before = len(house.server.log.read_text())
    put(house, key, value)
    for _ in range(2):
        assert set(asked_for_everything(house)) == {200}
        assert house.operator("GET", "/internal/config").json() == {"config": DEFAULTS}
    stored = house.value("SELECT value::text FROM app_config")
    told = [line for line in house.server.log.read_text()[before:].splitlines() if f"{key} is {stored[:60]}" in line]
    assert len(told) == 1, told


@pytest.mark.parametrize("value", SOUND)
def test_what_the_api_takes_is_taken_from_the_table(house, value) -> None:
    """`2.0` is 2, as in a body."""
    put(house, "max_customers_per_mitra", value)
    assert house.operator("GET", "/internal/config").json()["config"]["max_customers_per_mitra"] == SOUND[value]
    body = {"value": json.loads(value)}
    answer = house.operator("PUT", "/internal/config/max_customers_per_mitra", json=body)
    assert answer.json() == {"key": "max_customers_per_mitra", "value": SOUND[value]}


@pytest.mark.parametrize("value", ["0", "1000001", "1e20", "1.5", "true", '"3"', "null"])
def test_the_api_refuses_what_the_table_may_not_hold(house, value, refused) -> None:
    body = {"value": json.loads(value)}
    refused(house.operator("PUT", "/internal/config/stale_after_seconds", json=body), 400, "VALIDATION_ERROR")


def test_the_maximum_in_force_of_a_row_by_hand(house, refused) -> None:
    """An accept looks at the row itself: 1e20 is no room without end but the default of three."""
    customer, mitra = house.customer(), house.mitra(online=True)
    put(house, "max_customers_per_mitra", "1e20")
    sessions = [house.paid(customer) for _ in range(4)]
    for session_id in sessions[:3]:
        assert house.answer(mitra, session_id, "accept").status_code == 200
    refused(house.answer(mitra, sessions[3], "accept"), 409, "MITRA_AT_CAPACITY")
