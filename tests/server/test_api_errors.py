"""Bad input gets the contract's error, in the contract's order, and never a 500."""

import socket
import uuid

import pytest

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def test_unknown_paths_and_wrong_methods_ask_for_no_token(house, refused) -> None:
    for path in ("/", "/nope", "/api/mitra", "/api/mitra/profile/", "/internal/dashboard", "/api/mitra/auth"):
        house.refused(404, "NOT_FOUND", "GET", path)
    refused(house.operator("GET", "/api/shared/auth-providers", headers={"authorization": ""}), 404, "NOT_FOUND")
    for method, path in (
        ("DELETE", "/api/mitra/profile"),
        ("GET", "/api/mitra/status/heartbeat"),
        ("PUT", f"/api/client/chat-sessions/{UNKNOWN}"),
        ("OPTIONS", "/public/bestie-availability"),
        ("TRACE", "/public/bestie-availability"),
    ):
        answer = house.call(method, path)
        refused(answer, 405, "METHOD_NOT_ALLOWED")
        assert answer.headers["allow"]
    refused(
        house.operator("GET", f"/internal/mitras/{UNKNOWN}", headers={"authorization": ""}), 405, "METHOD_NOT_ALLOWED"
    )


BODIES = {
    "empty": (b"", "BAD_JSON"),
    "no json": (b"{", "BAD_JSON"),
    "no utf-8": (b'{"phone": "\xff"}', "BAD_JSON"),
    "lone surrogate": (b'{"phone": "\\ud800"}', "BAD_JSON"),
    "not a number": (b'{"phone": NaN}', "BAD_JSON"),
    "number out of range": (b'{"duration_seconds": 1' + b"0" * 400 + b"}", "BAD_JSON"),
    "deep": (b"[" * 30000, "BAD_JSON"),
    "byte order mark": (b"\xef\xbb\xbf{}", "BAD_JSON"),
    "array": (b"[]", "VALIDATION_ERROR"),
    "null": (b"null", "VALIDATION_ERROR"),
    "text": (b'"+628"', "VALIDATION_ERROR"),
    "nothing in it": (b"{}", "VALIDATION_ERROR"),
}


@pytest.mark.parametrize(("content", "code"), BODIES.values(), ids=BODIES.keys())
def test_bodies(house, content, code) -> None:
    customer = house.customer()
    house.refused(400, code, "POST", "/api/mitra/auth/otp/request", content=content)
    house.refused(400, code, "POST", "/api/client/auth/otp/verify", content=content)
    house.refused(400, code, "POST", "/api/client/auth/refresh", content=content)
    house.refused(400, code, "POST", "/api/client/chat-sessions", customer, content=content)


@pytest.mark.parametrize("value", [None, True, 0, -1, 86401, 1.5, "60", [60], {}, 10**18, 10**30, 1e300], ids=repr)
def test_durations(house, value) -> None:
    customer = house.customer()
    body = {"duration_seconds": value}
    house.refused(400, "VALIDATION_ERROR", "POST", "/api/client/chat-sessions", customer, json=body)
    path = f"/api/client/chat-sessions/{UNKNOWN}/extend"
    house.refused(400, "VALIDATION_ERROR", "POST", path, customer, json=body)


@pytest.mark.parametrize("seconds", [1, 86400, 60.0], ids=repr)  # 60.0 is a whole number in JSON
def test_durations_within_bounds(house, seconds) -> None:
    assert house.searching(house.customer(), seconds)


@pytest.mark.parametrize(
    "phone",
    [
        None,
        628,
        "",
        "628123456789",
        "+0812345678",
        "+62 812",
        "+62abc",
        "+" + "1" * 16,
        "+628\x00",
        "+٦٢٨١",
        "+628123\n",
    ],
    ids=repr,
)
def test_phones(house, phone) -> None:
    for action, more in (("request", {}), ("verify", {"code": "123456"})):
        path = f"/api/mitra/auth/otp/{action}"
        house.refused(400, "VALIDATION_ERROR", "POST", path, json={"phone": phone, **more})


