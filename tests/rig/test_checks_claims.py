"""Each claim passes on a run that kept it, fails on one that did not, and is open on one that sent nothing."""

from typing import Any

import pytest

from rig.checks import load_checks
from rig.checks.base import judge_with_evidence
from rig.checks.claims import quantile
from rig.drive.load import BOUNDS

T = 1000.0
Lines = dict[str, list[dict[str, Any]]]
load_checks()


@pytest.fixture
def lines() -> Lines:
    """Thirty seconds, 60 pings, 60 polls, one batched write, three recomputes."""
    requests = [request(tick * 0.5, action) for tick in range(60) for action in ("ping", "beacon")]
    return {
        "window": [{"t": T + 30, "from": T, "to": T + 30}],
        "load": [{"t": T, "planned": {"ping": 60, "beacon": 60}}],
        "request": requests,
        "statement": [
            statement("UPDATE mitra_online_status s SET last_heartbeat_at = u.at FROM UNNEST($1::uuid[]) AS u (id)"),
            statement("SELECT key, value FROM app_config"),
        ],
        "valkey_commands": [
            {"t": T, "blind": [], "lag_s": 0.0, "recomputes": [{"at": T + n, "text": "SDIFF"} for n in (1, 11, 21)]}
        ],
    }


def request(at: float, action: str, **facts: Any) -> dict[str, Any]:
    return {
        "t": T + at, "action": action, "method": "POST", "url": "http://x/", "status": 200, "error": None,
        "planned": T + at, "started": T + at, "ended": T + at + 0.01, **facts,
    }  # fmt: skip


def statement(text: str, **facts: Any) -> dict[str, Any]:
    return {
        "t": T + 5, "at": T + 5, "role": "sut_a", "instance": "a", "class": "work", "text": text, "parameters": [],
        "severity": "LOG", **facts,
    }  # fmt: skip


def judged(item: str, lines: Lines) -> tuple[str, str]:
    judgement, _ = judge_with_evidence(item, lines, BOUNDS[item])
    return str(judgement.verdict), judgement.message


@pytest.mark.parametrize("item", BOUNDS)
def test_a_good_run_passes_with_evidence(item: str, lines: Lines) -> None:
    judgement, shown = judge_with_evidence(item, lines, BOUNDS[item])
    assert judgement.verdict == "passed", judgement.message
    assert shown


@pytest.mark.parametrize("item", BOUNDS)
def test_zero_requests_prove_nothing(item: str, lines: Lines) -> None:
    lines["request"] = []
    assert judged(item, lines)[0] == "inconclusive"


@pytest.mark.parametrize("item", BOUNDS)
def test_an_empty_plan_proves_nothing(item: str, lines: Lines) -> None:
    lines["request"], lines["load"] = [], [{"t": T, "planned": {}}]
    assert judged(item, lines)[0] == "inconclusive"


@pytest.mark.parametrize("item", BOUNDS)
def test_a_run_cut_short_proves_nothing(item: str, lines: Lines) -> None:
    del lines["window"]
    assert judged(item, lines)[0] == "inconclusive"


@pytest.mark.parametrize("item", BOUNDS)
def test_a_late_generator_proves_nothing(item: str, lines: Lines) -> None:
    for line in lines["request"]:
        line["planned"] -= 3.0
    verdict, message = judged(item, lines)
    assert verdict == "inconclusive"
    assert "generator" in message


@pytest.mark.parametrize(
    "text",
    [
        "SELECT is_active FROM mitras WHERE id = $1",
        "UPDATE mitra_online_status SET last_heartbeat_at = now() WHERE mitra_id = $1",
        "SELECT 1 FROM auth_sessions WHERE user_id = $1",
    ],
)
def test_one_statement_of_a_ping_fails(text: str, lines: Lines) -> None:
    lines["statement"].append(statement(text))
    verdict, message = judged("CLAIM-01", lines)
    assert verdict == "failed"
    assert text in message


