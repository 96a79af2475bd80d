"""Sign-in, refresh, logout and guards: one code makes one session, one token one successor, in the right order."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest

CODE = "123456"


def sign_in(house, role, phone, code=CODE):
    asked = house.ok("POST", f"/api/{role}/auth/otp/request", json={"phone": phone})
    assert asked["expires_in"] > 0
    return house.call("POST", f"/api/{role}/auth/otp/verify", json={"phone": phone, "code": code})


def refresh(house, token, role="mitra"):
    return house.call("POST", f"/api/{role}/auth/refresh", json={"refresh_token": token})


@pytest.mark.parametrize("role", ["mitra", "client"])
def test_sign_in_gives_tokens_that_work(house, role) -> None:
    person = house.mitra() if role == "mitra" else house.customer()
    tokens = sign_in(house, role, person.phone).json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 900
    assert tokens["user"] == {"id": person.id, "phone": person.phone, "display_name": "Somebody"}
    if role == "mitra":
        profile = house.ok("GET", "/api/mitra/profile", headers={"authorization": f"bearer {tokens['access_token']}"})
        assert profile == tokens["user"]
    else:
        assert (
            house.call(
                "POST", "/api/client/chat-sessions", tokens["access_token"], json={"duration_seconds": 60}
            ).status_code
            == 201
        )


def test_an_unknown_customer_is_signed_up_once(house) -> None:
    phone = "+6289900000001"
    first = sign_in(house, "client", phone).json()["user"]
    second = sign_in(house, "client", phone).json()["user"]
    assert first == second
    assert house.value("SELECT count(*) FROM customers WHERE phone = %s", phone) == 1


def test_an_unknown_mitra_learns_nothing(house, refused) -> None:
    known, phone = house.mitra(), "+6289900000002"
    path = "/api/mitra/auth/otp/request"
    answers = [house.call("POST", path, json={"phone": p}) for p in (known.phone, phone)]
    assert answers[0].json() == answers[1].json()
    verify = [{"phone": phone, "code": CODE}] * 5
    for body in verify:
        refused(house.call("POST", "/api/mitra/auth/otp/verify", json=body), 401, "OTP_INVALID")
    house.refused(429, "OTP_TOO_MANY_ATTEMPTS", "POST", "/api/mitra/auth/otp/verify", json=verify[0])
    assert house.value("SELECT count(*) FROM mitras WHERE phone = %s", phone) == 0


def test_five_wrong_codes_then_429_until_a_new_request(house, refused) -> None:
    mitra = house.mitra()
    refused(sign_in(house, "mitra", mitra.phone, "000000"), 401, "OTP_INVALID")
    path = "/api/mitra/auth/otp/verify"
    for code in ("1", "", "x" * 200, "é"):
        if code:
            house.refused(401, "OTP_INVALID", "POST", path, json={"phone": mitra.phone, "code": code})
    house.refused(401, "OTP_INVALID", "POST", path, json={"phone": mitra.phone, "code": "\x00"})
    for code in (CODE, "000000", CODE):
        house.refused(429, "OTP_TOO_MANY_ATTEMPTS", "POST", path, json={"phone": mitra.phone, "code": code})
    assert sign_in(house, "mitra", mitra.phone).status_code == 200


def test_wrong_codes_at_once_are_counted_once_each(house) -> None:
    mitra = house.mitra()
    house.ok("POST", "/api/mitra/auth/otp/request", json={"phone": mitra.phone})

    def wrong(_: int) -> int:
        body = {"phone": mitra.phone, "code": "9"}
        return house.call("POST", "/api/mitra/auth/otp/verify", json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(wrong, range(12)))
    assert statuses == [401] * 5 + [429] * 7


def test_without_an_open_request_401(house) -> None:
    mitra = house.mitra()
    body = {"phone": mitra.phone, "code": CODE}
    house.refused(401, "OTP_INVALID", "POST", "/api/mitra/auth/otp/verify", json=body)
    sign_in(house, "mitra", mitra.phone)
    house.refused(401, "OTP_INVALID", "POST", "/api/mitra/auth/otp/verify", json=body)


def test_a_code_expires(house) -> None:
    mitra = house.mitra()
    house.ok("POST", "/api/mitra/auth/otp/request", json={"phone": mitra.phone})
    house.sql("UPDATE otp_requests SET expires_at = now() - interval '1 second'")
    body = {"phone": mitra.phone, "code": CODE}
    house.refused(401, "OTP_INVALID", "POST", "/api/mitra/auth/otp/verify", json=body)


def test_a_code_of_one_role_is_none_of_the_other(house) -> None:
    mitra = house.mitra()
    house.ok("POST", "/api/mitra/auth/otp/request", json={"phone": mitra.phone})
    body = {"phone": mitra.phone, "code": CODE}
    house.refused(401, "OTP_INVALID", "POST", "/api/client/auth/otp/verify", json=body)


def test_one_code_makes_one_session(house) -> None:
    mitra = house.mitra()
    house.ok("POST", "/api/mitra/auth/otp/request", json={"phone": mitra.phone})

    def verify(_: int) -> int:
        body = {"phone": mitra.phone, "code": CODE}
        return house.call("POST", "/api/mitra/auth/otp/verify", json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(verify, range(8)))
    assert statuses == [200] + [401] * 7
    assert house.value("SELECT count(*) FROM auth_sessions WHERE user_id = %s", mitra.id) == 1


def test_a_refresh_token_serves_once_and_its_successor_lives(house, refused) -> None:
    mitra = house.mitra()
    first = sign_in(house, "mitra", mitra.phone).json()["refresh_token"]
    second = refresh(house, first).json()["refresh_token"]
    refused(refresh(house, first), 401, "REFRESH_INVALID")
    third = refresh(house, second)
    assert third.status_code == 200
    assert (
        house.ok("GET", "/api/mitra/profile", headers={"authorization": f"Bearer {third.json()['access_token']}"})["id"]
        == mitra.id
    )


def test_a_refresh_token_used_at_once_has_one_successor(house) -> None:
    mitra = house.mitra()
    token = sign_in(house, "mitra", mitra.phone).json()["refresh_token"]
    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(r.status_code for r in pool.map(lambda _: refresh(house, token), range(8)))
    assert statuses == [200] + [401] * 7


def test_refresh_of_what_is_none(house, refused) -> None:
    customer = house.customer()
    token = sign_in(house, "client", customer.phone).json()["refresh_token"]
    refused(refresh(house, token, "mitra"), 401, "REFRESH_INVALID")
    refused(refresh(house, "nonsense"), 401, "REFRESH_INVALID")
    refused(refresh(house, "\x00é"), 401, "REFRESH_INVALID")
    house.sql("UPDATE auth_sessions SET expires_at = now() - interval '1 second'")
    refused(refresh(house, token, "client"), 401, "REFRESH_INVALID")


def test_logout_ends_its_session_only(house, refused) -> None:
    mitra = house.mitra()
    one, other = (sign_in(house, "mitra", mitra.phone).json()["refresh_token"] for _ in range(2))
    for token in (one, one, "unknown"):
        answer = house.call("POST", "/api/mitra/auth/logout", json={"refresh_token": token})
        assert (answer.status_code, answer.content) == (204, b"")
    refused(refresh(house, one), 401, "REFRESH_INVALID")
    assert refresh(house, other).status_code == 200


def test_a_deactivated_mitra(house, refused) -> None:
    mitra = house.mitra(online=True)
    tokens = sign_in(house, "mitra", mitra.phone).json()
    house.operator("PATCH", f"/internal/mitras/{mitra.id}", json={"is_active": False})
    revoked = "SELECT count(*) FROM auth_sessions WHERE user_id = %s AND revoked_at IS NULL"
    assert house.value(revoked, mitra.id) == 0
    refused(refresh(house, tokens["refresh_token"]), 401, "REFRESH_INVALID")
    refused(sign_in(house, "mitra", mitra.phone), 403, "ACCOUNT_INACTIVE")
    refused(sign_in(house, "mitra", mitra.phone, "0"), 401, "OTP_INVALID")
    assert house.value(revoked, mitra.id) == 0
    session = uuid.uuid4()
    for method, path in (
        ("GET", "/api/mitra/status"),
        ("POST", "/api/mitra/status/online"),
        ("POST", "/api/mitra/status/offline"),
        ("POST", "/api/mitra/status/heartbeat"),
        ("GET", "/api/mitra/chat-requests"),
        ("POST", f"/api/mitra/chat-requests/{session}/accept"),
        ("POST", "/api/mitra/chat-requests/none/decline"),
        ("POST", f"/api/mitra/chat-sessions/{session}/end"),
    ):
        house.refused(403, "ACCOUNT_INACTIVE", method, path, mitra)
    assert house.ok("GET", "/api/mitra/profile", mitra)["id"] == mitra.id
    logout = {"refresh_token": tokens["refresh_token"]}
    assert house.call("POST", "/api/mitra/auth/logout", mitra, json=logout).status_code == 204
    house.operator("PATCH", f"/internal/mitras/{mitra.id}", json={"is_active": True})
    assert sign_in(house, "mitra", mitra.phone).status_code == 200
    assert house.ok("POST", "/api/mitra/status/heartbeat", mitra) == {"is_online": True}


def test_deactivated_by_hand_keeps_nobody_signed_in(house, refused) -> None:
    mitra = house.mitra()
    token = sign_in(house, "mitra", mitra.phone).json()["refresh_token"]
    house.sql("UPDATE mitras SET is_active = false WHERE id = %s", mitra.id)
    refused(refresh(house, token), 401, "REFRESH_INVALID")


def test_a_refresh_racing_a_deactivation_does_not_survive_it(house) -> None:
    for _ in range(5):
        mitra = house.mitra()
        tokens = [sign_in(house, "mitra", mitra.phone).json()["refresh_token"] for _ in range(3)]
        with ThreadPoolExecutor(8) as pool:
            for token in tokens:
                pool.submit(refresh, house, token)
            pool.submit(sign_in, house, "mitra", mitra.phone)
            pool.submit(house.operator, "PATCH", f"/internal/mitras/{mitra.id}", json={"is_active": False})
        live = "SELECT count(*) FROM auth_sessions WHERE user_id = %s AND revoked_at IS NULL"
        assert house.value("SELECT is_active FROM mitras WHERE id = %s", mitra.id) is False
        assert house.value(live, mitra.id) == 0


PROTECTED = ("GET", "/api/mitra/profile")


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Basic abc"},
        {"authorization": "Bearer a.b.c"},
        {"authorization": "Bearer " + "[" * 5000},
        {"authorization": b"Bearer \xff\xfe\x80"},
        {"authorization": "Bearer " + "A" * 30000},
    ],
    ids=range(8),
)
def test_odd_headers_are_401(house, header) -> None:
    house.refused(401, "UNAUTHENTICATED", *PROTECTED, headers=header)
    house.refused(401, "UNAUTHENTICATED", "POST", "/api/mitra/status/heartbeat", headers=header)


def test_two_authorization_headers_are_none(house, refused) -> None:
    mitra = house.mitra()
    header = ("authorization", f"Bearer {mitra.token}")
    refused(house._public.get("/api/mitra/profile", headers=[header, header]), 401, "UNAUTHENTICATED")


def test_tokens_that_are_not_good(house) -> None:
    mitra = house.mitra()
    now = int(time.time())
    secret = house.server.jwt_secret

    def signed(key: str = secret, algorithm: str = "HS256", **claims: object) -> str:
        return jwt.encode({"sub": mitra.id, **claims}, key, algorithm)

    bad = {
        "other secret": signed("x" * 32, role="mitra", exp=now + 60),
        "other algorithm": signed(secret, "HS512", role="mitra", exp=now + 60),
        "unsigned": signed("", "none", role="mitra", exp=now + 60),
        "sub no uuid": house.token("me", "mitra"),
        "sub a number": house.token(mitra.id, "mitra", sub=7),
        "role no text": signed(role=["mitra"], exp=now + 60),
        "no role": signed(exp=now + 60),
        "exp no number": house.token(mitra.id, "mitra", exp="soon"),
        "exp infinite": house.token(mitra.id, "mitra", exp=float("inf")),
        "no exp": signed(role="mitra"),
    }
    for token in bad.values():
        house.refused(401, "UNAUTHENTICATED", *PROTECTED, token)
    house.refused(401, "TOKEN_EXPIRED", *PROTECTED, house.token(mitra.id, "mitra", lives_s=-5))


def test_a_minted_token_is_accepted_whatever_its_iat(house) -> None:
    mitra = house.mitra()
    for iat in (int(time.time()) + 30, time.time(), 0):
        assert house.call(*PROTECTED, house.token(mitra.id, "mitra", iat=iat)).status_code == 200
    assert house.call(*PROTECTED, house.token(mitra.id.upper(), "mitra")).status_code == 200


def test_a_role_that_is_not_the_routes(house) -> None:
    mitra, customer = house.mitra(), house.customer()
    create = ("POST", "/api/client/chat-sessions")
    house.refused(403, "FORBIDDEN", *create, mitra, json={"duration_seconds": 60})
    house.refused(403, "FORBIDDEN", *PROTECTED, customer)
    house.refused(403, "FORBIDDEN", "POST", "/api/mitra/status/heartbeat", customer)
    house.refused(403, "FORBIDDEN", *PROTECTED, house.token(mitra.id, "admin"))
    house.refused(403, "FORBIDDEN", *create, house.mitra(active=False), content=b"{")


def test_a_token_of_somebody_unknown(house) -> None:
    nobody = {role: house.token(str(uuid.uuid4()), role) for role in ("mitra", "client")}
    assert house.ok("POST", "/api/mitra/status/heartbeat", headers={"authorization": f"Bearer {nobody['mitra']}"}) == {
        "is_online": False
    }
    for method, path in (
        ("GET", "/api/mitra/profile"),
        ("GET", "/api/mitra/status"),
        ("POST", "/api/mitra/status/online"),
        ("POST", "/api/mitra/status/offline"),
        ("GET", "/api/mitra/chat-requests"),
        ("POST", "/api/mitra/chat-requests/none/accept"),
        ("POST", "/api/client/chat-sessions"),
        ("GET", f"/api/client/chat-sessions/{uuid.uuid4()}"),
    ):
        for token in nobody.values():
            house.refused(401, "UNAUTHENTICATED", method, path, token)
    assert house.value("SELECT count(*) FROM mitra_online_status") == 0
    assert house.value("SELECT count(*) FROM mitra_online_logs") == 0


def test_the_internal_listener_needs_its_token(house, refused) -> None:
    mitra = house.mitra()
    for method, path in (
        ("GET", "/internal/dashboard"),
        ("GET", "/internal/mitras"),
        ("PATCH", f"/internal/mitras/{mitra.id}"),
        ("GET", "/internal/mitras/available"),
        ("GET", "/internal/mitras/no-uuid/reachable"),
        ("POST", "/internal/chat-sessions/no-uuid/reroute"),
        ("GET", "/internal/config"),
        ("PUT", "/internal/config/nothing"),
    ):
        for value in ("", "Bearer wrong", f"Bearer {mitra.token}", "Bearer é".encode("latin-1")):
            answer = house.operator(method, path, headers={"authorization": value})
            refused(answer, 401, "UNAUTHENTICATED")
    for path in ("/healthz", "/readyz", "/metrics"):
        assert house.operator("GET", path, headers={"authorization": ""}).status_code == 200


def test_any_instance_knows_the_code(house, house_of, stack) -> None:
    other = stack.server("b")
    other.start()
    try:
        there, mitra = house_of(other), house.mitra()
        house.ok("POST", "/api/mitra/auth/otp/request", json={"phone": mitra.phone})
        tokens = there.ok("POST", "/api/mitra/auth/otp/verify", json={"phone": mitra.phone, "code": CODE})
        assert refresh(house, tokens["refresh_token"]).status_code == 200
    finally:
        other.kill()
