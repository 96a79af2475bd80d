"""Each claim passes on a load that kept it, fails on one that did not, and is open on one that proves nothing."""

from dataclasses import replace
from typing import Any

import pytest

from rig.checks import load_checks
from rig.errors import UsageError
from rig.record.histogram import bucket, quantile
from rig.runs.load.bounds import bounds_of
from rig.runs.load.plan import LoadOptions
from tests.support.load_lines import (
    CHAT,
    CHAT_ID,
    COUNT,
    FLEET,
    JOIN,
    LOOKS_UP,
    TAKER,
    WRITES_ONE,
    Lines,
    T,
    batch,
    load_lines,
    row,
    rows_of,
    tally,
)  # fmt: skip
from tests.support.record_lines import judge_plain

load_checks()
OPTIONS = LoadOptions(
    seconds=30.0, cadences={"heartbeat-mirror": 20, "auto-offline": 30, "reconcile": 300, "goodbye": 60}
)
BOUNDS = {id: {**bounds, "all_pinged_s": 5.0} for id, bounds in bounds_of(OPTIONS).items()}


@pytest.fixture
def lines() -> Lines:
    return load_lines()


def judged(item: str, lines: Lines, bounds: dict[str, Any] | None = None) -> tuple[str, str]:
    judgement, _ = judge_plain(item, lines, bounds or BOUNDS[item])
    return str(judgement.verdict), judgement.message


@pytest.mark.parametrize("item", BOUNDS)
def test_a_good_run_passes_with_evidence(item: str, lines: Lines) -> None:
    judgement, shown = judge_plain(item, lines, BOUNDS[item])
    assert judgement.verdict == "passed", judgement.message
    assert shown


@pytest.mark.parametrize("item", BOUNDS)
def test_zero_requests_prove_nothing(item: str, lines: Lines) -> None:
    lines["tally"] = [{**one, "planned": 0, "sent": 0, "completed": 0} for one in lines["tally"]]
    assert judged(item, lines)[0] == "inconclusive"


@pytest.mark.parametrize("item", BOUNDS)
def test_a_generator_that_was_saturated_proves_nothing(item: str, lines: Lines) -> None:
    lines["generator"][0]["cpu"] = 0.8
    verdict, message = judged(item, lines)
    assert verdict == "inconclusive"
    assert "80%" in message


@pytest.mark.parametrize("item", BOUNDS)
def test_a_worker_that_did_not_finish_proves_nothing(item: str, lines: Lines) -> None:
    lines["generator"].append({"t": T, "worker": "other", "finished": False})
    assert judged(item, lines)[0] == "inconclusive"


@pytest.mark.parametrize("item", BOUNDS)
def test_a_run_that_was_cut_short_proves_nothing(item: str, lines: Lines) -> None:
    lines["window"] = []
    assert judged(item, lines)[0] == "inconclusive"


@pytest.mark.parametrize("item", BOUNDS)
def test_a_server_that_died_has_failed(item: str, lines: Lines) -> None:
    lines["exited"] = [{"t": T + 9, "instance": "a", "text": "server a exited by itself (-9)"}]
    lines["window"] = []
    assert judged(item, lines) == ("failed", "server a exited by itself (-9)")


@pytest.mark.parametrize("item", BOUNDS)
def test_a_role_of_no_instance_leaves_the_count_in_doubt(item: str, lines: Lines) -> None:
    lines["statements"][0]["strangers"] = ["somebody"]
    verdict, message = judged(item, lines)
    assert verdict == "inconclusive"
    assert "somebody" in message


@pytest.mark.parametrize("item", BOUNDS)
def test_a_log_that_does_not_show_our_marker_proves_nothing(item: str, lines: Lines) -> None:
    lines["unfenced"] = [{"t": T, "arm": "on", "text": "the marker rig-fence-1 did not show"}]
    assert judged(item, lines) == ("inconclusive", "the marker rig-fence-1 did not show")


def test_an_arm_that_did_not_run_is_no_baseline(lines: Lines) -> None:
    lines["tally"] = [one for one in lines["tally"] if one["arm"] == "on"]
    verdict, message = judged("DIFF-01", lines)
    assert verdict == "inconclusive"
    assert "(ping, off) was sent" in message
    assert judged("CLAIM-01", lines)[0] == "passed"


@pytest.mark.parametrize("shape", [LOOKS_UP, WRITES_ONE])
def test_one_leaked_statement_is_one_too_many(shape: int, lines: Lines) -> None:
    rows_of(lines).append(row(shape, 12.0, ids=(TAKER,), fleet=1))
    verdict, message = judged("CLAIM-01", lines)
    assert verdict == "failed"
    assert message.startswith("1 statements for 60 heartbeats")


