"""Schedules come from the random seed alone, and keep somebody online."""

import functools
import inspect
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from rig.checks.chaos.states import LOOKED_AT_S
from rig.faults.postgres import restores
from rig.faults.postgres.restores import TruthRestored
from rig.faults.valkey.processes import OldSnapshot
from rig.runs.chaos.fault_scheduler import FaultScheduler
from rig.traffic.background.steps import Pace, Step, digest, schedule
from rig.traffic.background.workload import Workload


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
    others = {*pace.silent_numbers, pace.away, pace.returning}
    assert away == {f"mitra {number}" for number in range(4, pace.mitras) if number not in others}


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
    acts = [act for act in acts if int(act[1]) >= Pace().mitras - Pace().barred]
    for number, (act, who) in enumerate(acts):
        (barred.add if act == "bar" else barred.discard)(who)
        assert barred or (number + 1 < len(acts) and acts[number + 1][0] == "bar")


WINDOWS = [(seed, since) for seed in range(25) for since in (1.0, 2.0, 7.3, 20.9)]
BASELINE_S, AFTER_S = 5.0, 4.0  # of quiet with traffic, before the first fault and after the last one


@pytest.mark.parametrize(("seed", "since"), WINDOWS)
def test_each_baseline_meets_every_state_by_construction(seed: int, since: float) -> None:
    """Whatever the seed: the mitra with a chat comes back and stays, and she who is offline is deactivated and stays so."""
    pace = Pace()
    steps = schedule(pace, seed, 60)
    until = since + BASELINE_S
    for actor, begins, ends in (
        (f"mitra {pace.busy}", "online", "offline"),
        ("operator 2", f"bar {pace.away}", f"unbar {pace.away}"),
    ):
        own = [step for step in steps if step.actor == actor and step.action in (begins, ends)]
        stays = [
            min(later.at_s, until) - step.at_s
            for step, later in itertools.pairwise(own)
            if step.action == begins and since <= step.at_s
        ]
        assert max(stays) >= LOOKED_AT_S, f"{actor} {begins}"


@pytest.mark.parametrize(("seed", "since"), WINDOWS)
def test_two_operators_change_settings_in_each_quiet_span(seed: int, since: float) -> None:
    steps = [step for step in schedule(Pace(), seed, 60) if step.action.startswith("config ")]
    assert {step.actor for step in steps if since <= step.at_s < since + AFTER_S} == {"operator", "operator 2"}


def test_who_has_a_role_keeps_to_it() -> None:
    pace = Pace()
    assert pace.full in range(pace.steady), "who is full stays online"
    does = {number: {s.action for s in schedule(pace, 7, 60) if s.actor == f"mitra {number}"} for number in range(14)}
    assert does[pace.away or 0] == {"ping", "profile"}
    assert {"online", "offline"}.isdisjoint(does[pace.away or 0])
    acts = [step.action for step in schedule(pace, 7, 60) if step.action.endswith(f"bar {pace.returning}")]
    assert acts == [f"bar {pace.returning}"], "she waits for the outage that re-activates her"


def test_an_outage_re_activates_at_once(anybody: tuple[Workload, "Person"]) -> None:
    workload, person = anybody
    workload.reactivate(0)
    awaited(lambda: person.done == ["set_active"])


class Person:
    """Notes what it is asked to do; `toggle` takes until it is let go."""

    id = "00000000-0000-4000-8000-000000000001"

    def __init__(self) -> None:
        self.done: list[str] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.says_offline = False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def act(*_: object) -> Any:
            self.go_on.wait(5.0)
            self.done.append(name)
            return SimpleNamespace(ok=True, reply={"is_online": not (name == "ping" and self.says_offline)})

        return act


@pytest.fixture
def anybody() -> Iterator[tuple[Workload, Person]]:
    person = Person()
    workload = Workload([person], [person], person)  # type: ignore[list-item,arg-type]
    yield workload, person
    workload.stop()


ACTIONS = [
    ("mitra 0", "online"), ("mitra 0", "offline"), ("operator", "bar 0"), ("operator", "unbar 0"),
    ("operator", "config 3"), ("customer 0", "buy"), ("mitra 0", "take"),
]  # fmt: skip


