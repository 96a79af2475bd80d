"""AVAILABILITY_MIRROR=off: the same contract from Postgres alone, with no Valkey to be had."""

import pytest


@pytest.fixture
def without_mirror(house, house_of, stack):
    env = {"AVAILABILITY_MIRROR": "off", "VALKEY_URL": "redis://127.0.0.1:1/0"}
    server = stack.server("b", env=env)
    server.start()
    yield house_of(server)
    assert server.stop() == 0


def test_a_chat_from_payment_to_its_end(without_mirror, refused) -> None:
    house = without_mirror
    customer, mitra = house.customer(), house.mitra()
    assert house.ok("POST", "/api/mitra/status/heartbeat", mitra) == {"is_online": False}
    assert house.ok("GET", "/public/bestie-availability") == {"available": False, "count": 0}
    house.ok("POST", "/api/mitra/status/online", mitra)
    assert house.ok("POST", "/api/mitra/status/heartbeat", mitra) == {"is_online": True}
    assert house.ok("GET", "/public/bestie-availability") == {"available": True, "count": 1}
    assert house.operator("GET", "/internal/dashboard").json()["online_mitras"] == 1
    assert house.operator("GET", "/internal/mitras/available").json() == {"mitra_ids": [mitra.id]}
    assert house.operator("GET", f"/internal/mitras/{mitra.id}/reachable").json() == {"reachable": True}
    session_id = house.active(customer, mitra)
    assert house.act(customer, session_id, "extend", json={"duration_seconds": 60}).status_code == 200
    assert house.act(customer, session_id, "extension/pay").status_code == 200
    house.operator("PUT", "/internal/config/max_customers_per_mitra", json={"value": 1})
    assert house.ok("GET", "/public/bestie-availability") == {"available": False, "count": 0}
    assert house.act(customer, session_id, "end").status_code == 200
    house.operator("PATCH", f"/internal/mitras/{mitra.id}", json={"is_active": False})
    house.refused(403, "ACCOUNT_INACTIVE", "POST", "/api/mitra/status/heartbeat", mitra)
    refused(house.act(customer, house.searching(customer), "pay"), 409, "NO_MITRA_AVAILABLE")
    assert house.operator("GET", "/metrics").status_code == 200
    assert "seed" not in house.server.log.read_text().rsplit("ready: public", 1)[-1]


def test_each_ping_writes_its_row(without_mirror) -> None:
    house = without_mirror
    mitra = house.mitra(online=True)
    heartbeat = "SELECT last_heartbeat_at FROM mitra_online_status WHERE mitra_id = %s"
    first = house.value(heartbeat, mitra.id)
    house.ok("POST", "/api/mitra/status/heartbeat", mitra)
    assert house.value(heartbeat, mitra.id) > first
