"""Explores every state of a specification, breadth first, so that a violation comes by a shortest path."""

import gc
import random
import time
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from rig.model.calm import first_without_way
from rig.model.compact import DependentParts, Numbers, Parts, Symmetry, WrongOrder
from rig.model.found import Explored, Violation
from rig.model.language import LIVENESS, Action, Invariant, Kind, Rules, Spec, SpecError, State, Step
from rig.model.limits import GIGABYTE, Limits
from rig.model.memory import Forest, Memory, Remembered
from rig.model.watched import ShapeChanged
from rig.model.wellformed import check

OWN_KINDS = (Kind.STEP, Kind.HEAL, Kind.TIME)  # quiet must be reached by these alone
WALKS, WALK_STEPS = 12, 20  # by which is found how `relabel` treats the parts of a state
SAMPLED, SAMPLED_FIRST = 2048, 32  # one state of so many, and so many of the first, are tried the slow way too


def explore(
    spec: Spec, bounds: Mapping[str, int], without: Collection[str] = (), *, states_max: int = 3_000_000,
    seconds_max: float = 300.0, memory_max_bytes: int = 4 * GIGABYTE, only: Collection[str] = (),
    stop: Callable[[], str] = lambda: "",
) -> Explored:  # fmt: skip
    """Every reachable state, until an invariant breaks or a limit is reached.

    `only`: the numbers or titles of the invariants to look at, all where it is empty. `stop` tells, in words, why to end
    before that.
    """
    check(spec)
    limits = Limits(states_max, time.monotonic() + seconds_max, seconds_max, memory_max_bytes, stop)
    collects = gc.isenabled()
    gc.disable()  # millions of tuples that are never garbage
    try:
        whole: set[tuple[int, ...]] = set()  # the parts of a state that cannot be taken apart
        excluded: set[tuple[int, int]] = set()
        by_part = True
        while True:
            exploration = _Exploration(spec, bounds, frozenset(without), limits, frozenset(only))
            try:
                return exploration.run(whole, by_part, excluded)
            except ShapeChanged as changed:
                whole.add(changed.path)
            except DependentParts:
                by_part = False
            except WrongOrder:
                continue
            finally:
                vars(exploration).clear()  # its parts refer to each other: without this the memory would stay in use
    finally:
        if collects:
            gc.enable()


class _Variant:
    """An action with its parameters: the steps that were taken of it, by detail, and how often."""

    def __init__(self, action: Action, parameters: tuple[int, ...]) -> None:
        self.action = action
        self.parameters = parameters
        self.own = action.kind in OWN_KINDS
        self.taken = 0
        self.steps: dict[str, _Taken] = {}


class _Taken:
    """A step, with what the invariants say of it; None once it is known that they never read a state after it."""

    def __init__(self, step: Step, variant: _Variant) -> None:
        self.step = step
        self.variant = variant
        self.judges: Forest | None = None


