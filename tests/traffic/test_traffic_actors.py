"""Mitra, customer and operator ask what the contract says, with the token that it says."""

import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from rig.traffic import Customer, Exchange, Mitra, Operator, mint
from rig.traffic.actors.tokens import LIFETIME_S, Minted
from tests.support.answering_server import TOKENS, Server, server  # noqa: F401

ID = "7b0c5f2e-0000-4000-8000-000000000001"
CHATS = "/api/client/chat-sessions"
STATUS = "/api/mitra/status"
DURATION = {"duration_seconds": 60}

CALLS: list[tuple[type, Callable[[Any], Exchange], str, str, Any, str | None]] = [
    (Mitra, lambda m: m.auth_providers(), "GET", "/api/shared/auth-providers", None, None),
    (Mitra, lambda m: m.request_code(), "POST", "/api/mitra/auth/otp/request", {"phone": "+628"}, None),
    (Mitra, lambda m: m.profile(), "GET", "/api/mitra/profile", None, "mitra"),
    (Mitra, lambda m: m.status(), "GET", STATUS, None, "mitra"),
    (Mitra, lambda m: m.online(), "POST", f"{STATUS}/online", None, "mitra"),
    (Mitra, lambda m: m.offline(), "POST", f"{STATUS}/offline", None, "mitra"),
    (Mitra, lambda m: m.ping(), "POST", f"{STATUS}/heartbeat", None, "mitra"),
    (Mitra, lambda m: m.offers(), "GET", "/api/mitra/chat-requests", None, "mitra"),
    (Mitra, lambda m: m.accept("s"), "POST", "/api/mitra/chat-requests/s/accept", None, "mitra"),
    (Mitra, lambda m: m.decline("s"), "POST", "/api/mitra/chat-requests/s/decline", None, "mitra"),
    (Mitra, lambda m: m.end("s"), "POST", "/api/mitra/chat-sessions/s/end", None, "mitra"),
    (Customer, lambda c: c.beacon(), "GET", "/public/bestie-availability", None, None),
    (Customer, lambda c: c.request_code(), "POST", "/api/client/auth/otp/request", {"phone": "+628"}, None),
    (Customer, lambda c: c.create(60), "POST", CHATS, DURATION, "client"),
    (Customer, lambda c: c.get("s"), "GET", f"{CHATS}/s", None, "client"),
    (Customer, lambda c: c.pay("s"), "POST", f"{CHATS}/s/pay", None, "client"),
    (Customer, lambda c: c.cancel("s"), "POST", f"{CHATS}/s/cancel", None, "client"),
    (Customer, lambda c: c.end("s"), "POST", f"{CHATS}/s/end", None, "client"),
    (Customer, lambda c: c.goodbye("s"), "POST", f"{CHATS}/s/goodbye", None, "client"),
    (Customer, lambda c: c.extend("s", 60), "POST", f"{CHATS}/s/extend", DURATION, "client"),
    (Customer, lambda c: c.pay_extension("s"), "POST", f"{CHATS}/s/extension/pay", None, "client"),
    (Operator, lambda o: o.dashboard(), "GET", "/internal/dashboard", None, "operator"),
    (Operator, lambda o: o.mitras(), "GET", "/internal/mitras", None, "operator"),
    (Operator, lambda o: o.set_active("m", False), "PATCH", "/internal/mitras/m", {"is_active": False}, "operator"),
    (Operator, lambda o: o.reachable("m"), "GET", "/internal/mitras/m/reachable", None, "operator"),
    (Operator, lambda o: o.available(), "GET", "/internal/mitras/available", None, "operator"),
    (
        Operator,
        lambda o: o.reroute("s", "m"),
        "POST",
        "/internal/chat-sessions/s/reroute",
        {"mitra_id": "m"},
        "operator",
    ),
    (Operator, lambda o: o.config(), "GET", "/internal/config", None, "operator"),
    (Operator, lambda o: o.set_config("k", 3), "PUT", "/internal/config/k", {"value": 3}, "operator"),
    (Operator, lambda o: o.ready(), "GET", "/readyz", None, None),
    (Operator, lambda o: o.healthy(), "GET", "/healthz", None, None),
    (Operator, lambda o: o.metrics(), "GET", "/metrics", None, None),
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call[2]}-{call[3]}")
def test_each_method_is_one_request_of_the_contract(server: Server, call: tuple) -> None:  # noqa: F811
    kind, method_of, method, path, body, who = call
    actor = Operator(server) if kind is Operator else kind.from_secret(server, ID, "+628")
    exchange = method_of(actor)
    [asked] = server.asked
    assert (asked.method, asked.path, asked.body) == (method, path, body)
    assert (exchange.method, exchange.status) == (method, 200)
    if who is None:
        assert asked.authorization is None
    elif who == "operator":
        assert asked.authorization == f"Bearer {server.internal_token}"
    else:
        claims = jwt.decode((asked.authorization or "").removeprefix("Bearer "), server.jwt_secret, ["HS256"])
        assert (claims["sub"], claims["role"]) == (ID, who)


