"""Requests that Schemathesis makes up from the contract's OpenAPI document, and what of the answers the document does not hold."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx

from rig import extras
from rig.environment.testbed import DEFAULT_SETTINGS, Testbed
from rig.paths import shipped
from rig.record.observations import edges
from rig.record.observations.edges import Unfit
from rig.runs.contract.probes.senders import UNANSWERED_MAX, UNKNOWN_ID, Sender
from rig.runs.contract.probing import probe
from rig.stores import Lacks

ANSWER_S = 5.0  # in which every request must be answered
BUDGET_S = 10.0  # for all requests, but every route gets its first ones
HARD_S = 60.0  # for these, on a machine that is busy
ROUNDS, EXAMPLES = 4, 3  # each route gets so many requests per round and kind, while there is time
UNFIT_MAX = 40  # that are kept
MESSAGE_MAX = 300
KEYS = (*DEFAULT_SETTINGS, "no_such_setting")


@probe("generated requests", "edges")
def generated_requests(testbed: Testbed) -> edges.Generated:
    """Valid and invalid bodies for each route, by somebody who may use it. The same random seed makes the same requests."""
    if lacks := extras.lacking("fuzz", "this probe"):
        raise Lacks(lacks)
    maker = Maker(testbed)
    began = time.monotonic()
    operations = list(maker.operations())
    for number in range(ROUNDS):
        for operation in operations:
            if time.monotonic() - began > (BUDGET_S if number else HARD_S):
                break
            maker.send_some(operation, testbed.random_seed + number)
    if maker.sender.has_operator:
        testbed.settings_touched()
        testbed.restore_settings()
    testbed.empty_stores()
    return edges.Generated(routes=len(operations), sent=maker.sent, unfit=maker.unfit[:UNFIT_MAX])


class Maker:
    """Makes up requests and sends them."""

    def __init__(self, testbed: Testbed) -> None:
        self.sender = Sender(testbed)
        self.ids = [self.sender.chat, str(self.sender.mitra.id), UNKNOWN_ID]
        self.sent = self.unanswered = 0
        self.unfit: list[Unfit] = []

    def operations(self) -> Iterator[Any]:
        """The routes that somebody here may use."""
        import schemathesis

        document = json.loads(shipped("docs", "openapi.json").read_text(encoding="utf-8"))
        schema: Any = schemathesis.openapi.from_dict(document)
        for found in schema.get_all_operations():
            operation = found.ok()
            if not operation.path.startswith("/internal") or self.sender.has_operator:
                yield operation

    def send_some(self, operation: Any, seed: int) -> None:
        """A few valid requests; where there is a body, a few invalid ones as well."""
        from schemathesis import GenerationMode

        self.send_of_mode(operation, seed, GenerationMode.POSITIVE)
        if operation.body:
            self.send_of_mode(operation, seed, GenerationMode.NEGATIVE)

    def send_of_mode(self, operation: Any, seed: int, mode: Any) -> None:
        """A few requests that are valid, or not, as the mode says."""
        from hypothesis import HealthCheck, Phase, assume, given, settings
        from hypothesis import seed as seeded
        from hypothesis import strategies as st
        from hypothesis.errors import Unsatisfiable

        @seeded(seed)
        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(st.data())
        def run(data: Any) -> None:
            case = data.draw(operation.as_strategy(generation_mode=mode))
            assume(not mode.is_negative or wrong_body(case))
            for place, known in (("id", self.ids), ("key", KEYS)):
                if place in (case.path_parameters or {}):
                    case.path_parameters[place] = data.draw(st.sampled_from(known))
            self.send(case)

        with suppress(Unsatisfiable):
            run()

    def send(self, case: Any) -> None:
        """One request; what does not fit the document is noted."""
        if self.unanswered >= UNANSWERED_MAX:
            return
        label = case.operation.label
        began = time.perf_counter()
        self.sent += 1
        try:
            response = self.answer(case)
        except httpx.HTTPError as error:
            self.unanswered += 1
            self.unfit.append(Unfit(label, "no answer", None, type(error).__name__, seconds_since(began)))
            return
        self.unanswered = 0
        seconds = seconds_since(began)
        for kind, told in misfits(case, response):
            self.unfit.append(Unfit(label, kind, response.status_code, told, seconds))
        if seconds > ANSWER_S:
            self.unfit.append(Unfit(label, "late", response.status_code, f"after {seconds:.1f} s", seconds))

    def answer(self, case: Any) -> httpx.Response:
        """Send it by the rig's own client, which bounds the answer. httpx errors come through."""
        import requests

        path, server = case.operation.path, self.sender.server
        base = server.public_url if path.startswith(("/api", "/public")) else server.internal_url
        words = case.as_transport_kwargs(base_url=base.rstrip("/"), headers=self.headers(path))
        known = ("method", "url", "headers", "files", "data", "params", "auth", "cookies", "json")
        made = requests.Request(**{name: value for name, value in words.items() if name in known}).prepare()
        body = made.body.encode() if isinstance(made.body, str) else made.body
        return self.sender.http.request(str(made.method), str(made.url), headers=dict(made.headers), content=body)

    def headers(self, path: str) -> dict[str, str]:
        """The bearer of somebody who may use this route."""
        sender, token = self.sender, None
        if path.startswith("/internal"):
            token = sender.server.internal_token
        elif path.startswith("/api/") and "/auth" not in path:
            token = (sender.mitra if path.startswith("/api/mitra") else sender.customer).token
        return {"Authorization": f"Bearer {token}"} if token else {}


def misfits(case: Any, response: httpx.Response) -> Iterator[tuple[str, str]]:
    """In what this answer does not fit the document: the kind and the words of Schemathesis."""
    from schemathesis.checks import not_a_server_error
    from schemathesis.core.failures import FailureGroup
    from schemathesis.specs.openapi import checks

    wanted = [
        not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
        checks.response_schema_conformance,
    ]  # fmt: skip
    try:
        case.validate_response(response, checks=wanted)
    except FailureGroup as failures:
        for failure in failures.exceptions:
            yield type(failure).__name__, " ".join(str(failure).split())[:MESSAGE_MAX]


def wrong_body(case: Any) -> bool:
    """Whether the body is what makes the request invalid."""
    from schemathesis.core.parameters import ParameterLocation

    part = case.meta.components.get(ParameterLocation.BODY)
    return part is not None and bool(part.mode.is_negative)


def seconds_since(began: float) -> float:
    return round(time.perf_counter() - began, 3)