class _Exploration:
    def __init__(
        self, spec: Spec, bounds: Mapping[str, int], without: frozenset[str], limits: Limits, only: frozenset[str],
    ) -> None:  # fmt: skip
        self.spec, self.limits, self.began = spec, limits, time.monotonic()
        self.rules = Rules(bounds, without)
        self.found = Explored(dict(bounds), without, rules=self.rules)
        self.invariants = [one for one in spec.invariants if not only or only & {one.number, one.title}]
        self.looks_for_quiet = not only or LIVENESS in only
        try:
            self.initial = spec.initial(self.rules)
            self.variants = [_Variant(one, values) for one in spec.actions for values in self.rules.product(one.over)]
        except KeyError as error:
            raise SpecError(f"{spec.file}: there is no bound {error} in {dict(bounds)}") from error
        self.idle = {one.name for one in spec.actions}  # actions that have changed nothing so far
        self.known: dict[Numbers, int] = {}  # state -> its place in the order in which states were found
        self.parents = array("q")
        self.calm = bytearray()  # of each state, whether a way to quiet is known
        self.edges_from, self.edges_to = array("q"), array("q")  # the server's own steps between states not yet calm

    def run(self, whole: set[tuple[int, ...]], by_part: bool, excluded: set[tuple[int, int]]) -> Explored:
        """Explores. The arguments tell what earlier tries have found out: see Shape and Symmetry."""
        self.parts = Parts(self.spec, self.initial, whole)
        self.memory = Memory(self.spec, self.parts.watch.log)
        bounds = self.rules.bounds
        self.symmetry = Symmetry(self.parts, bounds.get("instances", 1), bounds.get("mitras", 1), by_part, excluded)
        self.forest = Forest(map(self._effect, self.variants))
        self.quiet = Forest([Remembered(self.memory, "`quiet`", self._is_quiet)], repeats=True)
        if self.symmetry.orders:
            self.symmetry.try_out(self._some_states())
        level = [self._admit(self.symmetry.canonical(self.parts.encode(self.initial)), -1)]
        while level and not self.found.stopped and not self.found.violation:
            level = self._next_level(level)
            self.found.depth += bool(level)
        for variant in self.variants:
            if variant.taken:
                self.found.taken[variant.action.name] = self.found.taken.get(variant.action.name, 0) + variant.taken
        self.found.never = tuple(one.name for one in self.spec.actions if one.name not in self.found.taken)
        self.found.states, self.found.transitions = len(self.known), sum(self.found.taken.values())
        if not self.found.stopped and not self.found.violation:
            self.found.violation = self._stuck() if self.looks_for_quiet else None
            self.found.complete = self.found.violation is None
        if self.found.complete and not self.rules.without:
            for name in self.found.taken:
                if name in self.idle:
                    raise SpecError(f"{self.spec.file}: the action `{name}` never changes the state")
        self.found.seconds = time.monotonic() - self.began
        return self.found

    def _next_level(self, level: list[Numbers]) -> list[Numbers]:
        following: list[Numbers] = []
        known, calm, canonical, outcomes = self.known, self.calm, self.symmetry.canonical, self.forest.outcomes
        apart, changed = self.parts.apart, self.parts.changed
        for numbers in level:
            source = known[numbers]
            if source < SAMPLED_FIRST or not source % SAMPLED:
                self._sample(numbers)
            ahead: list[int] = []  # where the server's own steps lead
            self.leaves = leaves = apart(numbers)
            for taken, change in outcomes(leaves):
                variant = taken.variant
                variant.taken += 1
                after, reached = changed(numbers, leaves, change)
                if self.idle and after != numbers:
                    self.idle.discard(variant.action.name)
                if taken.judges is not None:
                    if broken := taken.judges.outcomes(leaves + reached):
                        one, message = min(broken, key=lambda found: self.invariants.index(found[0]))
                        self._violated(one, message, numbers)
                        return []
                    if not taken.judges.root:
                        taken.judges = None
                target = known.get(after)
                if target is None:
                    after = canonical(after)
                    target = known.get(after)
                    if target is None:
                        target = len(known)
                        following.append(self._admit(after, source))
                if variant.own and not calm[source]:
                    ahead.append(target)
                    calm[source] = calm[target]
            if not calm[source]:
                self.edges_from.extend([source] * len(ahead))
                self.edges_to.extend(ahead)
            if len(known) > self.limits.states:
                self.found.stopped = f"there are more than {self.limits.states} states"
                break
            if not source % 512 and (over := self.limits.reached()):
                self.found.stopped = over
                break
        return following

    def _admit(self, numbers: Numbers, parent: int) -> Numbers:
        """Notes a new state."""
        self.known[numbers] = len(self.known)
        self.parents.append(parent)
        self.calm.append(bool(self.quiet.outcomes(self.parts.apart(numbers))))
        return numbers

    def _is_quiet(self, leaves: Numbers) -> tuple[bool, ...]:
        return (True,) if self.spec.quiet(self.rules, self.parts.after(leaves, 0)) else ()

    def _effect(self, variant: _Variant) -> Remembered:
        """Where an action leads from a state: the steps, each with the fields that it changes."""
        action, parameters = variant.action, variant.parameters

        def call(leaves: Numbers) -> tuple[tuple[_Taken, Any], ...]:
            found = []
            effect = action.effect(self.rules, self.parts.before(leaves), *parameters)
            if effect is None:
                raise SpecError(
                    f"{self.spec.file}: the action `{action.name}` returns nothing: `yield` the state after it"
                )
            for reached in effect:
                detail, state = reached if type(reached) is tuple else ("", reached)
                if detail not in variant.steps:
                    taken = variant.steps[detail] = _Taken(Step(action, parameters, detail), variant)
                    if self.invariants:
                        taken.judges = Forest([self._judge(one, taken.step) for one in self.invariants], repeats=True)
                found.append((variant.steps[detail], self.parts.change(state)))
            return tuple(found)

        return Remembered(self.memory, f"the action `{action.name}`", call)

    def _judge(self, one: Invariant, step: Step) -> Remembered:
        """What an invariant says of a step, by the states before and after it."""

        def call(both: Numbers) -> tuple[tuple[Invariant, str], ...]:
            half = len(both) // 2
            after = self.parts.after(both[half:], half)
            message = one.broken(self.rules, self.parts.before(self.leaves), step, after)
            if not isinstance(message, str):
                raise SpecError(
                    f"{self.spec.file}: {one.number} ({one.title}) returns {message!r}: say how it is broken, or ''"
                )
            return ((one, message),) if message else ()

        return Remembered(self.memory, f"the invariant {one.number} ({one.title})", call)

    def _violated(self, one: Invariant, message: str, numbers: Numbers) -> None:
        path = self._path(self.known[numbers])
        state = path[-1][1] if path else self.initial
        for step, reached in self.spec.steps(self.rules, state):
            if told := one.broken(self.rules, state, step, reached):
                self.found.violation = Violation(one.number, one.title, told, (*path, (step, reached)))
                return
        raise SpecError(
            f"{self.spec.file}: {one.number} ({one.title}) holds in a state, but not once relabelled: {message}"
        )

    def _path(self, place: int) -> tuple[tuple[Step, State], ...]:
        """The steps from the initial state to a state, replayed without symmetry."""
        states = list(self.known)
        chain = []
        while self.parents[place] >= 0:
            chain.append(states[place])
            place = self.parents[place]
        path: list[tuple[Step, State]] = []
        state = self.initial
        for wanted in reversed(chain):
            for step, reached in self.spec.steps(self.rules, state):
                if self.symmetry.canonical(self.parts.encode(reached)) == wanted:
                    path.append((step, reached))
                    state = reached
                    break
            else:
                raise SpecError(f"{self.spec.file}: `relabel` makes states alike that have different steps: {state}")
        return tuple(path)

    def _stuck(self) -> Violation | None:
        """A state from which the server's own steps, healing and time never lead to quiet."""
        place = first_without_way(self.calm, self.edges_from, self.edges_to)
        if place < 0:
            return None
        path = self._path(place)
        possible = [step.action for step, _ in self.spec.steps(self.rules, path[-1][1] if path else self.initial)]
        outside = list(dict.fromkeys(f"{one.name} ({one.kind})" for one in possible if one.kind not in OWN_KINDS))
        words = f", and {', '.join(outside)} must not be needed for it" if outside else ""
        return Violation(LIVENESS, "Quiet is reached", f"no way leads to quiet from here{words}", path)

    def _sample(self, numbers: Numbers) -> None:
        """Tries one state without the shortcuts: what is remembered is true, and relabelling changes nothing but names."""
        canonical, state = self.symmetry.canonical, self.parts.decode(numbers)
        shortly = set(self._successors(numbers))
        plainly = {(step, self.parts.encode(after)) for step, after in self.spec.steps(self.rules, state)}
        for step, _ in plainly ^ shortly:
            raise SpecError(f"{self.spec.file}: the action `{step.action.name}` depends on more than its arguments")
        mine = {(step.action.name, canonical(after)) for step, after in shortly}
        for order in range(len(self.symmetry.orders)):
            other = self.symmetry.relabelled(numbers, order)
            for name, _ in mine ^ {(step.action.name, canonical(after)) for step, after in self._successors(other)}:
                problem = f"`relabel` is wrong, or `{name}` treats instances or mitras by their numbers"
                raise SpecError(
                    f"{self.spec.file}: {problem}: it leads elsewhere once this state is relabelled: {state}"
                )

    def _successors(self, numbers: Numbers) -> Iterator[tuple[Step, Numbers]]:
        leaves = self.parts.apart(numbers)
        for taken, change in self.forest.outcomes(leaves):
            yield taken.step, self.parts.changed(numbers, leaves, change)[0]

    def _some_states(self) -> list[Numbers]:
        """Some reachable states, by random walks without symmetry."""
        drawn = random.Random(0)
        first = self.parts.encode(self.initial)
        found = {first: None}
        for _ in range(WALKS):
            state = first
            for _ in range(WALK_STEPS):
                ahead = [after for _, after in self._successors(state)]
                if not ahead:
                    break
                state = drawn.choice(ahead)
                found[state] = None
        return list(found)
