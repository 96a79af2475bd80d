"""The negative control: each rule of a specification is dropped in turn, and the loss must break an invariant."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from rig.model.checker import explore
from rig.model.found import Explored, Violation
from rig.model.language import Spec, SpecError
from rig.model.limits import GIGABYTE
from rig.model.workers import spread

Bounds = Mapping[str, int]


class Most(NamedTuple):
    """The limits of one exploration."""

    seconds: float
    memory_bytes: int


class Verdict(StrEnum):
    """What became of a trial. All but the first two are failures, or inconclusive."""

    KILLED = "killed"  # an invariant broke; for a mutant: the one that it names
    EXPLAINED = "unkilled, with a reason"
    UNEXPLAINED = "unkilled, without a reason"
    KILLED_AFTER_ALL = "killed, though the specification says that it is not"
    OTHER = "killed, but by another invariant than the mutant names"
    INCONCLUSIVE = "inconclusive: a limit was reached"


@dataclass(frozen=True)
class Trial:
    """A rule that was dropped, or a mutant, and what broke."""

    name: str  # the rule, or the mutant's name
    without: frozenset[str]
    expected: str = ""  # the invariant that a mutant must break
    finding: str = ""
    reason: str = ""  # why the protocol has the rule though its loss breaks nothing
    never_refused: bool = False  # a guard that was always true in the clean explorations: dropping it changes nothing
    violation: Violation | None = None
    bounds: Bounds = field(default_factory=dict)  # those of the violation, or the last that were tried
    states: int = 0
    seconds: float = 0.0
    stopped: str = ""

    @property
    def steps(self) -> int:
        """The length of the path to the violation."""
        return len(self.violation.path) if self.violation else 0

    @property
    def verdict(self) -> Verdict:
        """What became of it."""
        if self.violation is not None:
            if self.expected not in ("", self.violation.number):
                return Verdict.INCONCLUSIVE if self.stopped else Verdict.OTHER
            return Verdict.KILLED_AFTER_ALL if self.reason else Verdict.KILLED
        if self.stopped:
            return Verdict.INCONCLUSIVE
        return Verdict.EXPLAINED if self.reason else Verdict.UNEXPLAINED

    def __str__(self) -> str:
        words = f"{self.name}: {self.verdict}"
        if self.violation:
            words += f" (by {self.violation.number} in {self.steps} steps)"
        if self.reason:
            words += f" ({self.reason})"
        return words + (" (in the clean explorations it was always true)" if self.never_refused else "")


@dataclass
class Control:
    """The negative control of one specification."""

    spec: str
    clean: list[Explored] = field(default_factory=list)  # in `small`, then in each of the bounds
    rules: list[Trial] = field(default_factory=list)
    mutants: list[Trial] = field(default_factory=list)
    unbroken: list[str] = field(default_factory=list)  # invariants that nothing broke
    untold: list[str] = field(default_factory=list)  # invariants that nothing broke before a limit was reached
    seconds: float = 0.0

    @property
    def failures(self) -> list[str]:
        """What is wrong, in words."""
        found = []
        for one in self.clean:
            if one.violation:
                found.append(
                    f"with all rules, in {dict(one.bounds)}: {one.violation.number} breaks: {one.violation.message}"
                )
        good = (Verdict.KILLED, Verdict.EXPLAINED, Verdict.INCONCLUSIVE)
        found += [str(one) for one in (*self.rules, *self.mutants) if one.verdict not in good]
        return found + [
            f"the invariant {title} cannot fail: no mutant and no dropped rule breaks it" for title in self.unbroken
        ]

    @property
    def inconclusive(self) -> list[str]:
        """What could not be told within the limits, in words."""
        found = [f"with all rules, in {dict(one.bounds)}: {one.stopped}" for one in self.clean if one.stopped]
        found += [str(one) for one in (*self.rules, *self.mutants) if one.verdict is Verdict.INCONCLUSIVE]
        return found + [f"the invariant {title}: nothing broke it before a limit was reached" for title in self.untold]


def control(
    spec: Spec, *, workers: int = 2, thorough: bool = False, clean: Sequence[Explored] = (),
    seconds_max: float = 300.0, memory_max_bytes: int = 2 * GIGABYTE, on_trial: Callable[[Trial], None] = lambda trial: None,
) -> Control:  # fmt: skip
    """Tries every rule and every mutant. `clean`: explorations with all rules that are there already.

    `on_trial` gets each trial as soon as it has ended. `seconds_max` is that of each exploration.

    A rule that a mutant of its own has shown to be needed is not tried a second time. A rule for which the specification
    has a reason in `unkilled` is tried in `small` alone, unless `thorough`; one that another specification shows, not at all.
    """
    began = time.monotonic()
    limits = Most(seconds_max, memory_max_bytes)
    done = Control(spec.name)
    bounds = [spec.small, *spec.bounds]
    there = {_key(one.bounds): one for one in clean if not one.without}
    missing = [one for one in bounds if _key(one) not in there]
    for place, found in spread(_explored, [(spec, one, frozenset(), limits) for one in missing], workers):
        there[_key(missing[place])] = found
    done.clean = [there[_key(one)] for one in bounds]
    if any(not one.complete for one in done.clean):
        done.seconds = time.monotonic() - began
        return done
    rules = list(dict.fromkeys(rule for one in done.clean if one.rules for rule in one.rules.asked))
    _names_known_rules(spec, rules, limits)
    mutants: list[tuple[Spec, Trial, list[Bounds], Most]] = [
        (
            spec,
            Trial(one.name, one.without, one.breaks, one.finding),
            [{**tried, **one.bounds} for tried in bounds],
            limits,
        )
        for one in spec.mutants
    ]
    done.mutants = _in_order(mutants, workers, on_trial)
    own = {
        rule: one
        for one in done.mutants
        if one.verdict is Verdict.KILLED and len(one.without) == 1
        for rule in one.without
    }
    jobs = [
        (spec, _trial_of_rule(spec, rule, done.clean), _tried(spec, rule, done.clean, thorough), limits)
        for rule in rules
        if rule not in own
    ]
    trials = {one.name: one for one in _in_order(jobs, workers, on_trial)}
    for rule, one in own.items():
        trials[rule] = _shown_by(one, rule, spec)
        on_trial(trials[rule])
    done.rules = [trials[rule] for rule in rules]
    _break_the_rest(spec, done, workers, limits)
    done.seconds = time.monotonic() - began
    return done


def _in_order(
    jobs: Sequence[tuple[Spec, Trial, list[Bounds], Most]], workers: int, on_trial: Callable[[Trial], None]
) -> list[Trial]:
    trials: dict[int, Trial] = {}
    for place, trial in spread(_try, jobs, workers):
        on_trial(trial)
        trials[place] = trial
    return [trials[place] for place in range(len(jobs))]


def _shown_by(mutant: Trial, rule: str, spec: Spec) -> Trial:
    """The trial of a rule whose own mutant was killed."""
    return replace(mutant, name=rule, expected="", finding="", reason=_reason(spec, rule), states=0, seconds=0.0)


def _key(bounds: Bounds) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(bounds.items()))


def _explored(
    spec: Spec, bounds: Bounds, without: frozenset[str], limits: Most, only: Collection[str] = ()
) -> Explored:
    return explore(spec, bounds, without, only=only, seconds_max=limits.seconds, memory_max_bytes=limits.memory_bytes)


def _names_known_rules(spec: Spec, rules: list[str], limits: Most) -> None:
    for name, named in (("unkilled", spec.unkilled), ("shown_by", spec.shown_by)):
        for rule in named:
            if rule not in rules:
                raise SpecError(f"{spec.file}: `{name}` names the rule {rule!r}, which is never asked")
    for one in spec.mutants:
        unknown = one.without - set(rules)
        if unknown and one.bounds:
            asked = _explored(spec, {**spec.small, **one.bounds}, frozenset(), limits).rules
            unknown -= set(asked.asked if asked else ())
        for rule in sorted(unknown):
            raise SpecError(f"{spec.file}: the mutant {one.name!r} names the rule {rule!r}, which is never asked")


def _decides(rule: str, clean: Explored) -> bool:
    """Whether a rule decided anything in an exploration: without it, another one would differ."""
    rules = clean.rules
    assert rules is not None
    return rule in rules.refused or rule in rules.kept


def _trial_of_rule(spec: Spec, rule: str, clean: list[Explored]) -> Trial:
    never = not any(_decides(rule, one) for one in clean)
    return Trial(rule, frozenset({rule}), reason=_reason(spec, rule), never_refused=never)


def _reason(spec: Spec, rule: str) -> str:
    if rule in spec.shown_by:
        return f"the specification `{spec.shown_by[rule]}` shows what it is for"
    return spec.unkilled.get(rule, "")


def _tried(spec: Spec, rule: str, clean: list[Explored], thorough: bool) -> list[Bounds]:
    if rule in spec.shown_by:
        return []
    explained = rule in spec.unkilled and not thorough
    in_turn = clean[:1] if explained else [clean[0], *sorted(clean[1:], key=lambda one: one.states)]
    return [one.bounds for one in in_turn if _decides(rule, one)]


def _try(spec: Spec, trial: Trial, bounds: Iterable[Bounds], limits: Most) -> Trial:
    """Explores without the trial's rules, in one of the bounds after the other, until what is expected breaks."""
    began = time.monotonic()
    violation, states, stopped = None, 0, ""
    last: Bounds = {}
    for one in bounds:
        found = _explored(spec, one, trial.without, limits)
        if found.violation and trial.expected not in ("", found.violation.number):
            other = _explored(spec, one, trial.without, limits, {trial.expected})
            found = other if other.violation or other.stopped else found
        if found.stopped and not found.violation and trial.reason and last and not stopped:
            states += found.states
            break  # these wider bounds were to refute its reason, which the exhausted ones before have not
        violation, states, last = found.violation or violation, states + found.states, dict(one)
        stopped = stopped or found.stopped
        if found.violation and trial.expected in ("", found.violation.number):
            stopped = ""
            break
    known = {
        name: getattr(trial, name) for name in ("name", "without", "expected", "finding", "reason", "never_refused")
    }
    return Trial(
        **known, violation=violation, bounds=last, states=states, seconds=time.monotonic() - began, stopped=stopped
    )


def _break_the_rest(spec: Spec, done: Control, workers: int, limits: Most) -> None:
    """Looks for what breaks the invariants that no trial has broken, because another one broke earlier."""
    broken = {one.violation.title for one in (*done.rules, *done.mutants) if one.violation}
    rest = [one.title for one in spec.invariants if one.title not in broken]
    tried = [(mutant.without, mutant.bounds) for mutant in spec.mutants]
    tried += [(one.without, {}) for one in done.rules if not one.never_refused]
    for place, verdict in spread(_breaks, [(spec, title, tried, limits) for title in rest], workers):
        if verdict is not True:
            (done.untold if verdict is None else done.unbroken).append(rest[place])


def _breaks(spec: Spec, title: str, tried: list[tuple[frozenset[str], Bounds]], limits: Most) -> bool | None:
    """Whether something breaks an invariant; None if a limit was reached before that was known."""
    until = time.monotonic() + limits.seconds
    known: bool | None = False
    for bounds in (spec.small, *spec.bounds):
        for without, own in tried:
            left = until - time.monotonic()
            if left <= 0:
                return None
            found = _explored(spec, {**bounds, **own}, without, limits._replace(seconds=left), {title})
            if found.violation:
                return True
            known = None if found.stopped else known
    return known
