"""The edges of the API: what is wrong with a request, alone and in pairs, at each route of the contract."""

import json
import re
import time
import uuid
from typing import Any

import httpx

from rig.environment.testbed import Testbed
from rig.record.lines.base import Json
from rig.record.observations import edges
from rig.record.observations.edges import Replied, Sent, Tried
from rig.runs.contract.names import filled
from rig.runs.contract.probes.people import offered_chat, operator, some_customer, some_mitra
from rig.runs.contract.probing import probe
from rig.runs.contract.tokens import access_token
from rig.service import accounts, chats, control, offers, presence
from rig.service.steps import ACTIONS, Action
from rig.stack.http import http_client

MODULES = (accounts, chats, control, offers, presence)  # each declares its actions when it is imported
BODIES: dict[str, dict[str, Any]] = {
    "create": {"duration_seconds": 600}, "extend": {"duration_seconds": 600}, "set-active": {"is_active": True},
    "set-config": {"value": 3}, "reroute": {"mitra_id": str(uuid.UUID(int=1))},
    "mitra-request-code": {"phone": "+6281200000000"}, "client-request-code": {"phone": "+6281200000000"},
    "mitra-verify": {"phone": "+6281200000000", "code": "000000"}, "client-verify": {"phone": "+6281200000000", "code": "000000"},
    "mitra-refresh": {"refresh_token": "none"}, "client-refresh": {"refresh_token": "none"},
    "mitra-logout": {"refresh_token": "none"}, "client-logout": {"refresh_token": "none"},
}  # fmt: skip
# Values that are wrong for every field of the contract but a token's or a code's text.
WRONG_VALUES: tuple[Any, ...] = (None, [], {}, "", "x", -1, 0.5, 10**20, True)
HUGE = b'{"phone": "' + b"1" * 65_536 + b'"}'
PAST_LIMIT = 65_537
PATIENCE_S = 10.0


class Sender:
    """Sends what is right or wrong of a route, as somebody who may use it."""

    def __init__(self, testbed: Testbed) -> None:
        testbed.empty_stores()
        self.server = testbed.server()
        self.mitra = some_mitra(testbed, "mitra at the edge")
        self.customer = some_customer(testbed, "customer at the edge")
        self.chat = offered_chat(self.customer)
        self.http = http_client(PATIENCE_S)

    def url(self, declared: Action, **places: str) -> str:
        internal = declared.path.startswith("/internal")
        known = {"chat": self.chat, "mitra": str(self.mitra.id), "key": "max_customers_per_mitra", **places}
        base = self.server.internal_url if internal else self.server.public_url
        return base.rstrip("/") + filled(declared.path, known.__getitem__)

    def token(self, declared: Action) -> str | None:
        people = {"mitra": self.mitra, "client": self.customer}
        if declared.role == "operator":
            return self.server.internal_token
        return people[declared.role].token if declared.role else None

    def send_for_reply(self, declared: Action, body: dict[str, Any]) -> Replied:
        """Send a request without a token. httpx errors come through."""
        answer = self.http.request(declared.method, self.url(declared), json=body)
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        return Replied(f"{declared.name} {body}", answer.status_code, answer.json() if is_json else answer.text)

    def send(
        self,
        declared: Action,
        content: bytes | None,
        url: str | None = None,
        method: str = "",
        token: str | None = "its own",
        **headers: str,
    ) -> Sent:
        """Send a request of this route, with what is given in place of its own."""
        bearer = self.token(declared) if token == "its own" else token
        sent = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        sent |= {"Content-Type": "application/json"} if content is not None else {}
        began = time.perf_counter()
        try:
            answer = self.http.request(
                method or declared.method, url or self.url(declared), content=content, headers={**sent, **headers}
            )
            status, code = answer.status_code, code_of(answer)
        except httpx.HTTPError as error:
            return Sent(None, type(error).__name__, round(time.perf_counter() - began, 3))
        return Sent(status, code, round(time.perf_counter() - began, 3))


def code_of(answer: httpx.Response) -> str | None:
    """The code of an error of the contract's form; None for anything else."""
    try:
        body = answer.json()
    except ValueError:
        return None
    failure = body.get("error") if isinstance(body, dict) else None
    if not isinstance(failure, dict) or not isinstance(failure.get("message"), str):
        return None
    code = failure.get("code")
    return code if isinstance(code, str) else None


def body_of(name: str) -> bytes | None:
    return json.dumps(BODIES[name]).encode() if name in BODIES else None


