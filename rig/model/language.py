"""The words in which a specification is written: states, actions, rules, invariants, bounds.

A specification is one module with one `SPEC`, or a package whose `__init__` has it. Its state is a NamedTuple of hashable values. An action is a generator
function that yields the states which one atomic step of the server (one script, one statement that commits or locks),
of a client, of time or of a fault can lead to. It yields nothing where the step is not possible.
"""

import inspect
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

State = Any  # a NamedTuple, different for each specification
Effect = Callable[..., Iterator[Any]]
LIVENESS = "LIVENESS"  # as what the checker reports that quiet cannot be reached; a mutant may break it


class SpecError(ValueError):
    """A specification is not well formed. The message begins with the specification's file."""


class Kind(StrEnum):
    """Who takes a step. Quiet must be reached by STEP, HEAL and TIME alone."""

    STEP = "step"  # the server goes on with what it has begun, or begins what it does by itself
    CLIENT = "client"  # a mitra, a customer or an operator asks for something
    TIME = "time"  # time passes: a mitra falls silent, a mark expires
    FAULT = "fault"  # something breaks; each one spends one of the bound `faults`
    HEAL = "heal"  # what was broken works again


class Lane(StrEnum):
    """The lanes of a sequence diagram."""

    MITRA = "mitra"
    INSTANCE = "instance"
    VALKEY = "valkey"
    POSTGRES = "postgres"
    OPERATOR = "operator"
    CUSTOMER = "customer"


