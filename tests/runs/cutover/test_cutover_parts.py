"""Parts of a rehearsal without a stack: the plan, the ledger of requests, what is kept, the runbook."""

import json
import re
from pathlib import Path

import pytest

from rig.checks.cutover.rows import ROWS
from rig.errors import UsageError
from rig.paths import CHECKOUT
from rig.record.lines.common import Request
from rig.record.null_recorder import NullRecorder
from rig.report.cutover.runbook import content_of, runbook
from rig.runs.cutover import kept
from rig.runs.cutover.defects import DEFECTS, defect_named
from rig.runs.cutover.options import attested
from rig.runs.cutover.people import Ledger
from rig.runs.cutover.plan import Pace, printed, steps
from rig.runs.cutover.stores import errors
from rig.runs.cutover.tries import CALLS, words_of


def request(action: str, at: float, status: int | None = 200, subject: str = "m1", instance: str = "a") -> Request:
    return Request(
        t=at, actor="mitra", method="POST", url="/x", body=None, status=status, reply={"is_online": True}, error=None,
        started=at - 0.1, ended=at, curl="", code=None, action=action, subject=subject, instance=instance, outcome="",
    )  # fmt: skip


def ledger(*requests: Request, restarting: str = "") -> Ledger:
    found = Ledger(NullRecorder(), lambda: restarting)
    for one in requests:
        found.add(one)
    return found


def test_every_step_of_the_plan_has_a_name_of_its_own_and_tells_everything() -> None:
    plan = steps(Pace(), hold_s=60)
    assert len({step.name for step in plan}) == len(plan)
    for step in plan:
        assert all((step.owner, step.precondition, step.command, step.failed_if, step.undo))
        assert step.bound_s > step.fixed_s
        assert step.title in printed(plan)


def test_the_hold_comes_after_the_way_back_and_before_the_switch() -> None:
    names = [step.name for step in steps(Pace(), hold_s=60)]
    assert names[names.index("hold") - 1 : names.index("hold") + 2] == ["way-back", "hold", "switch"]
    assert [step.name for step in steps(Pace()) if step.no_return] == ["switch"]


def test_an_offline_right_after_an_answered_ping_is_wrongful() -> None:
    found = ledger(request("ping", 100.0)).wrongful([("m1", 110.0)], stale_s=30)
    assert found == ["m1 at 110.000, 10.0 s after a ping that was answered"]


@pytest.mark.parametrize(
    "requests",
    [
        (request("ping", 70.0),),
        (request("ping", 100.0, status=503),),
        (request("ping", 100.0), request("offline", 110.0)),
        (request("ping", 100.0, subject="m2"),),
    ],
    ids=["silent for long", "refused", "went by herself", "another mitra"],
)
def test_an_offline_with_a_reason_is_not_wrongful(requests: tuple[Request, ...]) -> None:
    assert not ledger(*requests).wrongful([("m1", 110.0)], stale_s=30)


def test_requests_to_an_instance_that_is_being_restarted_are_counted_apart() -> None:
    found = ledger(
        request("ping", 1, None), request("ping", 2, 500), request("ping", 3, None, instance="b"), restarting="a"
    )
    line = found.traffic("switch", 4.0)
    assert (line.requests, line.failed, line.unanswered, line.to_restarting) == (3, 1, 1, 1)
    assert found.traffic("switch", 5.0).requests == 0


def test_errors_of_handshakes_are_taken_off_and_no_others() -> None:
    told = {"errorstat_NOPERM": {"count": 5}, "errorstat_ERR": {"count": 7}, "errorstat_OOM": {"count": 1}}
    before = {"errorstat_ERR": {"count": 1}}
    assert errors(told, before, connections=3, refused_handshakes=5) == {"OOM": 1}
    assert errors(told, before, connections=1, refused_handshakes=4) == {"ERR": 4, "NOPERM": 1, "OOM": 1}