@pytest.mark.parametrize("code", [None, 123456, True, ["123456"]], ids=repr)
def test_codes_and_tokens_are_text(house, code) -> None:
    body = {"phone": "+628123456789", "code": code}
    house.refused(400, "VALIDATION_ERROR", "POST", "/api/mitra/auth/otp/verify", json=body)
    for action in ("refresh", "logout"):
        path = f"/api/mitra/auth/{action}"
        house.refused(400, "VALIDATION_ERROR", "POST", path, json={"refresh_token": code})


@pytest.mark.parametrize(
    "id_",
    ["none", "123", UNKNOWN + "0", UNKNOWN.replace("-", ""), "%7B" + UNKNOWN + "%7D", "%00", "%ED%A0%80", "a" * 3000],
)
def test_ids_that_are_no_uuid(house, refused, id_) -> None:
    customer, mitra = house.customer(), house.mitra()
    house.refused(400, "VALIDATION_ERROR", "GET", f"/api/client/chat-sessions/{id_}", customer)
    for action in ("pay", "cancel", "end", "goodbye", "extend", "extension/pay"):
        path = f"/api/client/chat-sessions/{id_}/{action}"
        house.refused(400, "VALIDATION_ERROR", "POST", path, customer, json={"duration_seconds": 5})
    for action in ("accept", "decline"):
        house.refused(400, "VALIDATION_ERROR", "POST", f"/api/mitra/chat-requests/{id_}/{action}", mitra)
    house.refused(400, "VALIDATION_ERROR", "POST", f"/api/mitra/chat-sessions/{id_}/end", mitra)
    refused(house.operator("GET", f"/internal/mitras/{id_}/reachable"), 400, "VALIDATION_ERROR")
    refused(house.operator("PATCH", f"/internal/mitras/{id_}", json={"is_active": True}), 400, "VALIDATION_ERROR")
    path = f"/internal/chat-sessions/{id_}/reroute"
    refused(house.operator("POST", path, json={"mitra_id": UNKNOWN}), 400, "VALIDATION_ERROR")


def test_ids_in_capitals_are_the_same_ids(house) -> None:
    customer = house.customer()
    session_id = house.searching(customer)
    assert house.ok("GET", f"/api/client/chat-sessions/{session_id.upper()}", customer)["id"] == session_id


def test_unknown_ids_are_404(house, refused) -> None:
    customer, mitra = house.customer(), house.mitra()
    house.refused(404, "NOT_FOUND", "GET", f"/api/client/chat-sessions/{UNKNOWN}", customer)
    for action in ("pay", "cancel", "end", "goodbye", "extend", "extension/pay"):
        path = f"/api/client/chat-sessions/{UNKNOWN}/{action}"
        house.refused(404, "NOT_FOUND", "POST", path, customer, json={"duration_seconds": 5})
    for action in ("accept", "decline"):
        house.refused(404, "NOT_FOUND", "POST", f"/api/mitra/chat-requests/{UNKNOWN}/{action}", mitra)
    house.refused(404, "NOT_FOUND", "POST", f"/api/mitra/chat-sessions/{UNKNOWN}/end", mitra)
    refused(house.operator("PATCH", f"/internal/mitras/{UNKNOWN}", json={"is_active": True}), 404, "NOT_FOUND")
    refused(house.operator("PATCH", f"/internal/mitras/{UNKNOWN}", json={"is_active": 1}), 400, "VALIDATION_ERROR")


def test_the_order_400_404_403_409(house) -> None:
    owner, other = house.customer(), house.customer()
    session_id = house.searching(owner)
    path = f"/api/client/chat-sessions/{session_id}/extend"
    house.refused(400, "BAD_JSON", "POST", path, other, content=b"{")
    house.refused(403, "FORBIDDEN", "POST", path, other, json={"duration_seconds": 5})
    house.refused(409, "INVALID_STATE", "POST", path, owner, json={"duration_seconds": 5})
    missing = f"/api/client/chat-sessions/{UNKNOWN}/extend"
    house.refused(400, "VALIDATION_ERROR", "POST", missing, other, json={"duration_seconds": "5"})
    house.refused(404, "NOT_FOUND", "POST", missing, other, json={"duration_seconds": 5})


