"""What is done to the service, and what it must answer: the words that model, driver and judge share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rig.service.state import Service

# How an access token may be wrong; `fresh` is the right one.
TOKENS = ("fresh", "missing", "nonsense", "tampered", "other secret", "unsigned", "expired", "foreign role", "unknown")


@dataclass(frozen=True)
class Step:
    """One request of somebody. Names stand for ids: `m1`, `c1`, `chat1`.

    `actor` is a mitra's or customer's name, `operator` or `nobody`; `token` one of TOKENS. `chat` and `mitra` are what the
    request speaks of, `value` is what it carries (a duration, a setting, a code, the name of a refresh token).
    """

    action: str
    actor: str = "nobody"
    chat: str = ""
    mitra: str = ""
    value: Any = None
    key: str = ""
    token: str = "fresh"
    instance: str = "a"


@dataclass(frozen=True)
class Answer:
    """What the server answered; ids in `reply` are names. `began` and `ended` are epoch seconds."""

    status: int | None
    reply: Any
    began: float
    ended: float
    error: str | None = None

    @property
    def code(self) -> str | None:
        failure = self.reply.get("error") if isinstance(self.reply, dict) else None
        code = failure.get("code") if isinstance(failure, dict) else None
        return code if isinstance(code, str) else None


Change = Callable[[Answer], None]


@dataclass(frozen=True)
class Expected:
    """One right answer, the sentence of the contract that demands it, and the change that goes with it.

    `body`: fields that the reply must have, by name. `also`: further sentences that this step tests.
    """

    status: int
    sentence: str
    code: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    change: Change | None = None
    also: tuple[str, ...] = ()


Prediction = Callable[[Service, Step, float], list[Expected]]
ACTIONS: dict[str, "Action"] = {}


@dataclass(frozen=True)
class Action:
    """How a request is sent, who may send it, and what the model says of it.

    `path` has `{chat}`, `{mitra}` and `{key}` where the step's stand. `role`: `mitra`, `client`, `operator`, or None where no
    token is asked for.
    """

    name: str
    method: str
    path: str
    role: str | None
    predict: Prediction
    body: Callable[[Step], Any] | None = None


def action(
    name: str, method: str, path: str, role: str | None = None, body: Callable[[Step], Any] | None = None
) -> Callable[[Prediction], Prediction]:
    """Declare what the model says of one route. ValueError on a second one of that name."""

    def declare(predict: Prediction) -> Prediction:
        if name in ACTIONS:
            raise ValueError(f"two actions are called {name}")
        ACTIONS[name] = Action(name, method, path, role, predict, body)
        return predict

    return declare


def refused(status: int, code: str, sentence: str, *also: str) -> list[Expected]:
    """The only right answer is this refusal, and nothing changes."""
    return [Expected(status, sentence, code, also=also)]


def predict(service: Service, step: Step, now: float) -> list[Expected]:
    """The right answers to a step, first of all to its token. KeyError for an action that the model does not know."""
    declared = ACTIONS[step.action]
    right = token_refused(service, step, declared) or declared.predict(service, step, now)
    return [replace(one, also=(*one.also, "OUTAGE-01")) for one in right] if service.outage else right


def token_refused(service: Service, step: Step, declared: Action) -> list[Expected]:
    """What the token alone decides: 401, then 403 for the role. Empty where the token is right."""
    if declared.role is None or step.token == "fresh":
        return []
    if declared.role == "operator":
        return refused(401, "UNAUTHENTICATED", "AUTH-20", "HTTP-04")
    if step.token == "foreign role":
        return refused(403, "FORBIDDEN", "HTTP-05")
    if step.token == "expired":
        return refused(401, "TOKEN_EXPIRED", "AUTH-16", "HTTP-04")
    if step.token == "unknown":
        if step.action == "ping":
            return [Expected(200, "AUTH-19", body={"is_online": False})]
        return refused(401, "UNAUTHENTICATED", "AUTH-19", "HTTP-04")
    return refused(401, "UNAUTHENTICATED", "AUTH-17", "HTTP-04")
