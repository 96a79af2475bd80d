"""Plays the cases: each to its state, then its tries, and again what a deadline or another case has spoiled."""

import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace

from rig.runs.contract.cases import PEOPLE, Case, batches
from rig.runs.contract.driver import Driver
from rig.runs.contract.sign_ins import TOKENS_OF_CASES
from rig.runs.contract.states import Age, Do, Move, Wait
from rig.service.steps import Step

TRIES_MAX = 4
NAMED = {*PEOPLE[0], *PEOPLE[1], "chat1", "chat2", "chat9", *TOKENS_OF_CASES}


class Player:
    """Plays cases on one stack. `parted` counts the batches in which the server left the model's way."""

    def __init__(self, driver: Driver, progress: Callable[[int], None] = lambda done: None) -> None:
        self.driver, self.progress = driver, progress
        self.done: set[str] = set()
        self.unplayed: list[str] = []  # cases that could not be judged in TRIES_MAX tries
        self.looked: set[tuple[Move, ...]] = set()  # ways after whose last move rows and keys were looked at

    def play(self, cases: Sequence[Case], most: int = 30) -> None:
        """All of them, in batches; those that another case of the batch spoiled by themselves."""
        for batch in batches(cases, most):
            left = self.batch(batch)
            for _ in range(TRIES_MAX - 1):
                left = [again for case in left for again in self.batch([case])]
            self.unplayed += [name for case in left for name in case.names]

    def batch(self, cases: Sequence[Case]) -> list[Case]:
        """Play these side by side; what was not reached, without the case at which server and model parted."""
        driver = self.driver
        driver.begin()
        own = [Own(case, "" if len(cases) == 1 else f".{number}") for number, case in enumerate(cases, start=1)]
        for one in own:
            driver.add_people(one.group, *one.people)
        parted: Own | None = None
        for part in (self._before, self._after):
            for one in own:
                if not driver.off:
                    part(one)
                    parted = one if driver.off and not driver.spoiled else None
            if part == self._before and not driver.off:
                self._pass(cases[0].barrier)
        if driver.follower.service.outage:
            driver.give_valkey_back()
        self.progress(len(self.done))
        return [one.rest for one in own if one.rest and one is not parted]

    def _before(self, one: "Own") -> None:
        for number in range(len(one.before)):
            self._move(one, number)

    def _after(self, one: "Own") -> None:
        for number in range(one.after, len(one.case.way)):
            self._move(one, number)
        for tried in one.case.tries:
            if self.driver.off:
                return
            self.driver.do(one.group, one.case.name(tried), one.renamed(one.case.step(tried)))
            if self.driver.spoiled:
                return
            one.tried.add(tried)
            self.done.add(one.case.name(tried))

    def _move(self, one: "Own", number: int) -> None:
        """One move of the way; what many cases have in common is looked at once, and answered right each time."""
        way = one.case.way[: number + 1]
        move = way[-1]
        if isinstance(move, Step):
            self.driver.do(one.group, one.case.state, one.renamed(move), look=way not in self.looked)
            self.looked.add(way)
        elif isinstance(move, Age) and not self.driver.off:
            self.driver.age_heartbeat(one.group, move.mitra + one.suffix, move.by_s)

    def _pass(self, barrier: Sequence[Wait | Do]) -> None:
        happens = {"away": self.driver.lose_valkey, "back": self.driver.give_valkey_back, "restart": self._restart}
        for move in barrier:
            if isinstance(move, Wait):
                time.sleep(move.seconds)
            else:
                happens[move.event]()

    def _restart(self) -> None:
        for name in self.driver.testbed.servers:
            self.driver.restart(name)


class Own:
    """A case in its batch: its people have a suffix, so that each name stands for one only."""

    def __init__(self, case: Case, suffix: str) -> None:
        self.case, self.suffix = case, suffix
        self.group = f"{case.state}{suffix}"
        self.people = [name + suffix for name in PEOPLE[0]], [name + suffix for name in PEOPLE[1]]
        at = next((i for i, move in enumerate(case.way) if isinstance(move, (Wait, Do))), len(case.way))
        self.before, self.after = case.way[:at], at + len(case.barrier)
        self.tried: set[str] = set()

    @property
    def rest(self) -> Case | None:
        """The tries that were not reached."""
        left = tuple(tried for tried in self.case.tries if tried not in self.tried)
        return replace(self.case, tries=left) if left else None

    def renamed(self, step: Step) -> Step:
        """The step with the names of this case."""
        if not self.suffix:
            return step
        changed = {
            field.name: value + self.suffix
            for field in fields(step)
            if isinstance(value := getattr(step, field.name), str) and value in NAMED
        }
        return replace(step, **changed)
