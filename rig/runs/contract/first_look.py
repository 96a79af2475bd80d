"""A first look at a server: what of it is so unlike the contract that most of a run would tell of it again and again."""

from collections import defaultdict
from collections.abc import Iterator

import httpx

from rig.environment.testbed import Testbed
from rig.runs.contract.probes.senders import Anybody, Sender
from rig.service import accounts, chats, control, offers, presence
from rig.service.steps import ACTIONS
from rig.stack import StackError
from rig.stack.http import http_client

MODULES = (accounts, chats, control, offers, presence)  # each declares its actions when it is imported
PATIENCE_S = 6.0
UNANSWERED_MAX = 2  # after so many nothing more is asked
LOOKED_AT = ("providers", "beacon", "profile", "status", "offers", "dashboard", "mitras", "config")


def first_look(testbed: Testbed) -> list[str]:
    """One sentence for each thing that is unlike the contract, with the routes that show it."""
    found: dict[str, list[str]] = defaultdict(list)
    unanswered, told = 0, list[str]()
    asking = Anybody(testbed)
    try:
        asking = Sender(testbed, with_chat=False) if testbed.has_stores else asking
    except StackError as refused:  # nobody could sign in
        told.append(str(refused))
    with http_client(PATIENCE_S) as http:
        for route, url, token in routes(asking):
            if unanswered >= UNANSWERED_MAX:
                break
            try:
                answer = http.get(url, headers={"Authorization": f"Bearer {token}"} if token else {})
            except httpx.HTTPError as error:
                unanswered += isinstance(error, httpx.TimeoutException)
                found[unanswered_words(error)].append(route)
                continue
            if words := unlike(answer, bool(token)):
                found[words].append(route)
    return [*told, *(f"the server {words}: {', '.join(shown)}" for words, shown in found.items())]


def routes(asking: Anybody) -> Iterator[tuple[str, str, str | None]]:
    """Name, URL and token of each route that is looked at, of those that somebody here may use."""
    for path in ("/healthz", "/readyz"):
        yield f"GET {path}", asking.server.internal_url.rstrip("/") + path, None
    for name in LOOKED_AT:
        declared = ACTIONS[name]
        if asking.may(declared):
            yield f"GET {declared.path}", asking.url(declared), asking.token(declared)


def unanswered_words(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"does not end its answer within {PATIENCE_S:g} s"
    return f"does not answer ({type(error).__name__})"


def unlike(answer: httpx.Response, signed: bool) -> str:
    """In what way this is no answer of the contract; empty where it may be one."""
    if 300 <= answer.status_code < 400:
        return f"redirects to {answer.headers.get('location', 'nowhere')}"
    if answer.status_code in (404, 405, 501):
        return f"has no such route ({answer.status_code})"
    if answer.status_code in (401, 403, 407):
        return f"wants another sign-in ({answer.status_code}{' for a good token' if signed else ' without a token'})"
    if answer.headers.get("content-type", "").startswith("text/html"):
        return "answers with HTML in place of JSON"
    return ""