@probe("wrong methods and paths", "edges")
def methods_and_paths(testbed: Testbed) -> edges.MethodsAndPaths:
    """Each route by the methods that it does not have, and paths that are none; without a token."""
    sender = Sender(testbed)
    methods = []
    for declared in {one.path: one for one in ACTIONS.values()}.values():
        for method in sorted({"GET", "POST", "PUT", "PATCH", "DELETE"} - methods_of(declared.path)):
            methods.append(Tried(f"{method} {declared.path}", *sender.send(declared, None, method=method, token=None)))
    public, internal = sender.server.public_url.rstrip("/"), sender.server.internal_url.rstrip("/")
    anything = ACTIONS["beacon"]
    paths = [
        Tried(path, *sender.send(anything, None, url=base + path, token=None))
        for base, path in (
            (public, "/nothing"), (public, "/api/mitra/nothing"), (public, "/api/client/nothing"),
            (public, "/api/mitra/status/online/now"), (internal, "/internal/nothing"), (internal, "/"), (public, "/internal/dashboard"),
            (internal, "/api/mitra/status"),
        )
    ]  # fmt: skip
    return edges.MethodsAndPaths(methods=methods, paths=paths)


def methods_of(path: str) -> set[str]:
    """The methods of every route that this path may mean: `/internal/mitras/available` may be that of a mitra."""
    return {one.method for one in ACTIONS.values() if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one.path), path)}


@probe("bodies that are wrong", "edges")
def wrong_bodies(testbed: Testbed) -> edges.WrongBodies:
    """Each route with a body: no JSON, too large, a field missing, a field of the wrong type or value."""
    sender = Sender(testbed)
    seen = edges.WrongBodies(not_json=[], too_large=[], missing=[], wrong=[], not_an_object=[])
    for name, body in BODIES.items():
        declared = ACTIONS[name]
        for content in (b"{", b"\xff\xfe", b"nonsense", b'{"a": 1,}'):
            seen.not_json.append(Tried(f"{name} {content!r}", *sender.send(declared, content)))
        seen.too_large.append(Tried(name, *sender.send(declared, HUGE)))
        for content in (b"[]", b'"text"', b"3", b"null"):
            seen.not_an_object.append(Tried(f"{name} {content!r}", *sender.send(declared, content)))
        for field in body:
            less = {key: value for key, value in body.items() if key != field}
            seen.missing.append(Tried(f"{name} without {field}", *sender.send(declared, json.dumps(less).encode())))
            for value in wrong_for(field):
                content = json.dumps({**body, field: value}).encode()
                seen.wrong.append(Tried(f"{name} {field}={value!r}", *sender.send(declared, content)))
    return seen


def wrong_for(field: str) -> list[Any]:
    """Values that this field cannot have. A text may be any where the contract says nothing of its form."""
    good: dict[str, tuple[type, ...]] = {"is_active": (bool,), "code": (str,), "refresh_token": (str,)}
    return [value for value in WRONG_VALUES if not isinstance(value, good.get(field, ()))]


@probe("ids that are wrong", "edges")
def wrong_ids(testbed: Testbed) -> edges.WrongIds:
    """Each route with an id in its path: one that is no uuid, and one of nobody."""
    sender = Sender(testbed)
    malformed: list[Tried] = []
    unknown: list[Tried] = []
    for name, declared in ACTIONS.items():
        for place in ("chat", "mitra"):
            if f"{{{place}}}" not in declared.path:
                continue
            for text in ("1", "not-a-uuid", str(uuid.uuid4())[:-1], "%00", "..%2f.."):
                answer = sender.send(declared, body_of(name), url=sender.url(declared, **{place: text}))
                malformed.append(Tried(f"{name} {place}={text}", *answer))
            nobody = str(uuid.uuid4())
            unknown.append(
                Tried(name, *sender.send(declared, body_of(name), url=sender.url(declared, **{place: nobody})))
            )
    declared = ACTIONS["reroute"]
    content = json.dumps({"mitra_id": "not-a-uuid"}).encode()
    malformed.append(Tried("reroute mitra_id=not-a-uuid", *sender.send(declared, content)))
    content = json.dumps({"mitra_id": str(uuid.uuid4())}).encode()
    unknown.append(Tried("reroute to nobody", *sender.send(declared, content)))
    return edges.WrongIds(malformed=malformed, unknown=unknown)


