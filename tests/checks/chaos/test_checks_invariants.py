"""Each invariant passes on a run in which all went well, and fails or doubts on one in which one thing did not."""

import pytest

from rig.checks import load_checks
from tests.support.chaos_lines import SEED, Lines, T, campaign, request, sample, samples
from tests.support.record_lines import judge_plain

BOUNDS = {
    "INV-01": {"quiet_s": 1.0, "reconnect_s": 5.0, "samples_min": 8},
    "INV-15": {"reseed_s": 5.0, "empty_s": 1.0, "snapshot_s": 10.0, "max_customers": 3, "reads_min": 10},
    "INV-18": {"answer_s": 5.0, "requests_min": 20},
}
load_checks()


@pytest.fixture
def lines() -> Lines:
    return campaign()


def judged(item: str, lines: Lines) -> tuple[str, str]:
    judgement, _ = judge_plain(item, lines, BOUNDS[item])
    return str(judgement.verdict), judgement.message


@pytest.mark.parametrize("item", BOUNDS)
def test_a_good_run_passes_with_evidence(item: str, lines: Lines) -> None:
    judgement, shown = judge_plain(item, lines, BOUNDS[item])
    assert judgement.verdict == "passed", judgement.message
    assert shown


@pytest.mark.parametrize("item", BOUNDS)
@pytest.mark.parametrize("event", ["requested", "confirmed", "removed", "healed"])
def test_a_fault_not_seen_proves_nothing(item: str, event: str, lines: Lines) -> None:
    lines["fault"] = [line for line in lines["fault"] if line["event"] != event]
    assert judged(item, lines)[0] == "inconclusive"


@pytest.mark.parametrize("item", BOUNDS)
def test_a_run_cut_short_proves_nothing(item: str, lines: Lines) -> None:
    del lines["phase"][2:]
    verdict, message = judged(item, lines)
    assert verdict == "inconclusive"
    assert "recovery, drain" in message


@pytest.mark.parametrize(("begin", "end"), [(4, 6), (24, 26.5), (32, 34)])
@pytest.mark.parametrize(("mirror", "word"), [(["m1"], "missing"), (["m1", "m2", "m3"], "ghost")])
def test_a_difference_that_lasts_fails(begin: float, end: float, mirror: list[str], word: str, lines: Lines) -> None:
    for line in samples(lines, begin, end):
        line["mirror_before"] = line["mirror_after"] = mirror
    verdict, message = judged("INV-01", lines)
    assert verdict == "failed"
    assert word in message


@pytest.mark.parametrize(("begin", "end"), [(4, 4.9), (20.6, 24.9)])
def test_a_difference_within_its_bound_passes(begin: float, end: float, lines: Lines) -> None:
    for line in samples(lines, begin, end):
        line["mirror_before"] = line["mirror_after"] = ["m1"]
    assert judged("INV-01", lines)[0] == "passed"


def test_a_change_between_the_two_readings_is_no_difference(lines: Lines) -> None:
    for line in samples(lines, 4, 8):
        line["mirror_after"] = ["m1"]
    assert judged("INV-01", lines)[0] == "passed"


def test_the_rigs_own_lag_voids_a_difference(lines: Lines) -> None:
    for line in samples(lines, 4, 6):
        line.update(mirror_before=["m1"], mirror_after=["m1"], lag_s=0.5)
    verdict, message = judged("INV-01", lines)
    assert verdict == "inconclusive"
    assert "stood still" in message


def test_a_mirror_that_stays_away_is_no_pass(lines: Lines) -> None:
    for line in samples(lines, 20, 35):
        line["mirror_before"] = line["mirror_after"] = None
    assert judged("INV-01", lines)[0] == "inconclusive"


@pytest.mark.parametrize("seeds", [[], [5.0], [25.5]])
def test_a_missing_early_or_late_reseed_fails(seeds: list[float], lines: Lines) -> None:
    log = lines["log"][0]
    log["lines"] = [[T + at, log["lines"][0][1]] for at in seeds]
    verdict, message = judged("INV-15", lines)
    assert verdict == "failed"
    assert "seed line of a" in message


