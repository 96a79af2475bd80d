"""INV-18 looks at every answer, and what a fault suspends is no more than the contract says."""

from typing import Any

import pytest

from rig.checks import load_checks
from tests.support.chaos_lines import Lines, T, campaign, request, samples
from tests.support.record_lines import judge_plain

BOUNDS = {"answer_s": 5.0, "requests_min": 20}
load_checks()


@pytest.fixture
def lines() -> Lines:
    return campaign()


def judged(lines: Lines, level: str = "hardened") -> tuple[str, str]:
    judgement, _ = judge_plain("INV-18", lines, BOUNDS, level)
    return str(judgement.verdict), judgement.message


@pytest.mark.parametrize(
    "bad",
    [
        request(16, "ping", {}, status=500),
        request(16, "ping", None, status=None, took_s=8.0),
        request(16, "ping", {}, status=404),
    ],
)
def test_what_is_wrong_behind_many_that_are_excused_fails(bad: dict[str, Any], lines: Lines) -> None:
    """Five misled refusals come first, then fifty broken answers: how many are shown decides nothing."""
    for line in lines["fault"]:
        line["noticed"] = False  # so a refusal by a store that is wrong is asked of a hardened server alone
    misled = [request(15, "pay", {}, status=409) | {"code": "NO_MITRA_AVAILABLE"} for _ in range(5)]
    for look in lines["sample"]:
        look["truth"]["online"] = ["m1", "m2", "m3", "m4"]  # somebody has room
    lines["request"] += misled
    assert judged(lines, "contract")[0] == "passed"
    lines["request"] += [bad] * 50
    assert judged(lines, "contract")[0] == "failed"


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504])
@pytest.mark.parametrize("at", [-3.0, 2.0, 32.0])
def test_a_5xx_fails_whenever_it_comes(at: float, status: int, lines: Lines) -> None:
    """While the campaign is prepared, before its fault and after it: not only from the fault to its healing."""
    lines["request"].append(request(at, "online", {}, status=status))
    verdict, message = judged(lines)
    assert verdict == "failed"
    assert f"online by somebody got {status}" in message


def test_a_5xx_fails_though_the_fault_was_never_seen(lines: Lines) -> None:
    lines["fault"] = lines["fault"][:1]
    lines["request"].append(request(2, "online", {}, status=500))
    assert judged(lines)[0] == "failed"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(503, "passed"), (None, "passed"), (500, "failed"), (501, "failed"), (502, "failed"), (504, "failed"), (401, "failed")],
)  # fmt: skip
def test_an_ill_postgres_suspends_the_answer_and_not_its_truth(status: int | None, verdict: str, lines: Lines) -> None:
    for line in lines["fault"]:
        line["truth"] = True
    lines["request"].append(request(15, "pay", {}, status=status))
    assert judged(lines)[0] == verdict


@pytest.fixture
def stopped(lines: Lines) -> Lines:
    """Instance b was told to stop at 10.05, and is there again at 20.1."""
    for line in lines["fault"]:
        line.update(name="server stopped", down=True, outage=False, seeds=False, hit=["b"])
    told = {**lines["fault"][0], "event": "terminated", "t": T + 10.05}
    lines["fault"].append(told)
    return lines


def at_b(at: float, took_s: float, status: int | None = None, action: str = "ping") -> dict[str, Any]:
    return request(at, action, {"is_online": True}, status=status, took_s=took_s) | {"instance": "b"}


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        (at_b(9.5, 0.6), "failed"),  # on its way for 0.55 s
        (at_b(9.5, 0.6, 200), "passed"),
        (at_b(9.5, 0.6) | {"outcome": "unsent"}, "passed"),  # on no connection that was accepted
        (at_b(9.7, 0.4) | {"sent_at": T + 9.8}, "failed"),
        (at_b(9.7, 0.4) | {"sent_at": T + 9.9}, "passed"),  # too late for a promise
        (at_b(9.95, 0.2), "passed"),
        (at_b(12.0, 0.1), "passed"),  # refused: nobody listens
        (at_b(9.7, 0.1, 200), "passed"),
        (at_b(20.3, 0.1), "failed"),  # it is there again
    ],
)
def test_a_request_in_flight_as_sigterm_comes_is_answered(asked: dict[str, Any], verdict: str, stopped: Lines) -> None:
    stopped["request"].append(asked)
    assert judged(stopped)[0] == verdict