def fallbacks(*moments: float) -> list[dict[str, Any]]:
    text = "[heartbeat] valkey check failed, falling back to DB"
    return [{"t": T, "instance": "a", "lines": [[T + moment, text] for moment in moments]}]


def test_a_logged_fallback_excuses_one_read(lines: Lines) -> None:
    lines["statement"].append(statement("SELECT is_active FROM mitras WHERE id = $1"))
    lines["log"] = fallbacks(5.1)
    verdict, message = judged("CLAIM-01", lines)
    assert verdict == "passed"
    assert "1 of 60 pings fell back" in message
    lines["statement"].append(lines["statement"][-1])
    assert judged("CLAIM-01", lines)[0] == "failed"


@pytest.mark.parametrize(
    ("moment", "verb"), [(8.0, "SELECT 1 FROM mitras WHERE id = $1"), (5.1, "UPDATE mitras SET x = 1")]
)
def test_a_fallback_excuses_no_write_and_nothing_at_another_time(moment: float, verb: str, lines: Lines) -> None:
    lines["statement"].append(statement(verb))
    lines["log"] = fallbacks(moment)
    assert judged("CLAIM-01", lines)[0] == "failed"


def test_many_fallbacks_fail_unless_the_machine_stood_still(lines: Lines) -> None:
    lines["statement"] += [statement("SELECT is_active FROM mitras WHERE id = $1")] * 3
    lines["log"] = fallbacks(5.1, 5.2, 5.3)
    assert judged("CLAIM-01", lines)[0] == "failed"
    lines["valkey_commands"][0]["lag_s"] = 0.9
    assert judged("CLAIM-01", lines)[0] == "inconclusive"


def test_more_batches_than_the_cadence_allows_fail(lines: Lines) -> None:
    lines["statement"] += [lines["statement"][0]] * 2
    assert judged("CLAIM-01", lines)[0] == "failed"


@pytest.mark.parametrize("item", ["CLAIM-01", "CLAIM-02"])
def test_statements_of_a_stranger_leave_the_count_open(item: str, lines: Lines) -> None:
    lines["statement"].append(statement("SELECT 1", role="who", **{"class": "unknown"}))
    verdict, message = judged(item, lines)
    assert verdict == "inconclusive"
    assert "who" in message


def test_a_periodic_seed_is_no_statement_of_a_ping(lines: Lines) -> None:
    lines["statement"].append(statement("SELECT m.id FROM mitras m JOIN mitra_online_status o ON o.mitra_id = m.id"))
    assert judged("CLAIM-02", lines)[0] == "failed"
    lines["log"] = [{"t": T, "instance": "a", "lines": [[T + 5.2, "[valkey-mirror] seed: 1 online"]]}]
    assert judged("CLAIM-02", lines)[0] == "passed"


def test_an_availability_query_fails(lines: Lines) -> None:
    lines["statement"].append(statement("SELECT count(*) FROM mitra_online_status WHERE is_online"))
    assert judged("CLAIM-02", lines)[0] == "failed"


def test_too_many_recomputes_fail(lines: Lines) -> None:
    lines["valkey_commands"][0]["recomputes"] *= 2
    assert judged("CLAIM-02", lines)[0] == "failed"


def test_a_blind_monitor_proves_nothing(lines: Lines) -> None:
    lines["valkey_commands"][0]["blind"] = [[T + 1, T + 2]]
    assert judged("CLAIM-02", lines)[0] == "inconclusive"


@pytest.mark.parametrize(
    "facts",
    [{"status": 500}, {"status": None, "error": "timeout"}, {"ended": T + 10}, {"status": 200, "error": "reset"}],
)
def test_one_failed_request_fails(facts: dict[str, Any], lines: Lines) -> None:
    lines["request"].append(request(1, "ping", **facts))
    assert judged("CLAIM-03", lines)[0] == "failed"


def test_quantiles() -> None:
    assert quantile([], 0.5) is None
    assert quantile([3, 1, 2], 0.5) == 2
    assert quantile(range(1, 101), 0.99) == 99
    assert quantile([7], 1.0) == 7
