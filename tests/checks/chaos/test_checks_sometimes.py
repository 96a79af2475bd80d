"""What has to happen in a campaign: seen, it passes with its count; never seen, nothing is proved."""

import pytest

from rig.checks import load_checks
from rig.checks.chaos.coverage import EVENTS, FENCED, ghosts_removed
from rig.checks.framework import CONTRACT
from rig.record import Verdict
from rig.runs.chaos.campaign import FELT, Campaign
from rig.runs.chaos.metrics_scraper import numbers
from rig.runs.chaos.registry import alone
from rig.runs.chaos.schedule import Strike
from tests.support.chaos_lines import SEED, Lines, T, campaign
from tests.support.record_lines import judge_plain, lines_of

load_checks()


def verdict(item: str, lines: Lines, level: str = "hardened") -> tuple[Verdict, str]:
    judgement, _ = judge_plain(item, lines, {}, level)
    return judgement.verdict, judgement.message


def said(*texts: str) -> Lines:
    lines = campaign()
    lines["log"][0]["lines"] += [[T + 15, text] for text in texts]
    return lines


@pytest.mark.parametrize("item", EVENTS)
def test_what_never_happened_is_inconclusive_and_named(item: str) -> None:
    found, message = verdict(item, campaign())
    assert found is Verdict.INCONCLUSIVE
    assert EVENTS[item][0] in message


def test_fallbacks_and_skipped_sweeps_are_counted_in_the_servers_output() -> None:
    line = "[heartbeat] valkey check failed, falling back to DB: x"
    assert verdict("SEEN-01", said(line, line)) == (Verdict.PASSED, "2 times a fallback to Postgres was used")
    assert verdict("SEEN-02", said("[auto-offline] valkey unavailable, skipping"))[0] is Verdict.PASSED


def test_a_ghost_that_a_seed_removed_is_one_of_the_look_before_and_none_of_the_look_after() -> None:
    lines = campaign()
    lines["log"][0]["lines"].append([T + 5.05, SEED])
    for sample in lines["sample"]:
        if T + 4 <= sample["t"] <= T + 5.05:
            sample["mirror_before"] = sample["mirror_after"] = ["m1", "m2", "ghost"]
    assert ghosts_removed(lines_of(lines)) == 1
    assert verdict("SEEN-03", lines)[0] is Verdict.PASSED
    for sample in lines["sample"]:
        if sample["mirror_before"] is not None and sample["t"] > T + 4:
            sample["mirror_before"] = sample["mirror_after"] = ["m1", "m2", "ghost"]
    assert ghosts_removed(lines_of(lines)) == 0


def test_refused_late_writes_are_what_the_counter_grew_by_also_over_a_restart() -> None:
    lines = campaign()
    for at, value in ((1, 0.0), (2, 2.0), (3, 0.0), (4, 1.0)):
        lines["metrics"].append({"t": T + at, "instance": "a", "values": {FENCED: value}})
    assert verdict("SEEN-04", lines) == (Verdict.PASSED, "3 times a fence refused a late write")


def test_the_contract_asks_no_server_to_count_its_fences() -> None:
    assert verdict("SEEN-04", campaign(), CONTRACT)[0] is Verdict.PASSED


def test_a_long_outage_of_everybody_has_to_be_felt_and_a_short_or_partial_one_has_not() -> None:
    def events(*strikes: Strike) -> tuple[str, ...]:
        return Campaign(name="x", shows="x", strikes=strikes, instances=("a", "b")).events

    assert events(Strike(0.0, "hung", 5.0)) == FELT
    assert events(Strike(0.0, "hung", 2.0)) == ()
    assert events(Strike(0.0, "refused", 5.0, ("b",))) == ()
    assert events(Strike(0.0, "slow within patience", 5.0)) == ()
    assert alone("member added").events == ("SEEN-03",)
    assert set(FELT) <= set(alone("hung").judged)


def test_of_an_exposition_only_the_mirrors_own_numbers_are_kept() -> None:
    text = (
        '# HELP mirror_warm x\nmirror_warm 1.0\nhttp_requests_total{route="/"} 3.0\nmirror_odd{a="b"} 2\nmirror_bad x\n'
    )
    assert numbers(text) == {"mirror_warm": 1.0}