@pytest.mark.parametrize("ill", [{"truth": True, "outage": False}, {"outage": True}], ids=["postgres", "valkey"])
@pytest.mark.parametrize(("begins", "verdict"), [(18, "passed"), (24, "passed"), (26, "failed")])
def test_no_seed_is_owed_while_a_store_is_ill(begins: float, verdict: str, ill: dict[str, bool], lines: Lines) -> None:
    """It comes 0.5 s after that store is well again, and that at 28: in time, unless it was due before."""
    lines["log"][0]["lines"] = [[T + 1, SEED], [T + 28.5, SEED]]
    for event, at in (("requested", begins), ("confirmed", begins), ("removed", 28), ("healed", 28)):
        lines["fault"].append(
            {"t": T + at, "name": "one of the stores slow", "event": event, "number": 1, "seeds": False, **ill}
        )
    assert judged("INV-15", lines)[0] == verdict


@pytest.mark.parametrize(
    ("action", "reply"), [("beacon", {"available": False, "count": 0}), ("dashboard", {"online_mitras": 0})]
)
def test_a_reader_who_sees_nobody_for_too_long_fails(action: str, reply: dict[str, object], lines: Lines) -> None:
    for line in lines["request"]:
        if line["action"] == action and T + 20 <= line["t"] < T + 21.6:
            line["reply"] = reply
    verdict, message = judged("INV-15", lines)
    assert verdict == "failed"
    assert action in message


def test_a_reader_who_sees_nobody_for_a_moment_passes(lines: Lines) -> None:
    for line in lines["request"]:
        if line["action"] == "beacon" and T + 20 <= line["t"] < T + 20.5:
            line["reply"] = {"available": False, "count": 0}
    assert judged("INV-15", lines)[0] == "passed"


def test_nobody_there_may_be_said_when_nobody_is(lines: Lines) -> None:
    lines["sample"] = [sample(tick * 0.2, [], ()) for tick in range(175)]
    for line in lines["request"]:
        if line["action"] == "dashboard":
            line["reply"] = {"online_mitras": 0}
    assert judged("INV-15", lines)[0] == "inconclusive"  # and neither is it proven


@pytest.mark.parametrize("action", ["beacon", "dashboard"])
def test_too_few_reads_prove_nothing(action: str, lines: Lines) -> None:
    lines["request"] = [line for line in lines["request"] if line["action"] != action]
    assert judged("INV-15", lines)[0] == "inconclusive"


def test_a_missing_reseed_fails_without_reads(lines: Lines) -> None:
    lines["log"][0]["lines"], lines["request"] = [], []
    assert judged("INV-15", lines)[0] == "failed"


@pytest.mark.parametrize(
    "bad",
    [
        request(15, "ping", None, status=None, took_s=8.0),
        request(15, "ping", {}, took_s=5.2),
        request(15, "ping", {}, status=500),
        request(15, "beacon", {}, status=503),
        request(22, "accept", {}, status=409) | {"code": "MITRA_UNREACHABLE"},
        request(22, "pay", {}, status=409) | {"code": "NO_MITRA_AVAILABLE"},
    ],
)
def test_one_bad_answer_fails(bad: dict[str, object], lines: Lines) -> None:
    lines["request"].append(bad)
    for look in lines["sample"]:
        look["truth"]["online"] = ["m1", "m2", "m3", "m4"]  # somebody has room
    verdict, message = judged("INV-18", lines)
    assert verdict == "failed"
    assert str(bad["action"]) in message


def test_a_promise_broken_by_few_requests_is_broken(lines: Lines) -> None:
    lines["request"] = [request(15, "ping", None, status=None, took_s=8.0)]
    assert judged("INV-18", lines)[0] == "failed"


def test_an_answer_that_took_long_while_the_rig_itself_stood_still_blames_nobody(lines: Lines) -> None:
    lines["request"].append(request(25, "ping", {"is_online": True}, took_s=5.5))
    assert judged("INV-18", lines)[0] == "failed"
    for look in samples(lines, 27, 28):
        look["lag_s"] = 0.5
    verdict, message = judged("INV-18", lines)
    assert verdict == "inconclusive"
    assert "stood still for 0.50 s" in message


def test_refusals_that_the_contract_has_pass(lines: Lines) -> None:
    lines["request"].append(request(15, "accept", {}, status=409) | {"code": "ALREADY_TAKEN"})
    assert judged("INV-18", lines)[0] == "passed"


@pytest.mark.parametrize(("status", "verdict"), [(503, "passed"), (None, "passed"), (500, "failed")])
def test_while_postgres_is_ill_503_is_an_answer_and_500_a_defect(
    status: int | None, verdict: str, lines: Lines
) -> None:
    for line in lines["fault"]:
        line["truth"] = True
    lines["request"].append(request(15, "pay", {}, status=status))
    assert judged("INV-18", lines)[0] == verdict


