"""The parts of a soak that need no stack: its clock, its record on a full disk, its lives, its looks at drift."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rig.config import read
from rig.errors import UsageError
from rig.record import Run, RunDirectory, new_run
from rig.record.lines.base import Line
from rig.record.lines.common import End, Request, Weakness
from rig.record.lines.soak import SoakEvent, SoakPart, SoakSample
from rig.record.writer import Recorder
from rig.results.entries import end_of
from rig.runs.soak import keeper as keeping
from rig.runs.soak.calm import Calm
from rig.runs.soak.clock import SteadyClock
from rig.runs.soak.drift import DriftWatch
from rig.runs.soak.keeper import DiskFull, Keeper
from rig.runs.soak.looks import Rates, of_contract
from rig.runs.soak.order import Order, restored
from rig.runs.soak.pressure import key_of
from rig.runs.soak.resume import resumable
from rig.runs.soak.sampler import COUNT_MIN, Latencies
from rig.traffic.actors.exchange import Exchange
from rig.traffic.churn.engine import Lives
from rig.traffic.churn.tally import FAILED_MAX, Tally, Window
from tests.support.record_lines import write


class Clocks:
    """Three clocks of a machine; `pass_s` lets time pass on all of them."""

    def __init__(self) -> None:
        self.wall, self.awake, self.boot = 1_800_000_000.0, 500.0, 900.0

    def pass_s(self, seconds: float) -> None:
        self.wall, self.awake, self.boot = self.wall + seconds, self.awake + seconds, self.boot + seconds


def clock_of(clocks: Clocks) -> SteadyClock:
    return SteadyClock(lambda: clocks.wall, lambda: clocks.awake, lambda: clocks.boot)


def test_a_clock_that_is_set_back_is_named_and_does_not_turn_the_soak_back() -> None:
    clocks = Clocks()
    steady = clock_of(clocks)
    clocks.pass_s(10)
    assert steady.events() == []
    clocks.pass_s(10)
    clocks.wall -= 3600
    (event,) = steady.events()
    assert event.text == "the machine's clock was set back by 3600 s"
    assert steady.now() == 1_800_000_020.0
    clocks.pass_s(10)
    assert steady.events() == []
    assert steady.now() == 1_800_000_030.0


def test_a_machine_that_slept_is_named_with_the_time_of_its_sleep() -> None:
    clocks = Clocks()
    steady = clock_of(clocks)
    clocks.wall, clocks.boot = clocks.wall + 7200, clocks.boot + 7200  # the clock of the time awake stands still
    (event,) = steady.events()
    assert event.text == "the machine slept for 7200 s"
    assert event.seconds == 7200
    assert steady.now() == 1_800_007_200.0


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    return new_run(tmp_path, "soak", 1, {"soak": Order(3600.0, 4.0, "light", pressure=False).plain()})


def test_a_full_disk_loses_no_sample_and_is_told(directory: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [1e12]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free[0]))
    with Recorder(directory) as recorder:
        keeper = Keeper(recorder)
        keeper.add(Weakness(t=1.0, text="before"))
        free[0] = 1e6
        keeper.add(Weakness(t=2.0, text="while it is full"))
        assert len(recorder.path.read_text().splitlines()) == 1
        free[0] = 1e12
        keeper.add(Weakness(t=3.0, text="after"))
    run = Run.load(directory)
    assert [line.text for line in run.of(Weakness)] == ["before", "while it is full", "after"]
    (event,) = run.of(SoakEvent)
    assert "was full for" in event.text


def test_a_disk_that_stays_full_ends_the_run(directory: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    monkeypatch.setattr(keeping, "WAITING_MAX", 3)
    with Recorder(directory) as recorder:
        keeper = Keeper(recorder)
        for number in range(3):
            keeper.add(Weakness(t=float(number), text="kept"))
        with pytest.raises(DiskFull, match="free some space"):
            keeper.add(Weakness(t=4.0, text="too much"))


def test_lives_are_resumed_when_they_are_due_until_they_end() -> None:
    done: list[str] = []

    def life(name: str) -> Iterator[float]:
        done.append(f"{name} 1")
        yield 0.05
        done.append(f"{name} 2")

    lives = Lives(threads=2)
    lives.add(life("late"), after_s=0.2)
    lives.add(life("early"))
    lives.start()
    time.sleep(0.6)
    lives.stop()
    assert done == ["early 1", "early 2", "late 1", "late 2"]


def test_an_error_in_a_life_is_raised_by_check() -> None:
    def broken() -> Iterator[float]:
        yield 0.0
        raise LookupError("no such action")

    lives = Lives(threads=1)
    lives.add(broken())
    lives.start()
    time.sleep(0.2)
    with pytest.raises(LookupError):
        lives.check()
    lives.stop()


class Kept:
    """A recorder that keeps the lines in memory."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def add(self, line: Line) -> None:
        self.lines.append(line)

    def about(self, scenario: str, variant: str) -> None: ...

    def mask(self, secret: str, placeholder: str) -> None: ...


