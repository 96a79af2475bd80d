"""States that a campaign has to meet in quiet: met, each passes; missing, it is inconclusive and named."""

from typing import Any

import pytest

from rig.checks import load_checks
from rig.checks.chaos.states import BACK_IN_OUTAGE, BARRED_AWAY, FULL, SEEDED, STATES, TOGGLED, TWO_OPERATORS
from rig.record import Verdict
from rig.runs.chaos.campaign import STATE_BOUNDS, WITHOUT_SEED, Campaign
from rig.runs.chaos.registry import campaigns
from rig.runs.chaos.schedule import PlannedFault
from tests.support.chaos_lines import SEED, Lines, T, campaign, request
from tests.support.record_lines import judge_plain

load_checks()

# `m1` and `m2` are online in the made-up campaign: quiet until 10 s, an outage until 20 s, quiet again from 25 s on.


def verdict(item: str, lines: Lines) -> tuple[Verdict, str]:
    judgement, _ = judge_plain(item, lines, STATE_BOUNDS)
    return judgement.verdict, judgement.message


def truth(lines: Lines, since: float, until: float, **told: Any) -> None:
    for sample in lines["sample"]:
        if T + since <= sample["t"] < T + until:
            sample["truth"] = {**sample["truth"], **told}


def act(at: float, action: str, mitra: str, instance: str = "a") -> dict[str, Any]:
    """A request of the mitra herself, or an operator's request about her."""
    url = f"http://x/internal/mitras/{mitra}"
    return {**request(at, action, {}), "url": url, "subject": mitra, "instance": instance}


def setting(at: float, instance: str) -> dict[str, Any]:
    return {**request(at, "set_config", {}), "url": "http://x/max_customers_per_mitra", "instance": instance}


def met(item: str) -> Lines:
    """A campaign in which just this state was met."""
    lines = campaign()
    if item == TOGGLED:
        truth(lines, 4, 5, online=["m2"], loads={"m1": 1})
        lines["request"] += [act(4, "offline", "m1"), act(5, "online", "m1"), act(7, "offline", "m1")]
    elif item == BARRED_AWAY:
        lines["request"] += [act(4, "deactivate", "m3"), act(6, "reactivate", "m3")]
    elif item == BACK_IN_OUTAGE:
        lines["request"] += [act(1, "deactivate", "m3"), act(12, "reactivate", "m3")]
    elif item == FULL:
        truth(lines, 0, 40, loads={"m1": 4})
    elif item == SEEDED:
        lines["log"][0]["lines"].append([T + 27, SEED])
    else:
        lines["request"] += [setting(3, "a"), setting(4, "b")]
    return lines


@pytest.mark.parametrize("item", STATES)
def test_a_state_that_was_never_met_is_inconclusive_and_named_with_its_invariants(item: str) -> None:
    lines = campaign()
    lines["log"][0]["lines"] = [[T - 1, SEED]]
    found, message = verdict(item, lines)
    assert found is Verdict.INCONCLUSIVE
    assert f"in no quiet span {STATES[item].told}" in message
    assert all(invariant in message for invariant in STATES[item].judges)


@pytest.mark.parametrize("item", STATES)
def test_a_state_that_was_met_passes(item: str) -> None:
    found, message = verdict(item, met(item))
    assert found is Verdict.PASSED, message
    assert STATES[item].told in message


@pytest.mark.parametrize("item", [TOGGLED, BARRED_AWAY, TWO_OPERATORS])
def test_what_happens_in_the_fault_alone_does_not_count(item: str) -> None:
    lines = met(item)
    for line in lines["request"]:
        if line["action"] in ("offline", "online", "deactivate", "reactivate", "set_config"):
            line["t"], line["started"], line["ended"] = line["t"] + 8, line["started"] + 8, line["ended"] + 8
    truth(lines, 12, 13, online=["m2"], loads={"m1": 1})
    assert verdict(item, lines)[0] is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("item", "at"), [(TOGGLED, 7), (BARRED_AWAY, 6)])
def test_a_state_that_is_over_before_it_can_be_looked_at_does_not_count(item: str, at: float) -> None:
    lines = met(item)
    for line in lines["request"]:
        if line["action"] in ("offline", "reactivate") and line["t"] == T + at:
            line["t"], line["started"], line["ended"] = (line[name] - 1.2 for name in ("t", "started", "ended"))
    assert verdict(item, lines)[0] is Verdict.INCONCLUSIVE


def test_a_deactivation_of_who_is_online_is_another_state() -> None:
    lines = met(BARRED_AWAY)
    truth(lines, 0, 40, online=["m1", "m2", "m3"])
    assert verdict(BARRED_AWAY, lines)[0] is Verdict.INCONCLUSIVE


def test_who_is_deactivated_again_before_the_quiet_was_not_looked_at() -> None:
    lines = met(BACK_IN_OUTAGE)
    lines["request"].append(act(22, "deactivate", "m3"))
    assert verdict(BACK_IN_OUTAGE, lines)[0] is Verdict.INCONCLUSIVE


def test_a_mitra_who_was_full_in_one_of_the_quiet_spans_only_was_not_full_all_the_time() -> None:
    lines = met(FULL)
    truth(lines, 25, 40, loads={"m1": 3})
    assert verdict(FULL, lines)[0] is Verdict.INCONCLUSIVE


def test_one_operator_at_two_settings_is_not_two_operators() -> None:
    lines = campaign()
    lines["request"] += [setting(3, "a"), setting(4, "a")]
    assert verdict(TWO_OPERATORS, lines)[0] is Verdict.INCONCLUSIVE


def test_a_campaign_has_to_meet_what_its_invariants_need_and_it_can_meet() -> None:
    def states(**changed: Any) -> set[str]:
        given: dict[str, Any] = {"name": "x", "shows": "x", "strikes": (PlannedFault(0.0, "hung", 5.0),), **changed}
        return set(Campaign(**given).states)

    assert states() == set(STATES)
    assert SEEDED not in states(cadences=WITHOUT_SEED)
    assert TWO_OPERATORS not in states(instances=("a",))
    assert BACK_IN_OUTAGE not in states(strikes=(PlannedFault(0.0, "hung", 2.0),))
    assert BACK_IN_OUTAGE not in states(strikes=(PlannedFault(0.0, "refused", 5.0, ("b",)),))
    assert states(checks={"INV-13": {}}) == {FULL}
    assert states(must_meet=()) == set()


def test_seed_second_instance_and_second_operator_are_on_in_most_campaigns() -> None:
    everyone = campaigns().values()
    for state in (SEEDED, TWO_OPERATORS):
        assert sum(state in campaign.states for campaign in everyone) > len(everyone) / 2, state
    assert all({TOGGLED, BARRED_AWAY, FULL} <= set(campaign.states) for campaign in everyone)
