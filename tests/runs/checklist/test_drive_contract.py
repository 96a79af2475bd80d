"""What a server broke while a step only prepared: its owner fails by it, and what hangs on the step stays open."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rig.checks import load_checks
from rig.record import Recorder, Run, RunDirectory, new_run
from rig.results.judge import judge_run
from tests.support.record_lines import write as write_line

SCENARIO = {"scenario": "d.feature: a chat", "variant": "", "attempt": 1}
WHERE = {"scenario": SCENARIO["scenario"], "variant": ""}
load_checks()


def exchange(status: int | None = 200, t: float = 3.0, action: str = "extend", **facts: Any) -> dict[str, Any]:
    return {
        "actor": "customer Budi", "method": "POST", "url": "http://x/extend", "body": None, "status": status,
        "reply": {}, "error": None if status else "ReadTimeout", "code": None, "action": action, "subject": "u",
        "started": t, "ended": t + 0.1, "curl": "curl http://x/extend", "instance": "a", "outcome": "answered", **facts,
    }  # fmt: skip


def saved(root: Path, write: Callable[[Recorder], None], items: tuple[str, ...] = ("D-06", "D-07")) -> dict[str, Any]:
    """The items of a run of one scenario, which was prepared from t = 2 to 9."""
    directory: RunDirectory = new_run(root, "checklist", 7, {"command": "rig checklist", "level": "contract"})
    with Recorder(directory) as recorder:
        write_line(recorder, "plan", t=1.0, items=list(items), replay="rig checklist --only {item}")
        write_line(recorder, "scenario", t=2.0, phase="begin", items=list(items), **SCENARIO)
        write(recorder)
        write_line(recorder, "end", t=10.0, interrupted=False)
    return {item["id"]: item for item in judge_run(Run.load(directory))["items"]}


def ended(recorder: Recorder, error: dict[str, Any] | None = None, items: tuple[str, ...] = ("D-06", "D-07")) -> None:
    write_line(
        recorder, "scenario", t=9.0, phase="end", items=list(items), began=2.0, steps=[], error=error, **SCENARIO
    )


def unmet(message: str, **facts: Any) -> dict[str, Any]:
    return {"verdict": "inconclusive", "message": message, "step": "When the time runs out", **facts}


def verdicts(items: dict[str, Any]) -> dict[str, str]:
    return {id: item["verdict"] for id, item in items.items()}


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504])
def test_a_5xx_in_a_preparing_step_is_the_servers(status: int, tmp_path: Path) -> None:
    """`extend` answers 5xx: the boxes after it were never reached, and CONTRACT tells why."""

    def write(recorder: Recorder) -> None:
        write_line(recorder, "request", t=3.0, **exchange(status), **WHERE)
        ended(recorder, unmet(f"extend answered {status}"))

    items = saved(tmp_path, write)
    assert verdicts(items) == {"D-06": "inconclusive", "D-07": "inconclusive", "CONTRACT": "failed"}
    assert items["CONTRACT"]["message"] == f"extend was answered {status}: the contract has no such answer here"
    assert items["CONTRACT"]["answers"][0]["evidence"][0]["curl"] == "curl http://x/extend"
    assert items["CONTRACT"]["replay"] == "rig checklist --only D-06,D-07"


@pytest.mark.parametrize(
    ("away", "back", "verdict"), [(4.5, None, None), (4.5, 4.9, None), (2.5, 3.0, "failed"), (6.0, None, "failed")]
)
def test_a_503_is_allowed_while_postgres_is_away(
    away: float, back: float | None, verdict: str | None, tmp_path: Path
) -> None:
    """And for a moment after it is back; asked at 5."""

    def write(recorder: Recorder) -> None:
        write_line(recorder, "postgres", t=away, event="away", **WHERE)
        if back is not None:
            write_line(recorder, "postgres", t=back, event="back", **WHERE)
        write_line(recorder, "request", t=5.0, **exchange(503, 5.0), **WHERE)
        ended(recorder)

    assert verdicts(saved(tmp_path, write)).get("CONTRACT") == verdict


def test_a_fault_of_postgres_before_the_scenario_allows_its_503_and_no_500(tmp_path: Path) -> None:
    def write(status: int) -> Callable[[Recorder], None]:
        def lines(recorder: Recorder) -> None:
            traits = dict.fromkeys(("outage", "noticed", "seeds", "down", "rewinds", "beyond"), False)
            write_line(
            recorder, "fault", t=2.5, number=1, event="requested", name="postgres slow", ends=None, hit=[], truth=True,
                **traits, **WHERE,
            )  # fmt: skip
            write_line(recorder, "request", t=3.0, **exchange(status), **WHERE)
            ended(recorder)

        return lines

    assert "CONTRACT" not in saved(tmp_path / "503", write(503))
    assert saved(tmp_path / "500", write(500))["CONTRACT"]["verdict"] == "failed"


def observation(recorder: Recorder, item: str, seen: dict[str, Any], t: float = 5.0, **facts: Any) -> None:
    write_line(
            recorder, "observation", t=t, item=item, seen=seen, bounds=facts.pop("bounds", {}), error=facts.pop("error", None),
        evidence=facts.pop("evidence", [{"kind": "note", "text": "seen"}]), started=t, ended=t, **SCENARIO,
    )  # fmt: skip


def test_a_5xx_that_a_failed_box_shows_is_that_boxs_own(tmp_path: Path) -> None:
    """The item that owns the promise fails by that evidence: CONTRACT is for what none owns."""
    answer = exchange(500, action="online")

    def write(recorder: Recorder) -> None:
        write_line(recorder, "request", t=3.0, **answer, **WHERE)
        shown = {"kind": "http", **{name: answer[name] for name in ("method", "url", "status")}}
        observation(recorder, "B-01", {"exchange": answer, "rows": []}, evidence=[shown])
        ended(recorder, items=("B-01",))

    assert verdicts(saved(tmp_path, write, ("B-01",))) == {"B-01": "failed"}


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (exchange(404, action="offline"), "answered 404"),
        (exchange(200, action="offline", reply="no JSON"), "no JSON object"),
        (exchange(200, action="offline", reply={"is_online": True}), "is_online: True"),
    ],
)
def test_an_action_that_the_server_spoils_does_not_clear_it(seen: dict[str, Any], told: str, tmp_path: Path) -> None:
    """B-04 is an action: it blames nobody, but the answer that it records is the server's."""

    def write(recorder: Recorder) -> None:
        observation(recorder, "B-04", {"exchange": seen})
        ended(recorder, items=("B-04",))

    items = saved(tmp_path, write, ("B-04",))
    assert verdicts(items) == {"B-04": "inconclusive", "CONTRACT": "failed"}
    assert told in items["CONTRACT"]["message"]


