"""Schedules of faults: what can be, what is drawn from a seed, and what is left of a failed one."""

from collections.abc import Sequence
from functools import cache

import pytest

from rig.errors import UsageError
from rig.faults.catalogue import FAMILIES, faults
from rig.runs.chaos import random_campaign as draw
from rig.runs.chaos.campaign import CI, FULL, Campaign, restored_campaign
from rig.runs.chaos.random_campaign import generate_campaign, rare
from rig.runs.chaos.registry import campaigns, from_file, of_profile
from rig.runs.chaos.schedule import PlannedFault, length_s, require_possible
from rig.runs.chaos.shrink import fewer, reduced_campaign, shortened


def test_every_campaign_of_the_repository_can_be() -> None:
    for campaign in of_profile(FULL):
        require_possible(campaign.strikes, campaign.instances)


def test_the_ci_profile_has_each_class_of_faults() -> None:
    assert {fault.family for campaign in of_profile(CI) for fault in campaign.faults} == set(FAMILIES)


@pytest.mark.parametrize(
    ("strikes", "text"),
    [
        ([PlannedFault(0, "hunk")], "hung"),
        ([PlannedFault(0, "refused", hit=("c",))], "needs the instances c"),
        ([PlannedFault(0, "one instance cut off")], "needs the instances b"),
        ([PlannedFault(0, "hung", 5), PlannedFault(4, "flushdb")], "both act on the valkey at 4 s"),
    ],
)
def test_what_cannot_be_is_a_usage_error(strikes: list[PlannedFault], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        require_possible(strikes, ("a",))


def test_the_same_random_seed_draws_the_same_campaign() -> None:
    assert generate_campaign(7, 2) == generate_campaign(7, 2)
    assert generate_campaign(7, 2).strikes != generate_campaign(8, 2).strikes


def test_a_fleet_changes_no_fault_and_gets_a_baseline_that_has_room_for_quiet_pings() -> None:
    few, many = generate_campaign(7, 2), generate_campaign(7, 2, fleet=1500)
    assert many.strikes == few.strikes
    assert many.phases.baseline_s >= 3 * few.phases.baseline_s


@pytest.mark.parametrize("random_seed", range(60))
def test_what_is_drawn_can_be_and_leaves_time_for_a_recovery(random_seed: int) -> None:
    campaign = generate_campaign(random_seed, 2)
    require_possible(campaign.strikes, campaign.instances)
    assert len(campaign.strikes) >= 4
    assert max(strike.at_s + length_s(strike) for strike in campaign.strikes) < 120


@cache
def four_hundred() -> tuple[Campaign, ...]:
    return tuple(generate_campaign(random_seed, 2) for random_seed in range(400))


def test_every_fault_is_drawn_by_some_random_seed() -> None:
    drawn_by_some = {strike.fault for campaign in four_hundred() for strike in campaign.strikes}
    assert set(faults()) - drawn_by_some == set()


def test_of_the_faults_that_cost_a_check_a_campaign_draws_one_at_most() -> None:
    each = [{s.fault for s in campaign.strikes if rare(faults()[s.fault])} for campaign in four_hundred()]
    assert max(map(len, each)) == 1
    assert sum(map(bool, each)) < 200, "most campaigns judge every check"


def test_what_this_machine_lacks_is_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same random seed draws the same faults on every machine; what one cannot do, it does not do, and says so."""
    clocks = next(
        c
        for c in (generate_campaign(seed, 2) for seed in range(400))
        if "clock set back" in {s.fault for s in c.strikes}
    )
    monkeypatch.setattr(draw, "libfaketime", lambda: None)
    monkeypatch.setattr(draw, "no_resolver", lambda: "run the rig as root")
    left, told = draw.possible_here(clocks)
    assert set(clocks.strikes) - set(left.strikes) == {s for s in clocks.strikes if s.fault == "clock set back"}
    assert told == ["left out on this machine: clock set back: it takes libfaketime (Debian: apt install libfaketime)"]
    monkeypatch.setattr(draw, "libfaketime", lambda: "/usr/lib/libfaketime.so.1")
    monkeypatch.setattr(draw, "no_resolver", lambda: None)
    assert draw.possible_here(clocks) == (clocks, [])


def test_a_campaign_comes_back_from_json(tmp_path) -> None:
    import json

    campaign = campaigns()["overlap"]
    path = tmp_path / "schedule.json"
    path.write_text(json.dumps(campaign.plain()))
    again = from_file(path)
    assert (again.strikes, again.phases, again.pace) == (campaign.strikes, campaign.phases, campaign.pace)
    assert again.judged == campaign.judged
    path.write_text("{")
    with pytest.raises(UsageError, match="cannot be read as JSON"):
        from_file(path)
    with pytest.raises(UsageError, match="strikes"):
        restored_campaign({"name": "x", "shows": "y"})


def test_a_failed_schedule_is_left_with_what_fails() -> None:
    """Two of eight faults are to blame together: all others go, in fewer runs than trying each subset."""
    strikes = [PlannedFault(float(number), "refused", 0.5) for number in range(8)]
    guilty, tried = {strikes[2], strikes[6]}, []

    def fails(some: Sequence[PlannedFault]) -> bool:
        tried.append(tuple(some))
        return guilty <= set(some)

    assert set(fewer(strikes, fails)) == guilty
    assert len(tried) < 40


def test_what_is_left_is_made_shorter_and_earlier() -> None:
    kept = shortened([PlannedFault(30.0, "refused", 8.0)], lambda some: some[0].for_s >= 4.0)
    assert kept == (PlannedFault(30.0, "refused", 4.0),)
    campaign = reduced_campaign(campaigns()["flapping"], kept)
    assert campaign.strikes == (PlannedFault(1.0, "refused", 4.0),)
    assert campaign.phases.fault_s == 6.0
