"""One real stack for the server's tests, one running server on it, and people who use it over HTTP."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import psycopg
import pytest

from rig.stack import ServerInstance, Stack, StackSpec, Supervisor, open_stack

GOODBYE_WINDOW_SECONDS = 2
TABLES = "mitras, customers, auth_sessions, otp_requests, app_config"
PHONES = itertools.count(6281000000000)
PATIENCE_S = 10.0


@dataclass(frozen=True)
class Person:
    """A mitra or customer with a row, and a token that is good for an hour."""

    id: str
    phone: str
    role: str
    token: str


class House:
    """A server and its database: calls in the name of people, rows behind the server's back."""

    def __init__(self, server: ServerInstance, url: str) -> None:
        self.server = server
        self._public = httpx.Client(base_url=server.public_url, timeout=8, trust_env=False)
        self._internal = httpx.Client(
            base_url=server.internal_url,
            timeout=8,
            trust_env=False,
            headers={"authorization": f"Bearer {server.internal_token}"},
        )
        self._rows = psycopg.connect(url, autocommit=True)

    def close(self) -> None:
        self._public.close()
        self._internal.close()
        self._rows.close()

    def sql(self, query: str, *args: Any) -> list[tuple[Any, ...]]:
        cursor = self._rows.execute(query, args)
        return cursor.fetchall() if cursor.description else []

    def value(self, query: str, *args: Any) -> Any:
        return self.sql(query, *args)[0][0]

    def token(self, subject: str, role: str, lives_s: float = 3600, **claims: Any) -> str:
        now = int(time.time())
        body = {"sub": subject, "role": role, "iat": now, "exp": int(now + lives_s), **claims}
        return jwt.encode(body, self.server.jwt_secret, algorithm="HS256")

    def mitra(self, *, online: bool = False, active: bool = True) -> Person:
        person = self._person("mitra", "mitras")
        if online:
            self.ok("POST", "/api/mitra/status/online", person)
        if not active:
            self.operator("PATCH", f"/internal/mitras/{person.id}", json={"is_active": False})
        return person

    def customer(self) -> Person:
        return self._person("client", "customers")

    def _person(self, role: str, table: str) -> Person:
        phone = f"+{next(PHONES)}"
        id_ = str(
            self.value(f"INSERT INTO {table} (phone, display_name) VALUES (%s, %s) RETURNING id", phone, "Somebody")
        )
        return Person(id_, phone, role, self.token(id_, role))

    def call(self, method: str, path: str, who: Person | str | None = None, **kwargs: Any) -> httpx.Response:
        headers = dict(kwargs.pop("headers", {}))
        if who is not None:
            token = who if isinstance(who, str) else who.token
            headers["authorization"] = f"Bearer {token}"
        return self._public.request(method, path, headers=headers, **kwargs)

    def operator(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        return self._internal.request(method, path, **kwargs)

    def ok(self, method: str, path: str, who: Person | None = None, **kwargs: Any) -> Any:
        response = self.call(method, path, who, **kwargs)
        assert response.status_code in (200, 201, 204), (method, path, response.status_code, response.text)
        return response.json() if response.content else None

    def refused(self, status: int, code: str, method: str, path: str, who: Any = None, **kwargs: Any) -> None:
        refused(self.call(method, path, who, **kwargs), status, code)

    # Chats

    def act(self, customer: Person, session_id: str, action: str, **kwargs: Any) -> httpx.Response:
        return self.call("POST", f"/api/client/chat-sessions/{session_id}/{action}", customer, **kwargs)

    def answer(self, mitra: Person, session_id: str, action: str) -> httpx.Response:
        return self.call("POST", f"/api/mitra/chat-requests/{session_id}/{action}", mitra)

    def searching(self, customer: Person, seconds: int = 600) -> str:
        made = self.ok("POST", "/api/client/chat-sessions", customer, json={"duration_seconds": seconds})
        return made["id"]

    def paid(self, customer: Person, seconds: int = 600) -> str:
        session_id = self.searching(customer, seconds)
        assert self.act(customer, session_id, "pay").status_code == 200
        return session_id

    def active(self, customer: Person, mitra: Person, seconds: int = 600) -> str:
        session_id = self.paid(customer, seconds)
        response = self.answer(mitra, session_id, "accept")
        assert response.status_code == 200, response.text
        return session_id

    def status_of(self, session_id: str) -> str:
        return self.value("SELECT status FROM chat_sessions WHERE id = %s", session_id)


def refused(response: httpx.Response, status: int, code: str) -> None:
    """The answer is this error, in the contract's shape."""
    assert response.headers["content-type"].startswith("application/json"), response.text
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code), response.text
    assert isinstance(error["message"], str)
    assert error["message"]


def eventually(condition: Callable[[], Any], what: str, within_s: float = PATIENCE_S) -> Any:
    """The first true value of `condition`; fails with the last one seen."""
    deadline = time.monotonic() + within_s
    while not (seen := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {within_s} s, last seen {seen!r}"
        time.sleep(0.01)
    return seen


@pytest.fixture(name="refused")
def _refused() -> Callable[[httpx.Response, int, str], None]:
    return refused


@pytest.fixture(name="eventually")
def _eventually() -> Callable[..., Any]:
    return eventually


@pytest.fixture(scope="session")
def supervisor() -> Iterator[Supervisor]:
    with Supervisor.start() as running:
        yield running


@pytest.fixture(scope="session")
def stack(supervisor: Supervisor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Postgres, Valkey and Toxiproxy for all tests here."""
    spec = StackSpec(logs=tmp_path_factory.mktemp("logs"))
    with open_stack(spec, supervisor, name="server-tests") as opened:
        yield opened


@pytest.fixture(scope="session")
def instance(stack: Stack) -> ServerInstance:
    """The server most tests share."""
    return stack.server("a", env={"GOODBYE_WINDOW_SECONDS": str(GOODBYE_WINDOW_SECONDS)})


@pytest.fixture
def house(instance: ServerInstance, stack: Stack) -> Iterator[House]:
    """The shared server, running, on empty tables."""
    if not instance.running:
        instance.start()
    opened = House(instance, stack.postgres.url)
    opened.sql(f"TRUNCATE {TABLES} CASCADE")
    opened.operator("GET", "/internal/config").raise_for_status()  # reads the settings: they are the defaults again
    yield opened
    opened.close()


@pytest.fixture
def house_of(stack: Stack) -> Iterator[Callable[[ServerInstance], House]]:
    """Houses of further servers on the same database."""
    opened: list[House] = []

    def make(server: ServerInstance) -> House:
        opened.append(House(server, stack.postgres.url))
        return opened[-1]

    yield make
    for one in opened:
        one.close()