def answer(action: str, status: int | None, reply: Any = None) -> Exchange:
    return Exchange(
        "customer 1", "POST", "/pay", {"refresh_token": "secret"}, status, reply, None, 1.0, 1.02, "curl secret",
        action=action, instance="a",
    )  # fmt: skip


def test_failed_requests_are_recorded_without_secrets_and_up_to_a_limit() -> None:
    kept = Kept()
    tally = Tally(kept)
    tally.add(answer("ping", 200).line())
    for _ in range(FAILED_MAX + 5):
        tally.add(answer("pay", 500).line())
    found = [line for line in kept.lines if isinstance(line, Request)]
    assert len(found) == FAILED_MAX
    assert "secret" not in str(found[0])
    window = tally.window()
    assert (window.requests, window.failed) == (FAILED_MAX + 6, FAILED_MAX + 5)
    assert tally.window().requests == 0


def test_a_request_explains_a_row_from_the_moment_it_is_sent_unless_it_is_refused() -> None:
    tally = Tally(Kept())
    inside: list[int] = []

    def created() -> Exchange:
        inside.append(tally.may_have()["create"])
        return answer("create", 201)

    tally.send("create", created)
    tally.send("create", lambda: answer("create", 409))
    tally.send("create", lambda: answer("create", None))
    assert inside == [1]
    assert tally.may_have()["create"] == 2  # the one without an answer may have made a row


def test_a_payment_without_an_answer_may_have_offered_the_chat_to_everybody() -> None:
    tally = Tally(Kept())
    tally.send("pay", lambda: answer("pay", 200, {"offered": 3}))
    assert tally.offers(10) == 3
    tally.send("pay", lambda: answer("pay", None))
    assert tally.offers(10) == 13


def test_a_difference_counts_from_its_second_look_and_keeps_its_age() -> None:
    seen = [{"gone at once", "stays"}, {"stays"}, {"stays"}, set[str]()]
    at = [100.0]
    watch = DriftWatch(lambda: seen.pop(0), lambda: at[0], wait=lambda _: None)
    values, over = watch.look(calm=True)
    assert (values["drift.open"], over) == (1.0, [])
    at[0] = 130.0
    values, over = watch.look(calm=True)
    assert values["drift.oldest_s"] == 30.0
    at[0] = 140.0
    values, (line,) = watch.look(calm=True)
    assert (line.what, line.since, line.age_s, line.calm) == ("stays", 100.0, 40.0, True)
    assert values == {"drift.open": 0.0, "drift.oldest_s": 0.0}


def test_a_difference_that_a_fault_has_caused_is_not_calm() -> None:
    seen = [{"stays"}, {"stays"}]
    watch = DriftWatch(lambda: seen.pop(0), lambda: 100.0, wait=lambda _: None)
    watch.look(calm=False)
    (line,) = watch.end()
    assert line.calm is False


def test_latencies_of_few_requests_are_gathered_over_several_samples() -> None:
    latencies = Latencies()
    few = Window({("a", "ping"): [10.0] * (COUNT_MIN - 1), ("", "ping"): [1.0] * COUNT_MIN})
    assert latencies.read(few) == {}
    assert latencies.read(Window({("a", "ping"): [30.0]})) == {"a.ping.ms": 10.0, "a.ping.p99_ms": 30.0}
    assert latencies.read(Window()) == {}


