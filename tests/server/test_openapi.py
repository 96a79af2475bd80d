"""The API against its own document, by Schemathesis: no 5xx, no answer that the document doesn't hold."""

import html
import itertools
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation

from server import docs, request_models

EXAMPLES = 12
WRONG_WHERE = (ParameterLocation.BODY, ParameterLocation.QUERY)
bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def documents(house) -> dict[str, tuple[str, dict[str, Any]]]:
    """Listener → its address and its document, as the running server serves it."""
    server = house.server
    found = {"public": server.public_url, "internal": server.internal_url}
    return {name: (url, httpx.get(f"{url}/openapi.json").raise_for_status().json()) for name, url in found.items()}


def test_each_listener_describes_its_own_routes(documents) -> None:
    (_, public), (_, internal) = documents["public"], documents["internal"]
    assert public["openapi"] == internal["openapi"] == "3.1.0"
    assert len(public["paths"]) > len(internal["paths"]) > 5
    assert not set(public["paths"]) & set(internal["paths"])
    assert all(path.startswith(("/api/", "/public/")) for path in public["paths"])
    assert set(public["components"]["securitySchemes"]) == {"accessToken"}
    assert set(internal["components"]["securitySchemes"]) == {"internalToken"}
    for document in (public, internal):
        for operation in operations_of(document):
            assert operation["summary"], operation["operationId"]


def test_the_page_needs_nothing_from_elsewhere(house, documents) -> None:
    for url, document in documents.values():
        answer = httpx.get(f"{url}/docs")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert "://" not in answer.text
        assert not re.search(r"<(link|img|iframe)|<script[^>]| src=|@import|url\(", answer.text)
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert (policy["default-src"], policy["connect-src"]) == ("'none'", "'self'")
        assert all(operation["operationId"] in answer.text for operation in operations_of(document))


def test_the_page_has_a_curl_line_and_a_form_per_route(documents) -> None:
    for url, document in documents.values():
        routes = [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]
        assert sorted((method, path) for _, method, path in curl_lines(url)) == sorted(routes)


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_a_shell_can_run_the_curl_lines(house, documents) -> None:
    """Each gets a documented answer, and none is refused for its example of a body."""
    customer = house.customer()
    for listener, (url, document) in documents.items():
        token = customer.token if listener == "public" else house.server.internal_token
        variables = {"URL": url, "TOKEN": token, "ID": house.searching(customer), "KEY": "stale_after_seconds"}
        for line, method, path in curl_lines(url):
            shell = ["sh", "-c", f"{line} --silent --noproxy '*' --max-time 8 --write-out '%{{http_code}}'"]
            env = {"PATH": os.environ["PATH"], **variables}
            status = subprocess.run(shell, env=env, capture_output=True, text=True, timeout=10).stdout[-3:]
            assert status in document["paths"][path][method.lower()]["responses"], line
            assert status not in ("400", "401") or path.endswith(("/refresh", "/verify")), line


def test_each_field_of_a_body_has_words_and_an_example_that_it_takes(documents) -> None:
    """The words are those of the error, the example is that of the page."""
    for _, document in documents.values():
        schemas = document["components"]["schemas"]
        for operation in operations_of(document):
            if "requestBody" in operation:
                name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
                assert all(field["description"] for field in schemas[name]["properties"].values())
                model = getattr(request_models, name)
                assert request_models.validate(model, docs.example(schemas[name]))


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
@pytest.mark.parametrize("caller", ["nobody", "mitra", "deactivated mitra", "customer"])
def test_the_public_listener_keeps_to_its_document(house, documents, caller, mode) -> None:
    callers, chats = populate(house)
    drive(*documents["public"], callers[caller], chats, mode)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
@pytest.mark.parametrize("caller", ["nobody", "operator"])
def test_the_internal_listener_keeps_to_its_document(house, documents, caller, mode) -> None:
    callers, chats = populate(house)
    mitras = [str(id_) for (id_,) in house.sql("SELECT id FROM mitras")]
    drive(*documents["internal"], callers[caller], [*chats, *mitras], mode)


