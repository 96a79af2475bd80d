"""What an answer to a made-up request breaks."""

from typing import Any

import pytest

from rig.checks.contract.probes import judge_probe
from rig.record.lines.contract import Probe


def judged(*unfit: list[Any], sent: int = 10) -> set[str]:
    seen = {"routes": 2, "sent": sent, "unfit": list(unfit)}
    judge = judge_probe(Probe(t=0, probe="generated requests", seen=seen))
    assert bool(judge.doubts) == (sent < 2)
    return {sentence for sentence, _ in judge.broken}


@pytest.mark.parametrize(
    ("kind", "status", "broken"),
    [
        ("ServerError", 500, {"HTTP-21", "HTTP-02"}),
        ("ServerError", 503, {"HTTP-19"}),
        ("UndefinedStatusCode", 418, {"HTTP-01"}),
        ("JsonSchemaError", 404, {"HTTP-01"}),
        ("UndefinedStatusCode", 202, {"API-03"}),
        ("JsonSchemaError", 200, {"API-03"}),
        ("no answer", None, {"HTTP-20"}),
        ("late", 200, {"HTTP-20"}),
    ],
)
def test_each_kind_breaks_the_sentence_that_says_so(kind: str, status: int | None, broken: set[str]) -> None:
    assert judged(["GET /x", kind, status, "told", 0.1]) == broken


def test_answers_that_fit_break_nothing() -> None:
    assert judged() == set()


def test_fewer_requests_than_routes_prove_nothing() -> None:
    assert judged(sent=1) == set()