def test_nothing_is_calm_while_the_run_disturbs_and_right_after_it() -> None:
    calm = Calm()
    before = time.monotonic()
    assert calm.since(before)
    with calm.disturbed():
        assert not calm.since(before)
    assert not calm.since(time.monotonic())
    assert calm.since(time.monotonic() + 60)


def test_a_counter_that_was_set_back_has_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    rates = Rates()
    assert rates.per_min("evicted", 10) == {}
    now[0] = 130.0
    assert rates.per_min("evicted", 15) == {"evicted": 10.0}
    now[0] = 160.0
    assert rates.per_min("evicted", 0) == {}


def test_a_key_of_a_mitra_without_a_row_is_explained_by_nothing() -> None:
    assert of_contract("mitra:capacity:m1", {"m1"})
    assert not of_contract("mitra:capacity:m2", {"m1"})
    assert of_contract("availability:snapshot", set())
    assert not of_contract("session:m1", {"m1"})


def test_what_pressure_broke_is_told_by_its_key() -> None:
    assert key_of("mitra:capacity:m1 is not her load") == "mitra:capacity"
    assert key_of("mitras:online lacks m1") == "mitras:online"


@pytest.mark.parametrize(("more", "named"), [({"faults": "some"}, "--faults"), ({"factor": 31.0}, "--factor")])
def test_an_order_that_is_none_is_refused(more: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        Order(60.0, **more)


def test_an_order_comes_back_from_its_plain_form() -> None:
    order = Order(3600.0, 4.0, "hard", pressure=False)
    assert restored(order.plain()) == order
    with pytest.raises(UsageError, match="no order of a soak"):
        restored({"length": 3})


def sampled(directory: RunDirectory, *, ended: bool | None) -> None:
    """A first part with two samples; `ended`: None if it was killed, else whether it was interrupted."""
    with Recorder(directory) as recorder:
        write(recorder, "plan", items=["SOAK-14"], replay="rig soak", bounds={"SOAK-14": {}})
        recorder.add(SoakPart(t=10.0, number=1, factor=4.0, every_s=2.5, warm_up_s=3.0, planned_s=3600.0, left_s=3600.0, faults="light", mirror_every_s=15))  # fmt: skip
        for t in (11.0, 13.0):
            recorder.add(SoakSample(t=t, part=1, values={}))
        if ended is not None:
            recorder.add(End(t=14.0, interrupted=ended))


@pytest.mark.parametrize("ended", [None, True], ids=["killed", "interrupted"])
def test_a_soak_that_did_not_end_can_be_resumed(directory: RunDirectory, ended: bool | None) -> None:
    sampled(directory, ended=ended)
    run, order = resumable(read(reports=directory.path.parent), directory.path.name)
    assert order == Order(3600.0, 4.0, "light", pressure=False)
    assert len(run.of(SoakPart)) == 1


def test_what_cannot_be_resumed_is_refused_with_the_reason(directory: RunDirectory, tmp_path: Path) -> None:
    settings = read(reports=tmp_path)
    with pytest.raises(UsageError, match="no run at"):
        resumable(settings, "nothing")
    other = new_run(tmp_path, "chaos", 1, {})
    with pytest.raises(UsageError, match="it is a run of `rig chaos`, not of `rig soak`"):
        resumable(settings, other.path.name)
    sampled(directory, ended=False)
    with pytest.raises(UsageError, match="it has ended"):
        resumable(settings, directory.path.name)
    text = directory.meta.read_text().replace('"record_version": 2', '"record_version": 99')
    directory.meta.write_text(text)
    with pytest.raises(UsageError, match="record version 99"):
        resumable(settings, directory.path.name)


def test_the_end_of_a_part_that_was_resumed_is_not_the_end_of_the_run(directory: RunDirectory) -> None:
    sampled(directory, ended=True)
    with Recorder(directory, "part-2") as recorder:
        recorder.add(SoakPart(t=20.0, number=2, factor=4.0, every_s=2.5, warm_up_s=3.0, planned_s=3600.0, left_s=3598.0, faults="light", mirror_every_s=15))  # fmt: skip
        assert end_of(Run.load(directory).lines) is None
        recorder.add(End(t=30.0, interrupted=False))
    end = end_of(Run.load(directory).lines)
    assert end is not None
    assert end.t == 30.0