def test_an_answer_that_holds_more_than_is_documented_is_found(documents) -> None:
    url, document = documents["public"]
    availability = document["components"]["schemas"]["Availability"]
    del availability["properties"]["count"]
    availability["required"].remove("count")
    with pytest.raises(FailureGroup, match="count"):
        drive(url, document, {}, [], GenerationMode.POSITIVE)


def test_a_status_that_is_not_documented_is_found(documents) -> None:
    url, document = documents["public"]
    del document["paths"]["/api/mitra/profile"]["get"]["responses"]["401"]
    with pytest.raises(FailureGroup, match="/api/mitra/profile"):
        drive(url, document, {}, [], GenerationMode.POSITIVE)


def curl_lines(url: str) -> list[tuple[str, str, str]]:
    """The curl lines of a listener's page, each with the method and the path of the form below it."""
    text = httpx.get(f"{url}/docs").text
    found = re.findall(r'<pre class="curl">(.+?)</pre>\s*<form data-method="(.+?)" data-path="(.+?)"', text)
    return [(html.unescape(line), method, path) for line, method, path in found]


def drive(url: str, document: dict[str, Any], headers: dict[str, str], ids: list[str], mode: GenerationMode) -> None:
    """A few requests to every operation, each answer checked against the document; ids are real ones half the time."""
    schema = schemathesis.openapi.from_dict(document)
    with requests.Session() as session:
        session.trust_env = False
        for found in schema.get_all_operations():
            operation = found.ok()
            if mode is GenerationMode.POSITIVE or can_be_invalid(operation):
                one_operation(operation, url, headers, ids, mode, session)


def can_be_invalid(operation: APIOperation) -> bool:
    """Whether there is a body, a uuid or a query to get wrong."""
    return bool(operation.body or operation.query) or "{id}" in operation.path


def wrong_beside_the_id(case: Case) -> bool:
    """Whether body or query is what makes the request invalid: id and headers are put right."""
    assert case.meta is not None
    parts = case.meta.components
    return any(parts[where].mode.is_negative for where in WRONG_WHERE if where in parts)


def wrong_headers(case: Case) -> bool:
    """Whether the headers alone may be what makes the request invalid."""
    assert case.meta is not None
    headers = case.meta.components.get(ParameterLocation.HEADER)
    return headers is not None and headers.mode.is_negative


def one_operation(
    operation: APIOperation,
    url: str,
    headers: dict[str, str],
    ids: list[str],
    mode: GenerationMode,
    session: requests.Session,
) -> None:
    real = st.sampled_from(ids) if ids else st.nothing()

    @bounded
    @given(st.data())
    def run(data) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode), label="request")
        if ids and "id" in case.path_parameters and data.draw(st.booleans(), label="with a real id"):
            case.path_parameters["id"] = data.draw(real, label="id")
            assume(mode is GenerationMode.POSITIVE or wrong_beside_the_id(case))
        if headers:
            assume(not wrong_headers(case))  # a missing token, say, which `headers` would put right
        case.call_and_validate(base_url=url, headers=headers, session=session)

    run()


def operations_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def populate(house) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Headers of every kind of caller, and chats of theirs in every state."""
    mitra, customer = house.mitra(online=True), house.customer()
    shut = house.mitra(active=False)
    actions: list[Callable[[str], Any]] = [
        lambda _: None,
        lambda id_: house.act(customer, id_, "pay"),
        lambda id_: house.act(customer, id_, "cancel"),
    ]
    chats = [house.searching(customer) for _ in actions]
    for action, id_ in zip(actions, chats, strict=True):
        action(id_)
    running = [house.active(customer, mitra) for _ in range(2)]
    house.act(customer, running[1], "extend", json={"duration_seconds": 60})
    callers = {
        "nobody": {},
        "operator": {"Authorization": f"Bearer {house.server.internal_token}"},
        **{
            name: {"Authorization": f"Bearer {person.token}"}
            for name, person in (("mitra", mitra), ("deactivated mitra", shut), ("customer", customer))
        },
    }
    return callers, list(itertools.chain(chats, running))