def test_where_postgres_is_ill_what_is_in_flight_may_be_cut_off(stopped: Lines) -> None:
    stopped["fault"] += [
        {"t": T + at, "name": "postgres slow", "event": event, "number": 1, "truth": True, "seeds": False}
        for event, at in (("requested", 9.0), ("confirmed", 9.1), ("removed", 12.0), ("healed", 12.0))
    ]
    stopped["request"].append(at_b(9.5, 0.6))
    assert judged(stopped)[0] == "passed"


def test_a_request_to_a_killed_server_has_no_promise(stopped: Lines) -> None:
    stopped["fault"] = [line for line in stopped["fault"] if line["event"] != "terminated"]
    stopped["request"].append(at_b(9.5, 0.6))
    assert judged(stopped)[0] == "passed"


@pytest.mark.parametrize("status", [401, 404, 500])
def test_an_instance_that_is_down_gives_no_answer_and_so_no_wrong_one(status: int, stopped: Lines) -> None:
    stopped["request"].append(at_b(12.0, 0.1, status))
    assert judged(stopped)[0] == "failed"


@pytest.mark.parametrize(("code", "verdict"), [(0, "passed"), (143, "passed"), (1, "failed"), (-9, "failed")])
def test_who_is_told_to_stop_ends_in_order(code: int, verdict: str, stopped: Lines) -> None:
    stopped["stopped"] = [{"t": T + 11, "instance": "b", "code": code}]
    assert judged(stopped)[0] == verdict


def test_what_the_rigs_own_lag_voids_takes_nothing_from_what_it_does_not(lines: Lines) -> None:
    """Two ids were wrong for too long, one of them while the rig stood still: the other one's time counts."""
    for look in samples(lines, 3, 5):
        look["mirror_before"] = look["mirror_after"] = ["m1"]
    for look in samples(lines, 6, 8):
        look.update(mirror_before=["m2"], mirror_after=["m2"], lag_s=0.5)
    bounds = {"quiet_s": 1.0, "reconnect_s": 5.0, "samples_min": 8}
    judgement, _ = judge_plain("INV-01", lines, bounds)
    assert judgement.verdict == "failed"
    assert "m2 missing" in judgement.message


@pytest.mark.parametrize(
    ("asked", "pings", "verdict"),
    [("a", "b", "passed"), ("b", "a", "passed"), ("a", "a", "failed"), ("b", "b", "failed")],
)
def test_who_pings_at_the_other_valkey_is_not_heard_of(asked: str, pings: str, verdict: str, lines: Lines) -> None:
    """While instances have a Valkey each, a payment may be refused though somebody is free: the other side hears her."""
    for line in lines["fault"]:
        line |= {"hit": ["b"], "outage": False, "parts": True}
    lines["log"].append({**lines["log"][0], "instance": "b"})
    for look in lines["sample"]:
        look["truth"]["online"] = ["m1", "m2", "m3", "m4"]  # somebody has room
    for line in lines["request"]:
        line |= {"subject": None, "instance": "a"}
    for number in range(1, 5):
        lines["request"].append(request(14, "ping", {}) | {"subject": f"m{number}", "instance": pings})
    refused = request(15, "pay", {}, status=409) | {"code": "NO_MITRA_AVAILABLE", "instance": asked}
    lines["request"].append(refused)
    assert judged(lines)[0] == verdict


@pytest.mark.parametrize(("truth", "verdict"), [(True, "passed"), (False, "failed")])
def test_whose_client_leaves_may_be_told_as_well_that_postgres_is_away(truth: bool, verdict: str, lines: Lines) -> None:
    """It may have no answer; a 503 that it gets is judged like any other: allowed while Postgres is ill, not else."""
    for line in lines["fault"]:
        line["truth"] = truth
    lines["request"] += [request(15, "abandoned", None, status=None), request(15, "abandoned", {}, status=503)]
    assert judged(lines)[0] == verdict