def test_a_leak_is_a_leak_even_where_the_generator_was_saturated(lines: Lines) -> None:
    rows_of(lines).append(row(LOOKS_UP, 12.0))
    lines["generator"][0]["cpu"] = 0.9
    assert judged("CLAIM-01", lines)[0] == "failed"


def test_the_statements_of_a_chat_are_the_chats(lines: Lines) -> None:
    lines["cause"] = [
        {
            "t": T,
            "arm": "on",
            "action": "accept",
            "ids": [CHAT_ID, TAKER],
            "from": T + 10,
            "to": T + 10.1,
            "status": 200,
        }
    ]
    rows_of(lines).extend(
        [row(CHAT, 10.05, unit=7, ids=(CHAT_ID,)), row(LOOKS_UP, 10.06, unit=7), row(LOOKS_UP, 10.02, ids=(TAKER,))]
    )
    assert judged("CLAIM-01", lines)[0] == "passed"
    assert judged("CLAIM-02", lines)[0] == "passed"
    rows_of(lines).append(row(LOOKS_UP, 13.0, ids=(TAKER,)))
    assert judged("CLAIM-01", lines)[0] == "failed"


def test_a_fallback_that_was_logged_explains_one_statement(lines: Lines) -> None:
    lines["log"] = [
        {
            "t": T,
            "arm": "on",
            "instance": "a",
            "lines": [[T + 12, "[heartbeat] valkey check failed, falling back to DB"]],
        }
    ]
    rows_of(lines).append(row(LOOKS_UP, 12.1, ids=(TAKER,)))
    verdict, message = judged("CLAIM-01", lines)
    assert verdict == "passed"
    assert "1 by a fallback that was logged" in message
    rows_of(lines).append(row(LOOKS_UP, 12.2, ids=(TAKER,)))
    assert judged("CLAIM-01", lines)[0] == "failed"


def test_fallbacks_by_the_dozen_are_no_accident(lines: Lines) -> None:
    moments = [T + 12 + n / 100 for n in range(12)]
    lines["log"] = [
        {
            "t": T,
            "arm": "on",
            "instance": "a",
            "lines": [[at, "[heartbeat] valkey check failed, falling back to DB"] for at in moments],
        }
    ]
    rows_of(lines).extend(row(LOOKS_UP, at - T, ids=(TAKER,)) for at in moments)
    verdict, message = judged("CLAIM-01", lines)
    assert verdict == "failed"
    assert "12 times a request fell back" in message


def test_more_updates_than_cycles_fail(lines: Lines) -> None:
    rows_of(lines).extend([batch(9.0), batch(10.0), batch(11.0), batch(12.0)])
    assert judged("CLAIM-02", lines)[0] == "failed"
    verdict, message = judged("CLAIM-05", lines)
    assert verdict == "failed"
    assert "at most 5 a cycle" in message


def test_an_instance_each_is_within_the_limit(lines: Lines) -> None:
    rows_of(lines).append(batch(9.0, "b"))
    assert judged("CLAIM-02", lines)[0] == "passed"
    assert judged("CLAIM-05", lines)[0] == "passed"


def test_an_update_that_leaves_one_mitra_out_fails(lines: Lines) -> None:
    rows_of(lines)[0] = row(0, 8.0, carried=FLEET - 1, fleet=FLEET - 1)
    verdict, message = judged("CLAIM-05", lines)
    assert verdict == "failed"
    assert f"{FLEET - 1} heartbeats of {FLEET}" in message


def test_an_update_of_somebody_who_is_nobody_fails(lines: Lines) -> None:
    rows_of(lines)[0] = row(0, 8.0, carried=FLEET + 1, fleet=FLEET, strangers=1)
    assert judged("CLAIM-05", lines)[0] == "failed"


def test_no_update_in_a_whole_cycle_fails_and_in_less_says_nothing(lines: Lines) -> None:
    del rows_of(lines)[0]
    assert judged("CLAIM-05", lines)[0] == "failed"
    assert judged("CLAIM-05", lines, {**BOUNDS["CLAIM-05"], "mirror_every_s": 60})[0] == "inconclusive"


# What a broken server would show, where the rig sent nothing: of each claim one sign of it.
SIGNS = {
    "CLAIM-01": lambda lines: rows_of(lines).append(row(LOOKS_UP, 12.0, ids=(TAKER,), fleet=1)),
    "CLAIM-02": lambda lines: rows_of(lines).extend([batch(9.0), batch(10.0), batch(11.0), batch(12.0)]),
    "CLAIM-03": lambda lines: lines["rewrites"][0]["events"].append([T + 29, "set"]),
    "CLAIM-04": lambda lines: rows_of(lines).append(row(JOIN, 12.0)),
    "CLAIM-05": lambda lines: rows_of(lines).pop(0),
    "CLAIM-06": lambda lines: rows_of(lines).append(row(COUNT, 12.0)),
    "CLAIM-08": lambda lines: lines["counters"][1]["tables"]["mitras"].update(seq_scan=99),
    "DIFF-01": lambda lines: rows_of(lines).extend(row(LOOKS_UP, n / 3, ids=(TAKER,), fleet=1) for n in range(60)),
    "DIFF-02": lambda lines: rows_of(lines).extend(row(JOIN, n / 3) for n in range(60)),
}


