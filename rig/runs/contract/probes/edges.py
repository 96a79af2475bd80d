"""The edges of the API: what is wrong with a request, alone and in pairs, at each route of the contract."""

import json
import re
import uuid
from typing import Any

from rig.environment.testbed import Testbed
from rig.record.lines.base import Json
from rig.record.observations import edges
from rig.record.observations.edges import Tried
from rig.runs.contract.probes.people import operator
from rig.runs.contract.probes.senders import Sender as Sender
from rig.runs.contract.probes.senders import body_of_answer, sender
from rig.runs.contract.probing import probe
from rig.runs.contract.tokens import access_token
from rig.service import accounts, chats, control, offers, presence
from rig.service.steps import ACTIONS

MODULES = (accounts, chats, control, offers, presence)  # each declares its actions when it is imported
BODIES: dict[str, dict[str, Any]] = {
    "create": {"duration_seconds": 600}, "extend": {"duration_seconds": 600}, "set-active": {"is_active": True},
    "set-config": {"value": 3}, "reroute": {"mitra_id": str(uuid.UUID(int=1))},
    "mitra-request-code": {"phone": "+6281200000000"}, "client-request-code": {"phone": "+6281200000000"},
    "mitra-verify": {"phone": "+6281200000000", "code": "000000"}, "client-verify": {"phone": "+6281200000000", "code": "000000"},
    "mitra-refresh": {"refresh_token": "none"}, "client-refresh": {"refresh_token": "none"},
    "mitra-logout": {"refresh_token": "none"}, "client-logout": {"refresh_token": "none"},
}  # fmt: skip
HARMLESS = ("mitra-logout", "client-logout")  # routes whose body above is right, and changes nothing
# Values that are wrong for every field of the contract but a token's or a code's text.
WRONG_VALUES: tuple[Any, ...] = (None, [], {}, "", "x", -1, 0.5, 10**20, True)
HUGE = b'{"phone": "' + b"1" * 65_536 + b'"}'
PAST_LIMIT = 65_537
LIMIT = 65_536  # bytes of a body that is not too large yet


def body_of(name: str) -> bytes | None:
    return json.dumps(BODIES[name]).encode() if name in BODIES else None


@probe("wrong methods and paths", "edges")
def methods_and_paths(testbed: Testbed) -> edges.MethodsAndPaths:
    """Each route by the methods that it does not have, and paths that are none; without a token."""
    asking = sender(testbed)
    methods = []
    for declared in {one.path: one for one in ACTIONS.values()}.values():
        for method in sorted({"GET", "POST", "PUT", "PATCH", "DELETE"} - methods_of(declared.path)):
            methods.append(Tried(f"{method} {declared.path}", *asking.send(declared, None, method=method, token=None)))
    public, internal = asking.server.public_url.rstrip("/"), asking.server.internal_url.rstrip("/")
    anything = ACTIONS["beacon"]
    paths = [
        Tried(path, *asking.send(anything, None, url=base + path, token=None))
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
    asking = sender(testbed)
    seen = edges.WrongBodies(not_json=[], too_large=[], missing=[], wrong=[], not_an_object=[], just_fits=[])
    for name, body in BODIES.items():
        declared = ACTIONS[name]
        if not asking.may(declared):
            continue
        for content in (b"{", b"\xff\xfe", b"nonsense", b'{"a": 1,}'):
            seen.not_json.append(Tried(f"{name} {content!r}", *asking.send(declared, content)))
        seen.too_large.append(Tried(name, *asking.send(declared, HUGE)))
        if name in HARMLESS:
            seen.just_fits.append(Tried(name, *asking.send(declared, json.dumps(body).encode().ljust(LIMIT))))
        for content in (b"[]", b'"text"', b"3", b"null"):
            seen.not_an_object.append(Tried(f"{name} {content!r}", *asking.send(declared, content)))
        for field in body:
            less = {key: value for key, value in body.items() if key != field}
            seen.missing.append(Tried(f"{name} without {field}", *asking.send(declared, json.dumps(less).encode())))
            for value in wrong_for(field):
                content = json.dumps({**body, field: value}).encode()
                seen.wrong.append(Tried(f"{name} {field}={value!r}", *asking.send(declared, content)))
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
    """Two things wrong at once: which of them is told. Without people of its own only what needs no token is asked."""
    asking = sender(testbed)
    seen = edges.OrderOfErrors(no_token=[], wrong_role=[], inactive=[])
    signed = {name: declared for name, declared in ACTIONS.items() if declared.role}
    for name, declared in signed.items():
        for content in (b"{", HUGE, None):
            answer = asking.send(declared, content, url=asking.url(declared, **bad_places(declared.path)), token=None)
            seen.no_token.append(Tried(f"{name} {(content or b'')[:12]!r}", *answer))
    if isinstance(asking, Sender) and asking.has_operator:
        of_wrong_people(testbed, asking, seen)
    return seen


def of_wrong_people(testbed: Testbed, sender: Sender, seen: edges.OrderOfErrors) -> None:
    """Add the answers to a token of the other role, and to a deactivated mitra, who both send more that is wrong."""
    for name, declared in ACTIONS.items():
        if declared.role not in ("mitra", "client"):
            continue
        other = sender.customer.token if declared.role == "mitra" else sender.mitra.token
        content = b"{" if name in BODIES else None
        answer = sender.send(declared, content, url=sender.url(declared, **bad_places(declared.path)), token=other)
        seen.wrong_role.append(Tried(name, *answer))
    operator(testbed).set_active(str(sender.mitra.id), False)
    for name, declared in ACTIONS.items():
        if declared.role == "mitra" and name != "profile":
            bad = {"chat": "not-a-uuid"} if "{chat}" in declared.path else {}
            seen.inactive.append(Tried(name, *sender.send(declared, None, url=sender.url(declared, **bad))))


def bad_places(path: str) -> dict[str, str]:
    """An id that is no uuid for each place of the path."""
    return {place: "not-a-uuid" for place in ("chat", "mitra") if f"{{{place}}}" in path}


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


@probe("answers of open routes", "edges")
def answers_of_open_routes(testbed: Testbed) -> edges.OpenAnswers:
    """What the routes answer that ask for no token, health and metrics included."""
    asking = sender(testbed)
    shapes = {name: asking.send_for_reply(ACTIONS[name]).reply for name in ("providers", "beacon")}
    health: dict[str, edges.Page] = {}
    for path in ("/healthz", "/readyz", "/metrics"):
        answer = asking.http.get(asking.server.internal_url.rstrip("/") + path)
        health[path] = edges.Page(answer.status_code, answer.headers.get("content-type", ""), answer.text[:4000])
    return edges.OpenAnswers(shapes=shapes, health=health)


READING = ("beacon", "profile", "status", "offers", "dashboard", "mitras", "available", "config", "reachable", "get")


@probe("answers of every route", "edges")
def answers_of_routes(testbed: Testbed) -> edges.RouteAnswers:
    """What the reading routes answer, field by field, as types."""
    sender = Sender(testbed)
    shapes: dict[str, Json] = {}
    for name in READING:
        declared = ACTIONS[name]
        token = sender.token(declared)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        shapes[name] = body_of_answer(sender.http.request(declared.method, sender.url(declared), headers=headers))
    return edges.RouteAnswers(shapes=shapes)


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