@dataclass(frozen=True)
class Action:
    """One kind of step. `over` names its parameters, each a bound's singular: instance, mitra, ..."""

    name: str
    kind: Kind
    over: tuple[str, ...]
    code: str  # `path:qualified name` of the server's code that takes this step; "" for what is no code of ours
    point: str  # the server's sync point that stands before this step; "" where there is none
    lanes: tuple[Lane, ...]  # from where to where its arrow goes
    effect: Effect

    @property
    def text(self) -> str:
        """What it does, in a sentence."""
        return (inspect.getdoc(self.effect) or "").split("\n")[0].rstrip(".")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its name, so that a path can go to another process."""
        return _named, (self.effect.__module__, self.effect.__name__)


def _named(module: str, name: str) -> Any:
    return getattr(import_module(module), name)


def action(
    *over: str,
    kind: Kind = Kind.STEP,
    code: str = "",
    point: str = "",
    lanes: Sequence[Lane] = (Lane.INSTANCE,),
) -> Callable[[Effect], Action]:
    """Makes an action of `effect(rules, state, *parameters)`, a generator of states, or of (detail, state)."""

    def made(effect: Effect) -> Action:
        return Action(effect.__name__, kind, over, code, point, tuple(lanes), effect)

    return made


def actions_of(*modules: ModuleType) -> tuple[Action, ...]:
    """The actions that are written in these modules, in the order in which they stand there."""
    return tuple(
        one
        for module in modules
        for one in vars(module).values()
        if isinstance(one, Action) and one.effect.__module__ == module.__name__
    )


@dataclass(frozen=True)
class Step:
    """One step that was taken: the action, its parameters, and what else tells it from others."""

    action: Action
    parameters: tuple[int, ...]
    detail: str = ""

    def __str__(self) -> str:
        words = [f"{name} {value}" for name, value in zip(self.action.over, self.parameters, strict=True)]
        return " ".join([self.action.name.replace("_", " "), *words, *([f"({self.detail})"] if self.detail else [])])


@dataclass(frozen=True)
class Invariant:
    """What must hold: `broken(rules, before, step, after)` says in words how a step broke it, or returns ''."""

    number: str  # as in the list of invariants: INV-07
    title: str
    broken: Callable[..., str]


def invariant(number: str, title: str) -> Callable[[Callable[..., str]], Invariant]:
    """Makes an invariant of a function of (rules, state before, step, state after)."""

    def made(broken: Callable[..., str]) -> Invariant:
        return Invariant(number, title, broken)

    return made


@dataclass
class Rules:
    """The bounds in force, and the rules of the protocol: each can be taken away by its name.

    `holds` is asked at a guard: whether its condition is true, or the rule is taken away. `keeps` is asked where a rule
    decides what happens rather than whether. Both count, so that a rule which never decides anything is seen. The checker
    asks once per different situation, not once per transition.
    """

    bounds: Mapping[str, int]
    without: frozenset[str] = frozenset()
    asked: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)  # the rules that were asked by `keeps`

    def holds(self, rule: str, condition: Any) -> bool:
        """Whether the step may be taken as far as this rule is concerned."""
        self.asked[rule] = self.asked.get(rule, 0) + 1
        if condition:
            return True
        self.refused[rule] = self.refused.get(rule, 0) + 1
        return rule in self.without

    def keeps(self, rule: str) -> bool:
        """Whether the protocol has this rule."""
        self.asked[rule] = self.asked.get(rule, 0) + 1
        self.kept.add(rule)
        return rule not in self.without

    def range(self, what: str) -> range:
        """The values of a parameter: `mitra` goes over the bound `mitras`."""
        return range(self.bounds[f"{what}s"])

    def product(self, over: Sequence[str]) -> list[tuple[int, ...]]:
        """The values of several parameters, in all combinations."""
        return list(itertools.product(*map(self.range, over)))


@dataclass(frozen=True)
class Mutant:
    """The protocol with rules taken back. `finding`: what was found on the real server; `breaks`: the invariant."""

    name: str
    without: frozenset[str]
    breaks: str
    finding: str = ""
    bounds: Mapping[str, int] = field(default_factory=dict)  # in which it shows, where they are not the specification's


def mutant(
    name: str, *without: str, breaks: str, finding: str = "", within: Mapping[str, int] | None = None, **bounds: int
) -> Mutant:
    """A mutant by the rules that it lacks. `within` and `bounds`: the bounds in which it shows, as in `Mutant.bounds`."""
    return Mutant(name, frozenset(without), breaks, finding, {**(within or {}), **bounds})


@dataclass(frozen=True)
class Spec:
    """A specification: all that the checker needs.

    `bounds`: explored in every run, each a mapping of counts; `deep`: explored by `--deep` as well; `small`: the bounds
    in which the mutants and dropped rules are tried first. `quiet(rules, state)`: nothing is under way and no fault is
    in force. `relabel(state, instances, mitras)`: the same state with instances and mitras in another order (new place
    k holds old `instances[k]`), None where they are not alike. It is fastest if each field of the result depends on the
    same field of the state alone. Actions and invariants depend on nothing but their arguments. `shown_by`: rules
    for which another specification has what it takes to show what they are for. `unkilled`: rules whose loss breaks nothing, with the
    reason why the protocol has them all the same.
    """

    name: str
    title: str
    initial: Callable[[Rules], State]
    actions: Sequence[Action]
    invariants: Sequence[Invariant]
    quiet: Callable[[Rules, State], bool]
    bounds: Sequence[Mapping[str, int]]
    small: Mapping[str, int]
    deep: Sequence[Mapping[str, int]] = ()
    relabel: Callable[[State, tuple[int, ...], tuple[int, ...]], State] | None = None
    mutants: Sequence[Mutant] = ()
    unkilled: Mapping[str, str] = field(default_factory=dict)
    shown_by: Mapping[str, str] = field(default_factory=dict)  # rules that another specification shows -> its name

    @property
    def file(self) -> str:
        """Where it is written, for messages: its file, or the folder of its package."""
        files = self.files
        path = files[0] if len(files) == 1 else files[0].parent
        root = Path(__file__).parents[2]
        return str(path.relative_to(root) if path.is_relative_to(root) else path)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files in which it is written: one, or those of its package."""
        module, _ = self._home()
        if module is not None and hasattr(module, "__path__"):
            return tuple(sorted(path for folder in module.__path__ for path in Path(folder).glob("*.py")))
        return (Path(inspect.getfile(inspect.unwrap(self.initial))),)

    def _home(self) -> tuple[ModuleType | None, str]:
        """The module in which it has a name, and the name: that of `initial`, or a package around it."""
        place = self.initial.__module__
        while place:
            module = sys.modules.get(place)
            for name, value in vars(module).items() if module else ():
                if value is self:
                    return module, name
            place = place.rpartition(".")[0]
        return None, ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its name, so that other processes can explore it."""
        module, name = self._home()
        if module is None:
            raise TypeError(f"{self.file}: other processes cannot explore {self.name}: it is no name in its module")
        return _named, (module.__name__, name)

    def steps(self, rules: Rules, state: State) -> Iterable[tuple[Step, State]]:
        """Every step that is possible in a state, with where it leads."""
        for one in self.actions:
            for parameters in rules.product(one.over):
                for reached in one.effect(rules, state, *parameters):
                    if type(reached) is tuple:
                        yield Step(one, parameters, reached[0]), reached[1]
                    else:
                        yield Step(one, parameters), reached


def put(values: tuple[Any, ...], place: int, value: Any) -> tuple[Any, ...]:
    """`values` with another value in one place."""
    return (*values[:place], value, *values[place + 1 :])