def test_a_body_over_64_kib(house, refused) -> None:
    customer = house.customer()
    path = "/api/client/chat-sessions"
    padding = 64 * 1024 - len('{"duration_seconds": 5, "x": ""}')
    fits = '{"duration_seconds": 5, "x": "%s"}' % ("y" * padding)
    assert len(fits) == 64 * 1024
    assert house.call("POST", path, customer, content=fits).status_code == 201
    house.refused(413, "PAYLOAD_TOO_LARGE", "POST", path, customer, content=fits + " ")
    house.refused(413, "PAYLOAD_TOO_LARGE", "POST", path, customer, content=iter([b"[" * 60_000] * 3))
    house.refused(401, "UNAUTHENTICATED", "POST", path, content=b"[" * 100_000)
    house.refused(403, "FORBIDDEN", "POST", path, house.mitra(), content=b"[" * 100_000)
    refused(house.operator("PUT", "/internal/config/nothing", content=b"[" * 100_000), 413, "PAYLOAD_TOO_LARGE")


def test_routes_without_a_body_ignore_one(house) -> None:
    mitra = house.mitra()
    for content in (b"{", b"[]", b"\x00" * 200_000):
        house.ok("POST", "/api/mitra/status/heartbeat", mitra, content=content)
        house.ok("POST", "/api/mitra/status/offline", mitra, content=content)


def test_settings(house, refused) -> None:
    config = house.operator("GET", "/internal/config").json()["config"]
    assert set(config) == {"max_customers_per_mitra", "stale_after_seconds"}
    key = "/internal/config/max_customers_per_mitra"
    for value in (0, -1, 2.5, True, "3", None, [], 10**12, 10**25):
        refused(house.operator("PUT", key, json={"value": value}), 400, "VALIDATION_ERROR")
    refused(house.operator("PUT", "/internal/config/nothing", json={"value": 3}), 404, "NOT_FOUND")
    refused(house.operator("PUT", "/internal/config/nothing", json={"value": 0}), 400, "VALIDATION_ERROR")
    try:
        answer = house.operator("PUT", key, json={"value": 5})
        assert (answer.status_code, answer.json()) == (200, {"key": "max_customers_per_mitra", "value": 5})
        assert house.operator("GET", "/internal/config").json()["config"]["max_customers_per_mitra"] == 5
        assert house.value("SELECT value FROM app_config WHERE key = 'max_customers_per_mitra'") == 5
    finally:
        house.operator("PUT", key, json={"value": 3})


def test_reroute_needs_a_mitra(house, refused) -> None:
    path = f"/internal/chat-sessions/{UNKNOWN}/reroute"
    for body in ({}, {"mitra_id": None}, {"mitra_id": 5}, {"mitra_id": "x"}, {"mitra_id": "\x00"}):
        refused(house.operator("POST", path, json=body), 400, "VALIDATION_ERROR")
    refused(house.operator("POST", path, json={"mitra_id": UNKNOWN}), 404, "NOT_FOUND")


def test_half_a_request_is_400_and_the_server_goes_on(house) -> None:
    address = house._public.base_url.host, house._public.base_url.port
    with socket.create_connection(address, timeout=8) as connection:
        connection.sendall(
            b"POST /api/mitra/auth/otp/request HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 20\r\n\r\n{"
        )
        head = b"".join(iter(lambda: connection.recv(4096), b""))
    assert b" 400 " in head.split(b"\r\n")[0]
    assert b"BAD_JSON" in head
    assert house.call("GET", "/api/shared/auth-providers").status_code == 200


def test_providers_and_probes(house) -> None:
    assert house.ok("GET", "/api/shared/auth-providers")["providers"][0]["id"] == "otp"
    assert house.operator("GET", "/healthz").status_code == 200
    assert house.operator("GET", "/readyz").json()["status"] == "ready"
    text = house.operator("GET", "/metrics").text
    assert 'http_requests_total{listener="public",method="GET",route="/api/shared/auth-providers"' in text
    assert uuid.UUID(UNKNOWN).hex not in text
