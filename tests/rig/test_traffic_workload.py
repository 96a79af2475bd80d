"""Schedules come from the random seed alone, and keep somebody online."""

import itertools

from rig.traffic.workload import Pace, Step, digest, schedule


def test_the_same_random_seed_gives_the_same_schedule() -> None:
    pace = Pace()
    assert schedule(pace, 7, 20) == schedule(pace, 7, 20)
    assert digest(schedule(pace, 7, 20)) != digest(schedule(pace, 8, 20))


def test_steps_come_in_order_and_within_the_time() -> None:
    steps = schedule(Pace(), 7, 20)
    assert steps == sorted(steps)
    assert all(0 <= step.at_s < 20 for step in steps)


def test_steady_mitras_never_go_offline() -> None:
    pace = Pace(steady=4)
    away = {step.actor for step in schedule(pace, 7, 60) if step.action == "offline"}
    assert away == {f"mitra {number}" for number in range(4, pace.mitras) if number not in pace.silent_numbers}


def test_silent_mitras_go_online_and_do_nothing_else() -> None:
    pace = Pace()
    silent = {f"mitra {number}" for number in pace.silent_numbers}
    assert len(silent) == pace.silent
    assert {step.action for step in schedule(pace, 7, 60) if step.actor in silent} == {"online"}


def test_a_fleet_changes_its_state_no_sooner_than_a_change_is_looked_at() -> None:
    steps = [step for step in schedule(Pace(fleet=90), 7, 60) if step.actor.startswith("crew ")]
    own: dict[str, list[Step]] = {}
    for step in steps:
        own.setdefault(step.action.split()[1], []).append(step)
    assert len(own) == 90
    for turns in own.values():
        assert [step.action.split()[0] for step in turns] == (["online", "offline"] * 3)[: len(turns)]
        assert all(later.at_s - sooner.at_s > 10.5 for sooner, later in itertools.pairwise(turns))
    assert {step.actor for step in steps} == {"crew 0", "crew 1", "crew 2"}


def test_from_the_first_on_somebody_is_always_barred() -> None:
    barred: set[str] = set()
    acts = [step.action.split() for step in schedule(Pace(), 7, 60) if step.action.startswith(("bar ", "unbar "))]
    for number, (act, who) in enumerate(acts):
        (barred.add if act == "bar" else barred.discard)(who)
        assert barred or (number + 1 < len(acts) and acts[number + 1][0] == "bar")
