"""No body, id or header that anybody can make up gets a 500, or an answer out of the contract's shape."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

UNKNOWN = "00000000-0000-4000-8000-000000000000"
FIELDS = ("phone", "code", "refresh_token", "duration_seconds", "is_active", "value", "mitra_id")
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.sampled_from(("+628123456789", "123456", UNKNOWN, "\x00", "\ud800"))
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
bodies = st.dictionaries(st.sampled_from(FIELDS), values) | values
quick = settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
PUBLIC = [
    ("client", "/api/client/auth/otp/request"),
    ("client", "/api/client/auth/otp/verify"),
    ("client", "/api/mitra/auth/otp/verify"),
    ("client", "/api/mitra/auth/refresh"),
    ("client", "/api/mitra/auth/logout"),
    ("client", "/api/client/chat-sessions"),
    ("client", f"/api/client/chat-sessions/{UNKNOWN}/extend"),
    ("mitra", "/api/mitra/status/heartbeat"),
]


def plausible(answer) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert set(answer.json()["error"]) == {"code", "message"}


@pytest.mark.parametrize(("role", "path"), PUBLIC, ids=[p for _, p in PUBLIC])
def test_bodies_of_the_public_listener(house, role, path) -> None:
    who = house.customer() if role == "client" else house.mitra()

    @quick
    @given(bodies)
    def run(body) -> None:
        plausible(house.call("POST", path, who, content=json.dumps(body).encode("utf-8", "surrogatepass")))

    run()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", f"/internal/mitras/{UNKNOWN}"),
        ("PUT", "/internal/config/nothing"),
        ("POST", f"/internal/chat-sessions/{UNKNOWN}/reroute"),
    ],
)
def test_bodies_of_the_internal_listener(house, method, path) -> None:
    @quick
    @given(bodies)
    def run(body) -> None:
        plausible(house.operator(method, path, content=json.dumps(body).encode("utf-8", "surrogatepass")))

    run()


def test_raw_bytes(house) -> None:
    @quick
    @given(st.binary(max_size=200), st.binary(max_size=60).filter(lambda b: all(c >= 32 and c != 127 for c in b)))
    def run(body, token) -> None:
        plausible(house.call("POST", "/api/mitra/auth/otp/request", content=body))
        odd = house.call("GET", "/api/mitra/profile", headers={"authorization": b"Bearer x" + token + b"x"})
        assert odd.status_code in (400, 401)

    run()


def test_ids_of_any_letters(house) -> None:
    customer = house.customer()

    @quick
    @given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
    def run(text) -> None:
        escaped = "".join(f"%{byte:02X}" for byte in text.encode())
        plausible(house.call("GET", f"/api/client/chat-sessions/{escaped}", customer))

    run()