def test_while_the_state_stands_still_nothing_changes_it_and_pings_and_reads_go_on(
    anybody: tuple[Workload, Person],
) -> None:
    """A swap of barred mitras 0.24 s after a restore healed by luck what a server would have left broken."""
    workload, person = anybody
    person.says_offline = True  # whoever stays would go online again
    workload.stand_still(60.0)
    reads = [("mitra 0", "ping"), ("mitra 0", "stay"), ("customer 0", "beacon"), ("operator", "dashboard")]
    workload.start([Step(0.0, *action) for action in [*ACTIONS, *reads]])
    awaited(lambda: {"ping", "beacon", "dashboard"} <= set(person.done) and person.done.count("ping") >= 2)
    workload.stop()
    assert set(person.done) == {"ping", "beacon", "dashboard"}, "the state was changed while it was to stand still"


def test_no_action_that_changes_the_state_goes_on_while_it_stands_still(anybody: tuple[Workload, Person]) -> None:
    """Whatever actions a workload has: but for these, each may heal by luck what is looked at."""
    workload, _ = anybody
    reads = {"ping", "stay", "profile", "abandon", "beacon", "dashboard"}
    done: list[tuple[str, str]] = []
    workload._actions = {key: functools.partial(done.append, key) for key in workload._actions}
    workload.stand_still(60.0)
    last = sorted(workload._actions, key=lambda key: key[1] in reads)  # of each actor: when they are done, so is all
    workload.start([Step(0.001 * place, *key) for place, key in enumerate(last)])
    awaited(lambda: {key for key in last if key[1] in reads} <= set(done))
    assert {action for _, action in done} == reads, "these change the state, or read it and were held back"


def test_it_changes_again_afterwards(anybody: tuple[Workload, Person]) -> None:
    workload, person = anybody
    workload.stand_still(0.0)
    workload.start([Step(0.0, "mitra 0", "offline"), Step(0.0, "operator", "bar 0")])
    awaited(lambda: {"offline", "set_active"} <= set(person.done))


def test_a_change_that_had_begun_is_over_before_the_state_stands_still(anybody: tuple[Workload, Person]) -> None:
    workload, person = anybody
    person.go_on.clear()
    workload.start([Step(0.0, "mitra 0", "offline")])
    awaited(lambda: workload._changing == 1)
    threading.Timer(0.2, person.go_on.set).start()
    workload.stand_still(60.0)
    assert person.done == ["offline"]


def awaited(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20.0
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert holds(), "it did not come about within 20 s"


def test_a_restore_has_the_state_stand_still_before_and_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """And only once somebody was barred or let in again since the dump, so that there is something to look at."""
    told: list[str] = []
    looks = iter([{"x"}, {"x"}, {"x"}, set(), set(), {"x"}])
    monkeypatch.setattr(restores, "LAG_S", 0.0)
    monkeypatch.setattr(restores, "barred", lambda _: next(looks))
    monkeypatch.setattr(TruthRestored, "seen", lambda *_: (1, 5))
    postgres = SimpleNamespace(dump=lambda: told.append("dump"), restore=lambda _: told.append("restore"))
    context = SimpleNamespace(
        stack=SimpleNamespace(postgres=postgres), kept={}, stand_still=lambda seconds: told.append("still")
    )
    fault = TruthRestored()
    fault.inject(context)  # type: ignore[arg-type]
    assert told == ["dump", "still", "restore", "still"]
    assert fault.observe(context)["barred otherwise"] == "1"  # type: ignore[arg-type]


def test_an_old_snapshot_has_the_state_stand_still_before_and_after_it() -> None:
    """As a restored Postgres does: Valkey's older keys, too, could be healed by a change that falls upon them."""
    told: list[str] = []
    valkey = SimpleNamespace(
        save=lambda: b"keys", kill=lambda: None, start=lambda **how: told.append("older keys" if how else "start")
    )
    context = SimpleNamespace(
        stack=SimpleNamespace(valkey=valkey), kept={}, stand_still=lambda seconds: told.append("still"),
        connect=lambda: None,
    )  # fmt: skip
    fault = OldSnapshot()
    fault.inject(context)  # type: ignore[arg-type]
    assert told == [], "while Valkey is away the traffic goes on: what it changes is what the snapshot lacks"
    fault.remove(context)  # type: ignore[arg-type]
    assert told[:3] == ["still", "older keys", "still"]


def test_a_scheduler_has_no_faults_without_a_state_that_can_stand_still() -> None:
    """A campaign that forgets to say how would have its restores healed by luck, and nobody would see it."""
    parameter = inspect.signature(FaultScheduler).parameters["stand_still"]
    assert parameter.default is inspect.Parameter.empty