def test_a_command_without_a_harmless_probe_is_said_to_be_untried() -> None:
    assert words_of("flushall") is None
    assert words_of("evalsha") == ["EVALSHA", "0" * 40, "0"]
    assert all(words_of(command) for command in CALLS)


def test_a_prediction_is_the_median_of_rehearsals_at_the_same_factor(tmp_path: Path) -> None:
    for seconds in (1.0, 9.0, 2.0):
        kept.keep_times(tmp_path, 3.0, {"switch": seconds})
    kept.keep_times(tmp_path, 6.0, {"switch": 50.0})
    assert kept.predictions(tmp_path, 3.0) == {"switch": 2.0}
    assert kept.predictions(tmp_path, 1.0) == {}


def test_a_rehearsal_that_was_killed_is_told_once(tmp_path: Path) -> None:
    kept.write(tmp_path / kept.OPEN, {"pid": 2**22 + 1, "directory": "/reports/cutover-1"})
    assert "/reports/cutover-1" in str(kept.left_open(tmp_path))
    assert kept.left_open(tmp_path) is None
    with kept.marked_open(tmp_path, tmp_path):
        assert kept.left_open(tmp_path) is None, "it still runs"


def test_a_fact_is_stated_with_a_name_or_refused() -> None:
    assert attested(["policy=volatile-lru"], "Ann") == (("policy", "volatile-lru"),)
    for pairs, by in ((["policy=x"], ""), (["colour=red"], "Ann"), (["policy="], "Ann")):
        with pytest.raises(UsageError):
            attested(pairs, by)
    with pytest.raises(UsageError, match="split"):
        defect_named("spilt")


def results(verdict: str) -> dict[str, object]:
    items = [{"id": "GO-05", "title": "No server used X", "verdict": verdict, "message": "X counted <7> get"}]
    step = {
        "number": 1, "name": "switch", "title": "switch", "owner": "Ann", "precondition": "p", "command": "c", "bound_s": 60,
        "failed_if": "f", "undo": "u", "no_return": True, "state": "timed out", "seconds": 61.5, "fixed_s": 0.0,
        "predicted_s": 4.0, "reason": "late",
    }  # fmt: skip
    cutover = {
        "steps": [step], "stores": [{"store": "Y", "named": "Valkey 9.0"}], "attested": [], "planted": [],
        "proofs": [{"row": "GO-05", "defect": "forgotten", "at": 0.0}], "commands": ["get"],
        "not_seen": {"GO-05": "other clients"},
    }  # fmt: skip
    return {"items": items, "cutover": cutover, "started": 0.0, "measures": [], "judged": {"commit": "abc"}}


def test_the_runbook_begins_with_the_decision_and_escapes_what_it_shows(tmp_path: Path) -> None:
    found = runbook(results("failed"), tmp_path)
    page, plain = found[tmp_path / "runbook.html"], json.loads(found[tmp_path / "runbook.json"])
    assert plain["decision"] == "NO-GO"
    assert plain["against"][0]["id"] == "GO-05"
    assert page.index("NO-GO") < page.index("1. Decision") < page.index("2. Signature") < page.index("3. Steps")
    assert "X counted &lt;7&gt; get" in page
    assert "size: A4" in page
    assert "From here on the way back costs" in page
    assert "1970-01-01 00:00 UTC, by forgotten" in page


@pytest.mark.parametrize(("verdict", "says"), [("passed", "GO"), ("inconclusive", "NO-GO"), ("skipped", "NO-GO")])
def test_only_rows_that_all_passed_are_a_go(verdict: str, says: str) -> None:
    assert content_of(results(verdict))["decision"] == says


def test_the_page_names_every_row_with_its_defect() -> None:
    page = (CHECKOUT / "docs/cutover.md").read_text() if CHECKOUT else ""
    told = dict(re.findall(r"^\| (GO-\d\d) \|.*\| `?([\w-]*)`? ?\|$", page, re.M))
    assert list(told) == list(ROWS)
    assert {row: name for row, name in told.items() if name} == {one.row: one.name for one in DEFECTS.values()}
