"""Who sends requests to the edges of the API: people whose rows are there, or somebody who knows nothing but the two URLs."""

import time
import uuid
from collections.abc import Mapping

import httpx

from rig.environment.testbed import Testbed
from rig.record.lines.base import Json
from rig.record.observations.edges import NOT_SENT, Replied, Sent
from rig.runs.contract.names import filled
from rig.runs.contract.probes.people import offered_chat, some_customer, some_mitra
from rig.service.steps import Action
from rig.stack.http import http_client
from rig.stores import Lacks

PATIENCE_S = 10.0
UNANSWERED_MAX = 3  # in a row: after these nothing more is sent, or a probe would wait for minutes
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
SETTING = "max_customers_per_mitra"


class Anybody:
    """Sends requests to a server whose stores are not known: without a token, and with ids of nobody."""

    def __init__(self, testbed: Testbed) -> None:
        self.server = testbed.server()
        self.http = http_client(PATIENCE_S)
        self._unanswered = 0  # requests in a row
        self.places = {"chat": str(uuid.uuid4()), "mitra": str(uuid.uuid4()), "key": SETTING}

    def url(self, declared: Action, **places: str) -> str:
        internal = declared.path.startswith("/internal")
        known = {**self.places, **places}
        base = self.server.internal_url if internal else self.server.public_url
        return base.rstrip("/") + filled(declared.path, known.__getitem__)

    @property
    def has_operator(self) -> bool:
        """Whether the token of the control center is known."""
        try:
            return bool(self.server.internal_token)
        except Lacks:
            return False

    def may(self, declared: Action) -> bool:
        """Whether there is somebody here who may use this route."""
        return declared.role is None

    def token(self, declared: Action) -> str | None:
        """The token of somebody who may use this route; None where none is asked for, or there is nobody."""
        return None

    def send_for_reply(self, declared: Action, body: Mapping[str, Json] | None = None) -> Replied:
        """Send a request without a token. httpx errors come through."""
        answer = self.http.request(declared.method, self.url(declared), json=body)
        return Replied(f"{declared.name} {body or ''}".rstrip(), answer.status_code, body_of_answer(answer))

    def send(
        self,
        declared: Action,
        content: bytes | None,
        url: str | None = None,
        method: str = "",
        token: str | None = "its own",
        **headers: str,
    ) -> Sent:
        """Send a request of this route, with what is given in place of its own.

        After UNANSWERED_MAX requests in a row without an answer nothing is sent, and the code is NOT_SENT.
        """
        if self._unanswered >= UNANSWERED_MAX:
            return Sent(None, NOT_SENT, 0.0)
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
            self._unanswered += 1
            return Sent(None, type(error).__name__, round(time.perf_counter() - began, 3))
        self._unanswered = 0
        return Sent(status, code, round(time.perf_counter() - began, 3))


class Sender(Anybody):
    """Sends what is right or wrong of a route, as somebody who may use it, on emptied stores."""

    def __init__(self, testbed: Testbed, *, with_chat: bool = True) -> None:
        super().__init__(testbed)
        testbed.empty_stores()
        self.mitra = some_mitra(testbed, "mitra at the edge")
        self.customer = some_customer(testbed, "customer at the edge")
        self.chat = offered_chat(self.customer) if with_chat else UNKNOWN_ID
        self.places |= {"chat": self.chat, "mitra": str(self.mitra.id)}

    def may(self, declared: Action) -> bool:
        return declared.role != "operator" or self.has_operator

    def token(self, declared: Action) -> str | None:
        people = {"mitra": self.mitra, "client": self.customer}
        if declared.role == "operator":
            return self.server.internal_token
        return people[declared.role].token if declared.role else None


def sender(testbed: Testbed) -> Anybody:
    """With people of its own where the rig can make them."""
    return Sender(testbed) if testbed.has_stores else Anybody(testbed)


def body_of_answer(answer: httpx.Response) -> Json:
    """The JSON of an answer, or its text where it is none."""
    is_json = answer.headers.get("content-type", "").startswith("application/json")
    try:
        body: Json = answer.json() if is_json else answer.text
    except ValueError:
        return answer.text
    return body


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