def test_an_action_without_an_answer_blames_nobody(tmp_path: Path) -> None:
    def write(recorder: Recorder) -> None:
        observation(recorder, "B-04", {"exchange": exchange(None, action="offline")})
        ended(recorder, items=("B-04",))

    assert verdicts(saved(tmp_path, write, ("B-04",))) == {"B-04": "inconclusive"}


WATI = "00000000-0000-4000-8000-00000000000a"
STORES = {
    "truth": {"online": [], "deactivated": [WATI], "loads": {}},
    "mirror": {"online": [], "deactivated": [], "capacities": {}, "heartbeats": {}},
}


@pytest.mark.parametrize(("items", "owner"), [(("I-02",), "CONTRACT"), (("C-06", "I-02"), "C-06")])
def test_what_was_never_mirrored_cannot_be_corrupted_and_fails_its_owner(
    items: tuple[str, ...], owner: str, tmp_path: Path
) -> None:
    """Deactivating who is offline is not mirrored, so SREM finds nobody: that is why I-02 took no effect."""

    def write(recorder: Recorder) -> None:
        observation(recorder, "I-02", {"replies": [[f"SREM mitras:deactivated {WATI}", 0]], "before": STORES})
        ended(recorder, items=("I-02",))

    found = saved(tmp_path, write, items)
    assert found["I-02"]["verdict"] == "inconclusive"
    assert found[owner]["verdict"] == "failed"
    assert f"mitras:deactivated lacks {WATI}" in found[owner]["message"]