LOST, KEPT, BARRED = (f"0000000{number}-0000-4000-8000-000000000000" for number in (7, 8, 9))


@pytest.mark.parametrize(
    ("rewinds", "chat", "verdict"), [(True, LOST, "passed"), (True, KEPT, "failed"), (False, LOST, "failed")]
)
def test_a_chat_that_an_older_postgres_does_not_know_is_struck_out(
    rewinds: bool, chat: str, verdict: str, lines: Lines
) -> None:
    for line in lines["fault"]:
        line["rewinds"] = rewinds
    lines["left"] = [{"t": T + 36, "chats": [{"id": KEPT}]}]
    gone = {"code": "NOT_FOUND", "url": f"http://x/api/client/chat-sessions/{chat}/pay"}
    lines["request"].append(request(15, "pay", {}, status=404) | gone)
    assert judged("INV-18", lines)[0] == verdict


def test_a_mitra_whom_an_older_postgres_has_inactive_may_be_refused(lines: Lines) -> None:
    lines["request"].append(request(15, "ping", {}, status=403) | {"code": "ACCOUNT_INACTIVE", "subject": BARRED})
    for line in lines["fault"]:
        line["rewinds"] = True
    assert judged("INV-18", lines)[0] == "failed"
    for look in samples(lines, 14, 16):
        look["truth"]["deactivated"] = [BARRED]
    assert judged("INV-18", lines)[0] == "passed"


def test_a_server_that_leaves_by_itself_has_failed(lines: Lines) -> None:
    lines["exited"] = [{"t": T + 12, "instance": "a", "text": "server a exited by itself (1): boom"}]
    del lines["phase"][1:]
    verdict, message = judged("INV-18", lines)
    assert verdict == "failed"
    assert "boom" in message


def test_too_little_traffic_proves_nothing(lines: Lines) -> None:
    lines["request"] = [line for line in lines["request"] if not T + 10 <= line["t"] <= T + 20]
    verdict, message = judged("INV-18", lines)
    assert verdict == "inconclusive"
    assert "phase fault" in message


@pytest.fixture
def beyond(lines: Lines) -> Lines:
    """What the contract does not speak of, from 10 to 20."""
    for line in lines["fault"]:
        line["beyond"] = True
    return lines


@pytest.mark.parametrize("level", ["contract", "hardened"])
def test_what_the_contract_does_not_speak_of_is_told_and_fails_nothing(level: str, beyond: Lines) -> None:
    for look in samples(beyond, 26, 29):
        look["mirror_before"] = look["mirror_after"] = ["m1"]
    judgement, _ = judge_plain("INV-01", beyond, BOUNDS["INV-01"], level)
    assert judgement.verdict == ("passed" if level == "contract" else "failed")
    assert "m2 missing" in judgement.message


@pytest.mark.parametrize(
    ("at", "status", "took_s", "verdict"),
    [(15, None, 8.0, "passed"), (15, 503, 0.1, "failed"), (15, 500, 0.1, "failed"), (22, 200, 7.0, "passed"),
     (22, None, 8.0, "failed"), (22, 200, 11.0, "failed")],
)  # fmt: skip
def test_beyond_the_contract_a_5xx_and_no_answer_afterwards_fail_all_the_same(
    at: float, status: int | None, took_s: float, verdict: str, beyond: Lines
) -> None:
    beyond["request"].append(request(at, "pay", {}, status=status, took_s=took_s))
    judgement, _ = judge_plain("INV-18", beyond, BOUNDS["INV-18"], "contract")
    assert judgement.verdict == verdict


def test_what_a_silent_drop_left_behind_may_go_unanswered(beyond: Lines) -> None:
    for line in beyond["fault"]:
        line["name"] = "postgres half-open"
    beyond["request"].append(request(22, "pay", {}, status=None, took_s=8.0))
    assert judge_plain("INV-18", beyond, BOUNDS["INV-18"], "contract")[0].verdict == "passed"


def test_a_server_that_leaves_fails_beyond_the_contract_too(beyond: Lines) -> None:
    beyond["exited"] = [{"t": T + 12, "instance": "a", "text": "server a exited by itself (1): boom"}]
    assert judge_plain("INV-18", beyond, BOUNDS["INV-18"], "contract")[0].verdict == "failed"
