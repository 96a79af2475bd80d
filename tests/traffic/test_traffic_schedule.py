"""The plan of a load: from the random seed alone, spread evenly, shared out without loss, and the storm's shapes."""

import itertools
from collections import Counter

import pytest

from rig.traffic.load.schedule import SHAPES, STEADY, WRITING, LoadPlan, LoadProfile, Phase, blocks, rate

BOTH = ("on", "off")
PHASES = (
    Phase("warm-up", 5, BOTH),
    Phase("steady", 60, BOTH),
    Phase("idle", 10),
    Phase("all", 30, BOTH, (*STEADY, *WRITING)),
)


def plan(seed: int = 7, **pace: object) -> LoadPlan:
    return LoadPlan(LoadProfile(**pace), PHASES, seed)  # type: ignore[arg-type]


def test_the_same_random_seed_gives_the_same_schedule() -> None:
    assert list(plan().arrivals("ping")) == list(plan().arrivals("ping"))
    assert list(plan().arrivals("ping")) != list(plan(8).arrivals("ping"))


def test_a_plan_survives_json() -> None:
    assert LoadPlan.of(plan().plain()) == plan()


@pytest.mark.parametrize("kind", [*STEADY, *WRITING])
def test_lanes_share_every_arrival_out(kind: str) -> None:
    whole = list(plan().arrivals(kind))
    assert whole == sorted(whole)
    assert whole == sorted(one for lane in range(3) for one in plan().arrivals(kind, lane, 3))


def test_mitras_arrive_evenly_and_each_at_her_own_pace() -> None:
    found = [one for one in plan().arrivals("ping") if one[2] == 1]
    assert len(found) == 600
    assert max(later[0] - sooner[0] for sooner, later in itertools.pairwise(found)) == pytest.approx(0.1)
    own = [moment for moment, actor, _ in found if actor == found[0][1]]
    assert own[1] - own[0] == pytest.approx(30.0)
    seconds = Counter(int(moment) for moment, _, _ in found)
    assert max(seconds.values()) <= 1.2 * 600 / 60


def test_nobody_sends_in_a_phase_without_arms_or_without_their_kind() -> None:
    assert {phase for _, _, phase in plan().arrivals("ping")} == {0, 1, 3}
    assert {phase for _, _, phase in plan().arrivals("chat")} == {3}
    assert list(plan(chats=0).arrivals("chat")) == []
    assert list(plan(storm_peak=0.0).arrivals("storm")) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_a_storm_has_its_shape_and_its_peak(shape: str) -> None:
    storm = LoadPlan(
        LoadProfile(storm_shape=shape, storm_peak=200.0, storm_period_s=20.0), (Phase("all", 60, ("on",)),), 1
    )
    counts = Counter(int(moment) for moment, _, _ in storm.arrivals("storm"))
    by_second = [counts[second] for second in range(60)]
    assert max(by_second) == pytest.approx(200, abs=4)
    expected = {"ramp": 6000, "spike": 60 * (0.1 * 200 + 0.9 * 20), "square": 60 * 110, "sustained": 12000}[shape]
    assert sum(by_second) == pytest.approx(expected, rel=0.02)
    if shape == "square":
        assert min(by_second[:10]) > 190
        assert max(by_second[11:20]) < 25


def test_the_rate_of_a_ramp_ends_at_its_peak() -> None:
    pace = LoadProfile(storm_shape="ramp", storm_peak=100.0)
    assert rate(pace, 0.0, 50.0) == 0.0
    assert rate(pace, 25.0, 50.0) == 50.0
    assert rate(pace, 50.0, 50.0) == 100.0


def test_blocks_mirror_their_order() -> None:
    assert [name for name, _ in blocks(2, 2.5, ["A", "B"])] == ["A", "B", "B", "A"]
    assert [name for name, _ in blocks(3, 2.5, ["A", "B", "C"])] == ["A", "B", "C", "C", "B", "A", "A", "B", "C"]