def test_a_key_that_expires_is_charged_to_the_box_that_forbids_it(tmp_path: Path) -> None:
    expiring = {**STORES["mirror"], "deactivated": [WATI], "expiring": {f"mitra:heartbeat:{WATI}": 3600_000}}

    def write(recorder: Recorder) -> None:
        observation(recorder, "I-02", {"replies": [["SET x", "OK"]], "before": {**STORES, "mirror": expiring}})
        ended(recorder, items=("I-02",))

    assert verdicts(saved(tmp_path, write, ("G-07", "I-02"))) == {"G-07": "failed", "I-02": "inconclusive"}


def test_what_the_rigs_own_command_did_not_change_blames_nobody(tmp_path: Path) -> None:
    agreed = {**STORES, "mirror": {**STORES["mirror"], "deactivated": [WATI]}}

    def write(recorder: Recorder) -> None:
        observation(recorder, "I-02", {"replies": [["SET x", None]], "before": agreed})
        ended(recorder, items=("I-02",))

    assert verdicts(saved(tmp_path, write, ("I-02",))) == {"I-02": "inconclusive"}


def test_a_step_that_sees_a_promise_broken_fails_its_owner(tmp_path: Path) -> None:
    def write(recorder: Recorder) -> None:
        ended(recorder, unmet("no seed line within 5 s", owner="J-06"), ("G-09", "J-06"))

    items = saved(tmp_path, write, ("G-09", "J-06"))
    assert verdicts(items) == {"G-09": "inconclusive", "J-06": "failed"}


@pytest.mark.parametrize("code", [1, -15, -9, None])
def test_an_exit_that_is_not_clean_fails_the_contract(code: int | None, tmp_path: Path) -> None:
    """A log may be incomplete after it, so A-01 stays open: but the exit itself is what the contract promises."""

    def write(recorder: Recorder) -> None:
        line = "[valkey-mirror] seed: 1 online, 0 deactivated, 0 with active sessions"
        observation(recorder, "A-01", {"lines": [line], "exit_code": code})
        ended(recorder, items=("A-01",))

    assert verdicts(saved(tmp_path, write, ("A-01",))) == {"A-01": "inconclusive", "CONTRACT": "failed"}


def test_a_jvm_ends_cleanly_with_143(tmp_path: Path) -> None:
    def write(recorder: Recorder) -> None:
        line = "[valkey-mirror] seed: 1 online, 0 deactivated, 0 with active sessions"
        observation(recorder, "A-01", {"lines": [line], "exit_code": 143})
        ended(recorder, items=("A-01",))

    assert verdicts(saved(tmp_path, write, ("A-01",))) == {"A-01": "passed"}


def test_a_server_that_dies_before_any_box_fails_the_contract(tmp_path: Path) -> None:
    """The boxes that were never reached stay open: nothing of them was seen."""
    text = "backend a exited by itself (1): boom"

    def write(recorder: Recorder) -> None:
        write_line(recorder, "exited", t=4.0, instance="a", text=text, **WHERE)
        ended(recorder, {"verdict": "failed", "message": text, "step": "Given Sari is an online mitra"})

    items = saved(tmp_path, write)
    assert verdicts(items) == {"D-06": "inconclusive", "D-07": "inconclusive", "CONTRACT": "failed"}


def test_a_server_that_dies_in_an_action_has_failed(tmp_path: Path) -> None:
    """The action itself blames nobody, and yet the exit is seen."""
    text = "backend a exited by itself (1): boom"

    def write(recorder: Recorder) -> None:
        observation(recorder, "B-04", {}, error={"verdict": "failed", "message": text})
        write_line(recorder, "exited", t=5.1, instance="a", text=text, **WHERE)
        ended(recorder, items=("B-04",))

    assert "failed" in verdicts(saved(tmp_path, write, ("B-04",))).values()