@probe("order of errors", "edges")
def order_of_errors(testbed: Testbed) -> edges.OrderOfErrors:
    """Two things wrong at once: which of them is told."""
    sender = Sender(testbed)
    customer = sender.customer
    seen = edges.OrderOfErrors(no_token=[], wrong_role=[], inactive=[])
    signed = {name: declared for name, declared in ACTIONS.items() if declared.role}
    for name, declared in signed.items():
        bad = {place: "not-a-uuid" for place in ("chat", "mitra") if f"{{{place}}}" in declared.path}
        for content in (b"{", HUGE, None):
            answer = sender.send(declared, content, url=sender.url(declared, **bad), token=None)
            seen.no_token.append(Tried(f"{name} {(content or b'')[:12]!r}", *answer))
        if declared.role == "operator":
            continue
        other = customer.token if declared.role == "mitra" else sender.mitra.token
        answer = sender.send(declared, b"{" if name in BODIES else None, url=sender.url(declared, **bad), token=other)
        seen.wrong_role.append(Tried(name, *answer))
    operator(testbed).set_active(str(sender.mitra.id), False)
    for name, declared in signed.items():
        if declared.role == "mitra" and name not in ("profile",):
            bad = {"chat": "not-a-uuid"} if "{chat}" in declared.path else {}
            seen.inactive.append(Tried(name, *sender.send(declared, None, url=sender.url(declared, **bad))))
    return seen


@probe("bodies nobody asked for", "edges")
def bodies_nobody_asked_for(testbed: Testbed) -> edges.UnwantedBodies:
    """Each route without a body gets one: JSON, half of it, and text; and an Upgrade that nobody speaks."""
    sender = Sender(testbed)
    plain = ("ping", "status", "profile", "offers", "beacon", "dashboard", "mitras", "available", "config")
    answers = [
        Tried(f"{name} {content!r}", *sender.send(ACTIONS[name], content))
        for name in plain
        for content in (b"{}", b"{", b"nonsense", b"\xff")
    ]
    upgraded = [
        Tried(
            "request a code", *sender.send(ACTIONS["client-request-code"], body_of("client-request-code"), **UPGRADE)
        ),
        Tried("ping", *sender.send(ACTIONS["ping"], None, **UPGRADE)),
    ]
    heads = [
        edges.LongHead(size, *sender.send(ACTIONS["ping"], None, **{"X-Filler": "x" * size}))
        for size in (1000, 4000, 5000)
    ]
    return edges.UnwantedBodies(answers=answers, upgraded=upgraded, heads=heads)


UPGRADE = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA"}


@probe("answers of every route", "edges")
def answers_of_routes(testbed: Testbed) -> edges.RouteAnswers:
    """What the reading routes answer, field by field, as types."""
    sender = Sender(testbed)
    shapes: dict[str, Json] = {}
    for name in (
        "providers",
        "beacon",
        "profile",
        "status",
        "offers",
        "dashboard",
        "mitras",
        "available",
        "config",
        "reachable",
        "get",
    ):
        declared = ACTIONS[name]
        token = sender.token(declared)
        answer = sender.http.request(
            declared.method, sender.url(declared), headers={"Authorization": f"Bearer {token}"} if token else {}
        )
        shapes[name] = (
            answer.json()
            if answer.headers.get("content-type", "").startswith("application/json")
            else answer.text[:200]
        )
    health: dict[str, edges.Page] = {}
    for path in ("/healthz", "/readyz", "/metrics"):
        answer = sender.http.get(sender.server.internal_url.rstrip("/") + path)
        health[path] = edges.Page(answer.status_code, answer.headers.get("content-type", ""), answer.text[:4000])
    return edges.RouteAnswers(shapes=shapes, health=health)


@probe("tokens that were minted", "edges")
def minted_tokens(testbed: Testbed) -> edges.MintedTokens:
    """A token minted with the secret, and the profile of its mitra before and after a deactivation."""
    sender = Sender(testbed)
    secret, id = sender.server.jwt_secret or "", str(sender.mitra.id)
    declared = ACTIONS["profile"]
    made = {
        kind: access_token(kind, secret, id, "mitra")
        for kind in ("fresh", "expired", "other secret", "unsigned", "tampered")
    }
    answers = {kind: sender.send(declared, None, token=token) for kind, token in made.items()}
    operator(testbed).set_active(id, False)
    return edges.MintedTokens(answers=answers, deactivated=sender.send(declared, None))