@pytest.mark.parametrize("item", SIGNS)
def test_no_claim_fails_without_its_traffic(item: str, lines: Lines) -> None:
    """Locust never started, 0 requests were planned: what a server did then is no answer to a load."""
    SIGNS[item](lines)
    assert judged(item, lines)[0] == "failed"
    lines["tally"] = [{**one, "planned": 0, "sent": 0, "completed": 0} for one in lines["tally"]]
    lines["traffic"] = []
    verdict, message = judged(item, lines)
    assert (verdict, "the load never began" in message) == ("inconclusive", True), message


@pytest.mark.parametrize("item", ["DIFF-01", "DIFF-02"])
def test_half_a_baseline_makes_no_share_too_large(item: str, lines: Lines) -> None:
    SIGNS[item](lines)
    for one in lines["tally"]:
        if one["arm"] == "off":
            one["sent"] = 5
    assert judged(item, lines)[0] == "inconclusive"


def test_no_cycle_is_owed_before_anybody_pings(lines: Lines) -> None:
    """The first ping came 5 s before the end, and a cycle takes 20 s."""
    del rows_of(lines)[0]
    late = [[second, *rest] for second, *rest in lines["traffic"][0]["seconds"] if second >= int(T) + 25]
    lines["traffic"][0]["seconds"] = late
    assert judged("CLAIM-05", lines)[0] == "inconclusive"


def test_who_was_not_let_ping_is_not_missed_in_an_update(lines: Lines) -> None:
    rows_of(lines)[0] = row(0, 8.0, carried=FLEET - 1, fleet=FLEET - 1)
    for one in lines["tally"]:
        if (one["arm"], one["action"]) == ("on", "ping"):
            one.update(sent=59, completed=59, missed=1)
    assert judged("CLAIM-05", lines)[0] == "inconclusive"


@pytest.mark.parametrize("text", ["requests: count>100", "failed: count<1", "claim-01: value<=0", "ping: p(95)<200"])
def test_a_threshold_of_a_load_that_never_began_is_a_doubt(text: str, lines: Lines) -> None:
    bounds = bounds_of(replace(OPTIONS, thresholds=(text,)))
    lines["plan"] = [{"bounds": bounds}]
    lines["tally"] = []
    assert judged("THRESHOLD-01", lines, bounds["THRESHOLD-01"])[0] == "inconclusive"


def test_counts_without_moments_skip_the_cycle_by_name(lines: Lines) -> None:
    lines["statements"][0]["source"] = "pg_stat_statements"
    verdict, message = judged("CLAIM-05", lines)
    assert verdict == "skipped"
    assert "neither when heartbeats were written nor whose" in message


def test_a_second_recompute_within_the_snapshots_life_fails(lines: Lines) -> None:
    lines["rewrites"][0]["events"].append([T + 29, "set"])
    verdict, message = judged("CLAIM-03", lines)
    assert verdict == "failed"
    assert message.startswith("at most 2 in 9.5 s")


def test_a_recompute_after_a_deletion_is_another_matter(lines: Lines) -> None:
    lines["rewrites"][0]["events"] += [[T + 28, "del"], [T + 29, "set"]]
    assert judged("CLAIM-03", lines)[0] == "passed"


def test_rewrites_that_could_not_be_seen_are_a_doubt(lines: Lines) -> None:
    lines["rewrites"] = [{"t": T, "arm": "on", "missing": "CONFIG is refused"}]
    assert judged("CLAIM-03", lines)[0] == "inconclusive"


@pytest.mark.parametrize(("item", "shape"), [("CLAIM-04", JOIN), ("CLAIM-06", COUNT)])
def test_one_query_over_all_mitras_fails_its_claim_alone(item: str, shape: int, lines: Lines) -> None:
    rows_of(lines).append(row(shape, 14.0))
    assert judged(item, lines)[0] == "failed"
    assert judged("CLAIM-01", lines)[0] == "passed"


