"""Plays the cases: each to its state, then its tries, and again what a deadline or another case has spoiled."""

import time
from collections.abc import Sequence
from dataclasses import fields, replace

from rig.runs.contract.cases import PEOPLE, Case
from rig.runs.contract.driver import Driver
from rig.runs.contract.sign_ins import TOKENS_OF_CASES
from rig.runs.contract.states import Age, Do, Move, Wait
from rig.service.steps import Step

TRIES_MAX = 4
NAMED = {*PEOPLE[0], *PEOPLE[1], "chat1", "chat2", "chat9", *TOKENS_OF_CASES}


class Player:
    """Plays cases on one stack."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.unplayed: list[str] = []  # cases that could not be judged in TRIES_MAX tries
        self.looked: set[tuple[Move, ...]] = set()  # ways after whose last move rows and keys were looked at
        # Ways whose last move broke a sentence: nothing behind it is reached.
        self.broken: set[tuple[Move, ...]] = set()

    def play(self, cases: Sequence[Case]) -> None:
        """All of these; those that another case of the batch spoiled in smaller batches, or by themselves."""
        left = [list(cases)]
        for _ in range(TRIES_MAX):
            left = [again for batch in left if (reached := self._within_reach(batch)) for again in self.batch(reached)]
        self.unplayed += [name for batch in left for case in batch for name in case.names]

    def _within_reach(self, cases: Sequence[Case]) -> list[Case]:
        """Those whose way is not known to be broken, with the tries that the server answers at all."""
        reached: list[Case] = []
        for case in cases:
            waits = any(isinstance(move, Step) and self.driver.silent(move.action) for move in case.way)
            answered = tuple(tried for tried in case.tries if not self.driver.silent(case.step(tried).action))
            if not waits and answered and not self.broken & set(case.ways):
                reached.append(replace(case, tries=answered))
        left = {name for case in reached for name in case.names}
        self.unplayed += [name for case in cases for name in case.names if name not in left]
        return reached

    def batch(self, cases: Sequence[Case]) -> list[list[Case]]:
        """Play these side by side. Returns what was not reached, in batches to play next, without a case that was judged."""
        driver = self.driver
        driver.begin()
        own = [Own(case, "" if len(cases) == 1 else f".{number}") for number, case in enumerate(cases, start=1)]
        for one in own:
            driver.add_people(one.group, *one.people)
        parted: Own | None = None
        barriers = cases[0].barriers
        for number in range(len(barriers) + 1):
            for one in own:
                if not driver.off:
                    self._part(one, number)
                    parted = one if driver.off and not driver.spoiled else None
            if number < len(barriers) and not driver.off:
                self._pass(own[0], barriers[number])
                parted = own[0] if driver.off and not driver.spoiled else None
        if driver.follower.service.outage:
            driver.give_valkey_back()
        rest = [one.rest for one in own if one.rest and one is not parted]
        size = max(1, len(cases) // 4) if driver.spoiled else 1
        return [rest[at : at + size] for at in range(0, len(rest), size)]

    def _part(self, one: "Own", number: int) -> None:
        """A stretch of the way, and after the last one the tries."""
        parts = one.case.parts
        for at in range(*parts[number]):
            self._move(one, at)
        if number + 1 < len(parts):
            return
        for tried in one.case.tries:
            if self.driver.off:
                return
            self._try(one, tried)

    def _try(self, one: "Own", tried: str) -> None:
        driver, step = self.driver, one.renamed(one.case.step(tried))
        before = dict(driver.follower.service.settings)
        driver.do(one.group, one.case.name(tried), step)
        if driver.spoiled:
            return
        one.tried.add(tried)
        for key, value in before.items():  # the cases beside it are not about this setting
            if driver.follower.service.settings[key] != value:
                driver.do(one.group, one.case.state, Step("set-config", "operator", key=key, value=value), look=False)

    def _move(self, one: "Own", number: int) -> None:
        """One move of the way; what many cases have in common is looked at once, and answered right each time."""
        way = one.case.way[: number + 1]
        move = way[-1]
        if isinstance(move, Step):
            if self.driver.do(one.group, one.case.state, one.renamed(move), look=way not in self.looked):
                self.broken.add(way)
            self.looked.add(way)
        elif isinstance(move, Age) and not self.driver.off:
            self.driver.age_heartbeat(one.group, move.mitra + one.suffix, move.by_s)

    def _pass(self, one: "Own", barrier: Sequence[Move]) -> None:
        """What all cases of the batch wait for; a request among it is recorded as one of the first case."""
        happens = {"away": self.driver.lose_valkey, "back": self.driver.give_valkey_back, "restart": self._restart}
        for move in barrier:
            if isinstance(move, Wait):
                time.sleep(move.seconds)
            elif isinstance(move, Do):
                happens[move.event]()
                if self.driver.off:
                    self.broken.add((move,))
            elif isinstance(move, Step) and self.driver.do(one.group, one.case.state, move):
                self.broken.add((move,))

    def _restart(self) -> None:
        for name in self.driver.testbed.servers:
            self.driver.restart(name)


class Own:
    """A case in its batch: its people have a suffix, so that each name stands for one only."""

    def __init__(self, case: Case, suffix: str) -> None:
        self.case, self.suffix = case, suffix
        self.group = f"{case.state}{suffix}"
        self.people = [name + suffix for name in PEOPLE[0]], [name + suffix for name in PEOPLE[1]]
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
