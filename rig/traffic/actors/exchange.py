"""One request and what came of it: checks judge it, reports show it, a reader pastes its curl line."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rig.record import evidence
from rig.record.evidence import Evidence
from rig.record.lines.common import Request
from rig.record.observations.parts import HttpExchange


class Outcome(StrEnum):
    """What the sender may conclude: `unknown` requests may have taken effect, `unsent` ones cannot have."""

    ANSWERED = "answered"
    UNSENT = "unsent"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Exchange:
    """A request and its outcome; never an exception.

    `status` and `reply` are None and `error` says why when no answer came. Times are epoch seconds of this
    machine's clock, their difference is measured by the monotonic one. `subject` is the id of the user who
    asks, `action` the client's method name, `instance` the server's name.
    """

    actor: str
    method: str
    url: str
    body: Any
    status: int | None
    reply: Any
    error: str | None
    started: float
    ended: float
    curl: str
    action: str = ""
    subject: str | None = None
    instance: str | None = None
    outcome: Outcome = Outcome.ANSWERED

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def seconds(self) -> float:
        return self.ended - self.started

    @property
    def code(self) -> str | None:
        """The contract's error code (`ACCOUNT_INACTIVE`, ...), None when the answer holds none."""
        error = self.reply.get("error") if isinstance(self.reply, dict) else None
        return error.get("code") if isinstance(error, dict) else None

    def evidence(self) -> Evidence:
        return evidence.http(
            actor=self.actor, method=self.method, url=self.url, body=self.body, status=self.status,
            reply=self.reply, error=self.error, started=self.started, ended=self.ended, curl=self.curl,
        )  # fmt: skip

    def plain(self) -> dict[str, Any]:
        """All of it as plain JSON, for a line of the record or an observation."""
        facts = {name: value for name, value in self.evidence().items() if name != "kind"}
        return facts | {
            "code": self.code, "action": self.action, "subject": self.subject, "instance": self.instance,
            "outcome": str(self.outcome),
        }  # fmt: skip

    def line(self) -> Request:
        """It as a line of the record."""
        return Request(
            t=self.started, actor=self.actor, method=self.method, url=self.url, body=self.body, status=self.status,
            reply=self.reply, error=self.error, started=self.started, ended=self.ended, curl=self.curl, code=self.code,
            action=self.action, subject=self.subject, instance=self.instance, outcome=str(self.outcome),
        )  # fmt: skip

    def seen(self) -> HttpExchange:
        """All of it, as a part of an observation."""
        return HttpExchange(**self.plain())

    def __str__(self) -> str:
        what = self.error if self.status is None else f"{self.status} {self.code or ''}".strip()
        return f"{self.actor}: {self.method} {self.url} -> {what} ({self.seconds * 1000:.0f} ms)"


def curl_line(
    method: str,
    url: str,
    *,
    body: Any = None,
    bearer: str | None = None,
    secrets: Mapping[str, str] | None = None,
    interface: str | None = None,
) -> str:
    """The request as a shell line that runs once the placeholders are exported.

    `bearer` is a placeholder such as `$MITRA_TOKEN`; `secrets` maps what must not be printed to its own.
    """
    words = ["curl", "-sS", "-i"]
    if method != "GET":
        words += ["-X", method]
    if interface:
        words += ["--interface", interface]
    words.append(shlex.quote(url))
    if bearer:
        words += ["-H", f'"Authorization: Bearer {bearer}"']  # double quotes: the shell fills it in
    if body is not None:
        text = body if isinstance(body, str) else json.dumps(body)
        data = shlex.quote(text)
        for secret, placeholder in (secrets or {}).items():
            data = data.replace(secret, f"'\"{placeholder}\"'")  # leave the single quotes for the placeholder
        words += ["-H", "'Content-Type: application/json'", "-d", data]
    return " ".join(words)