def test_a_periodic_seed_may_look_at_the_truth(lines: Lines) -> None:
    lines["log"] = [
        {
            "t": T,
            "arm": "on",
            "instance": "a",
            "lines": [[T + 14.2, "[valkey-mirror] seed: 30 online, 0 deactivated, 0 with active sessions"]],
        }
    ]
    rows_of(lines).append(row(JOIN, 14.0))
    assert judged("CLAIM-04", lines)[0] == "passed"


@pytest.mark.parametrize("what", ["failed", "missed", "in_flight"])
def test_a_request_that_came_to_nothing_fails(what: str, lines: Lines) -> None:
    lines["tally"][0] |= {"completed": 59, what: 1}
    lines["failure"] = [{"t": T, "arm": "on", "phase": "pings and polls", "action": "ping", "error": "503 away"}]
    verdict, message = judged("CLAIM-07", lines)
    assert verdict == "failed"
    assert "ping: 503 away" in message


def test_an_answer_after_the_bound_fails(lines: Lines) -> None:
    lines["tally"][0]["longest_ms"] = 5200.0
    assert judged("CLAIM-07", lines)[0] == "failed"


def test_requests_that_nobody_accounts_for_are_a_doubt(lines: Lines) -> None:
    lines["tally"][0]["completed"] = 59
    assert judged("CLAIM-07", lines)[0] == "inconclusive"


def test_what_failed_in_the_warm_up_is_not_measured(lines: Lines) -> None:
    lines["tally"].append(tally("on", "ping", 5, "warm-up", completed=0, failed=5))
    assert judged("CLAIM-07", lines)[0] == "passed"


def test_a_counter_that_moved_by_more_than_the_ledger_explains_fails(lines: Lines) -> None:
    lines["counters"][1]["tables"]["mitras"]["idx_scan"] += 60
    verdict, message = judged("CLAIM-08", lines)
    assert verdict == "failed"
    assert "mitras.idx_scan by 60, at most 0 (0 statements name it)" in message


def test_without_a_baseline_the_differences_are_skipped_by_name(lines: Lines) -> None:
    lines["load"][0]["arms"] = ["on"]
    assert judged("DIFF-01", lines)[0] == "skipped"
    assert "--no-baseline" in judged("DIFF-02", lines)[1]
    assert judged("CLAIM-01", lines)[0] == "passed"


def test_a_server_that_knows_no_off_costs_the_differences_alone(lines: Lines) -> None:
    lines["statements"][1]["rows"] = []
    verdict, message = judged("DIFF-01", lines)
    assert verdict == "skipped"
    assert "no AVAILABILITY_MIRROR=off" in message


def test_a_mirror_that_saves_little_fails_the_difference(lines: Lines) -> None:
    rows_of(lines).extend(row(LOOKS_UP, n) for n in range(20))
    assert judged("DIFF-01", lines)[0] == "failed"


def test_pings_that_came_in_crowds_prove_nothing(lines: Lines) -> None:
    lines["traffic"] = [
        {
            "t": T,
            "worker": "local",
            "seconds": [
                [int(T) + n, "on", "ping", 100 + 900 * (n == 12), 100 + 900 * (n == 12), 0, 0] for n in range(1, 30)
            ],
        }
    ]
    verdict, message = judged("CLAIM-01", lines)
    assert verdict == "inconclusive"
    assert "crowds" in message


def test_thresholds_are_judged_one_by_one(lines: Lines) -> None:
    options = replace(
        OPTIONS, thresholds=("ping: p(95)<200", "failed: rate<0.01", "claim-01: value<=0", "beacon: max<2")
    )
    bounds = bounds_of(options)
    lines["plan"] = [{"t": T, "bounds": bounds}]
    verdict, message = judged("THRESHOLD-01", lines, bounds["THRESHOLD-01"])
    assert verdict == "failed"
    assert message == "`beacon: max<2`: 3.051 ms" or "`beacon: max<2`: 3" in message


def test_a_threshold_of_what_was_not_measured_is_a_doubt(lines: Lines) -> None:
    bounds = bounds_of(replace(OPTIONS, thresholds=("pay: p(95)<200",)))
    lines["plan"] = [{"t": T, "bounds": bounds}]
    assert judged("THRESHOLD-01", lines, bounds["THRESHOLD-01"])[0] == "inconclusive"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pong: p(95)<200", "did you mean ping?"),
        ("ping: rate<1", "ping has p(N), med, avg, max"),
        ("ping: p(0)<1", "not 'p(0)'"),
        ("ping p95 < 3", "write METRIC: AGGREGATE OPERATOR NUMBER"),
        ("claim-44: value<1", "no metric 'claim-44'"),
    ],
)
def test_an_unknown_threshold_is_a_usage_error(text: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        bounds_of(replace(OPTIONS, thresholds=(text,)))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_quantile_is_one_of_the_values() -> None:
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([], 0.5) is None
    assert bucket(0.0) == 0