def test_signing_in_takes_the_development_code_and_keeps_the_tokens(server: Server) -> None:  # noqa: F811
    server.answer = lambda asked: (200, TOKENS)
    customer = Customer(server, phone="+628111")
    assert customer.login().ok
    assert [asked.body for asked in server.asked] == [{"phone": "+628111"}, {"phone": "+628111", "code": "123456"}]
    assert (customer.token, customer.refresh_token) == (TOKENS["access_token"], TOKENS["refresh_token"])
    assert customer.id == "u-1"
    customer.create()
    assert server.asked[-1].authorization == f"Bearer {TOKENS['access_token']}"


def test_a_refused_request_for_a_code_ends_the_sign_in(server: Server) -> None:  # noqa: F811
    server.answer = lambda asked: (403, {"error": {"code": "ACCOUNT_INACTIVE"}})
    assert Mitra(server, phone="+628").login().code == "ACCOUNT_INACTIVE"
    assert len(server.asked) == 1


def test_a_refused_refresh_leaves_the_tokens_alone(server: Server) -> None:  # noqa: F811
    server.answer = lambda asked: (200, TOKENS)
    mitra = Mitra(server, phone="+628")
    mitra.login()
    server.answer = lambda asked: (401, {"error": {"code": "REFRESH_INVALID"}})
    assert mitra.refresh().code == "REFRESH_INVALID"
    assert (mitra.token, mitra.refresh_token) == (TOKENS["access_token"], TOKENS["refresh_token"])


def test_the_same_user_at_another_instance(server: Server) -> None:  # noqa: F811
    mitra = Mitra(server, phone="+628", id=ID)
    server.answer = lambda asked: (200, TOKENS)
    mitra.login()
    other = Server(server.public_url, server.internal_url, name="b")
    exchange = mitra.via(other).ping()
    assert exchange.instance == "b"
    assert server.asked[-1].authorization == f"Bearer {TOKENS['access_token']}"


def test_without_the_secret_nothing_is_minted(server: Server) -> None:  # noqa: F811
    server.jwt_secret = None
    with pytest.raises(ValueError, match="sign in by OTP"):
        Mitra.from_secret(server, ID)


def test_a_minted_token_renews_itself_before_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "a-secret-of-thirty-two-characters!"
    minted = Minted(secret, ID, "mitra")
    first = minted.current()
    assert minted.current() == first
    later = time.time() + LIFETIME_S - 30
    monkeypatch.setattr(time, "time", lambda: later)
    renewed = minted.current()
    monkeypatch.undo()
    assert jwt.decode(renewed, secret, ["HS256"], options={"verify_iat": False})["exp"] > later + 60


def test_an_expired_token_can_be_minted() -> None:
    secret = "a-secret-of-thirty-two-characters!"
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(mint(secret, ID, "mitra", lifetime_s=-5), secret, ["HS256"])
