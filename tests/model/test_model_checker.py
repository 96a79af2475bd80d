"""The checker, its own rules, the negative control, the catalogue and the walks, on a small specification."""

import dataclasses
import importlib
import inspect
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rig.model import catalogue, memory
from rig.model.checker import explore
from rig.model.control import Verdict, control
from rig.model.language import LIVENESS, Rules, Spec, SpecError, action, invariant, mutant
from rig.model.workers import spread
from rig.paths import CHECKOUT
from rig.runs.model.specifications import rules_of
from tests.support import model_sample
from tests.support.model_sample import SPEC, At, Sample, Worker, moved
from tests.support.specification_walks import breadth_first_walks, coverage, random_walk

LOCK = "one worker writes a page at a time"
WIDE = SPEC.bounds[0]
ONE = {"instances": 1, "mitras": 1, "faults": 0}


def changed(**fields: Any) -> Spec:
    return dataclasses.replace(SPEC, **fields)


def plainly(spec: Spec, bounds: dict[str, int], without: frozenset[str] = frozenset()) -> set[Any]:
    """Every reachable state, found without the checker."""
    rules = Rules(bounds, without)
    found = {spec.initial(rules)}
    waiting = list(found)
    while waiting:
        for _, reached in spec.steps(rules, waiting.pop()):
            if reached not in found:
                found.add(reached)
                waiting.append(reached)
    return found


# --- exploring ------------------------------------------------------------------------------------------------------------


def test_a_known_number_of_states() -> None:
    found = explore(changed(bounds=[ONE]), ONE)
    # At home, waiting, writing, done; the page was written 0, 1 or 2 times, and not 0 times once it is done.
    assert (found.states, found.complete, found.violation) == (3 + 3 + 3 + 2, True, None)
    assert found.never == ("lock_breaks", "lock_is_repaired")
    assert found.taken == {"come": 3, "take": 3, "write": 3, "leave": 2}


@pytest.mark.parametrize("bounds", [SPEC.small, WIDE])
def test_without_symmetry_it_finds_every_state(bounds: dict[str, int]) -> None:
    found = explore(changed(relabel=None), bounds)
    assert found.complete
    assert found.states == len(plainly(SPEC, bounds))


def test_symmetry_leaves_fewer_states_and_the_same_verdicts() -> None:
    every = plainly(SPEC, WIDE)
    orders = [((0, 1), (1, 0)), ((1, 0), (0, 1)), ((1, 0), (1, 0))]
    classes = {frozenset([state, *(model_sample.relabel(state, *order) for order in orders)]) for state in every}
    assert explore(SPEC, WIDE).states == len(classes) < len(every) / 3
    for rule in (LOCK, "workers go home", "the lock is repaired"):
        one, other = explore(SPEC, WIDE, [rule]), explore(changed(relabel=None), WIDE, [rule])
        assert one.violation is not None
        assert other.violation is not None
        assert (one.violation.number, len(one.violation.path)) == (other.violation.number, len(other.violation.path))


class Sums(NamedTuple):
    """A state whose last field follows from the others, and a queue of records that grows."""

    total: int
    owner: int
    both: int
    queue: tuple[Worker, ...]


@action("instance")
def adds(rules: Rules, state: Sums, i: int) -> Iterator[Any]:
    """An instance adds one."""
    if state.total < 3:
        yield Sums(state.total + 1, i, state.total + 1 + i, (*state.queue[-2:], Worker(At.DONE, i)))


@action()
def starts_anew(rules: Rules, state: Sums) -> Iterator[Any]:
    """All starts anew."""
    if state.total == 3:
        yield state._replace(total=0, both=state.owner)


def relabel_sums(state: Sums, instances: tuple[int, ...], mitras: tuple[int, ...]) -> Sums:
    """What `both` becomes depends on the other fields."""
    new = {old: place for place, old in enumerate(instances)}
    queue = tuple(one._replace(mitra=new[one.mitra]) for one in state.queue)
    return Sums(state.total, new[state.owner], state.total + new[state.owner], queue)


def test_parts_that_depend_on_each_other_or_change_their_shape() -> None:
    sums = changed(
        initial=lambda rules: Sums(0, 0, 0, (Worker(At.HOME, 0),)), actions=[adds, starts_anew], invariants=[],
        quiet=lambda rules, state: not state.total, relabel=relabel_sums, mutants=[],
    )  # fmt: skip
    bounds = {"instances": 2, "mitras": 1, "faults": 0}
    every = plainly(sums, bounds)
    found = explore(sums, bounds)
    assert (found.complete, found.states) == (True, len({min(one, relabel_sums(one, (1, 0), (0,))) for one in every}))
    assert explore(dataclasses.replace(sums, relabel=None), bounds).states == len(every)


def test_a_shortest_path_to_a_violation_that_is_a_real_one() -> None:
    violation = explore(SPEC, WIDE, [LOCK]).violation
    assert violation is not None
    assert (violation.number, violation.message, len(violation.path)) == ("INV-07", "2 write", 4)
    rules = Rules(WIDE, frozenset([LOCK]))
    state = model_sample.initial(rules)
    for step, reached in violation.path:
        assert (step, reached) in list(SPEC.steps(rules, state))
        state = reached
    assert sum(one.at is At.WRITING for one in state.workers) == 2


def test_the_first_of_two_broken_invariants_is_told_and_only_looks_at_some() -> None:
    assert explore(SPEC, WIDE, [LOCK], only=["INV-19"]).violation.number == "INV-19"  # type: ignore[union-attr]
    both = changed(
        invariants=[model_sample.alone, dataclasses.replace(model_sample.alone, number="INV-01", title="Other")]
    )
    assert explore(both, WIDE, [LOCK]).violation.number == "INV-07"  # type: ignore[union-attr]


def test_a_state_from_which_quiet_cannot_be_reached() -> None:
    violation = explore(SPEC, WIDE, ["workers go home"]).violation
    assert violation is not None
    assert (violation.number, [step.action.name for step, _ in violation.path]) == (LIVENESS, ["come"])
    violation = explore(SPEC, WIDE, ["the lock is repaired"]).violation
    assert violation is not None
    assert [str(step) for step, _ in violation.path] == ["lock breaks"]
    assert explore(SPEC, WIDE, ["the lock is repaired"], only=["INV-07"]).complete


def test_quiet_that_only_a_client_can_bring_is_not_reached() -> None:
    @action("instance", kind=model_sample.Kind.CLIENT)
    def leave(rules: Rules, state: Sample, i: int) -> Iterator[Any]:
        """A customer sends the worker home."""
        yield from model_sample.leave.effect(rules, state, i)

    actions = [leave if one.name == "leave" else one for one in SPEC.actions]
    found = explore(changed(actions=actions), WIDE)
    assert (found.complete, found.violation.number) == (False, LIVENESS)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        ({"states_max": 50}, "there are more than 50 states"),
        ({"seconds_max": 0.0}, "it took longer than 0 s"),
        ({"memory_max_bytes": 1000}, "it needed more than 1e-06 GB of memory"),
    ],
)
def test_over_a_limit_it_ends_in_order_and_is_never_complete(limit: dict[str, Any], why: str) -> None:
    found = explore(SPEC, WIDE, **limit)
    assert (found.stopped, found.complete, found.violation) == (why, False, None)
    assert 0 < found.states < 100


def test_without_room_to_remember_outcomes_it_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "NODES_MAX", 40)
    found = explore(SPEC, WIDE)
    monkeypatch.undo()
    again = explore(SPEC, WIDE)
    assert (found.states, found.taken, found.complete) == (again.states, again.taken, True)


def test_the_same_path_in_every_process() -> None:
    script = (
        "from model_sample import SPEC\nfrom rig.model.checker import explore\n"
        f"found = explore(SPEC, SPEC.bounds[0], [{LOCK!r}])\nprint(found.states, [str(step) for step, _ in found.violation.path])"
    )
    environment = {"PYTHONPATH": f"{Path(catalogue.__file__).parents[2]}:{Path(model_sample.__file__).parent}"}
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=environment | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


# --- rules of its own -----------------------------------------------------------------------------------------------------


@action("instance")
def stands_still(rules: Rules, state: Sample, i: int) -> Iterator[Any]:
    """A worker stands still."""
    if state.workers[i].at is At.WAITING:
        yield moved(state, i, at=At.WAITING)


@action()
def makes_a_list(rules: Rules, state: Sample) -> Iterator[Any]:
    """Puts a list into the state."""
    yield state._replace(pages=[0])


@action("chat")
def chats(rules: Rules, state: Sample, chat: int) -> Iterator[Any]:
    """A chat begins."""
    yield state


@action()
def says_nothing(rules: Rules, state: Sample) -> Iterator[Any]:
    yield state


@action()
def crashes(rules: Rules, state: Sample) -> Iterator[Any]:
    """Divides."""
    yield state._replace(faults=1 // state.faults)


class Impostor(NamedTuple):
    at: At
    mitra: int


@action("instance")
def is_replaced(rules: Rules, state: Sample, i: int) -> Iterator[Any]:
    """A worker is replaced by something that equals it."""
    yield state._replace(workers=model_sample.put(state.workers, i, Impostor(At.HOME, -1)))


COUNTED: list[int] = []


@action()
def counts_calls(rules: Rules, state: Sample) -> Iterator[Any]:
    """Remembers how often it was called."""
    COUNTED.append(1)
    yield state._replace(pages=(len(COUNTED) % 7,) * len(state.pages))


@action()
def prefers_the_first(rules: Rules, state: Sample) -> Iterator[Any]:
    """The first worker comes, and no other."""
    if state.workers[0].at is At.HOME:
        yield moved(state, 0, at=At.DONE, mitra=0)


@action()
def returns(rules: Rules, state: Sample) -> Any:
    """Somebody wrote `return` for `yield`."""


@invariant("INV-98", "A word is missing")
def only_false(rules: Rules, before: Sample, step: Any, after: Sample) -> Any:
    return False


@invariant("INV-01", "Nothing")
def never(rules: Rules, before: Sample, step: Any, after: Sample) -> str:
    return ""


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"actions": [*SPEC.actions, stands_still]}, "the action `stands_still` never changes the state"),
        ({"actions": [makes_a_list]}, "the field `pages` of a state is unhashable: [0]"),
        ({"actions": [*SPEC.actions, chats]}, "the parameter `chat` of the action `chats` has no bound `chats`"),
        ({"actions": [*SPEC.actions, SPEC.actions[0]]}, "two actions have the name `come`"),
        ({"actions": [says_nothing]}, "the action `says_nothing` has no docstring"),
        ({"actions": [*SPEC.actions, crashes]}, "the action `crashes` fails: ZeroDivisionError"),
        ({"actions": [*SPEC.actions, returns]}, "the action `returns` returns nothing: `yield` the state after it"),
        (
            {"invariants": [only_false, *SPEC.invariants]},
            "INV-98 (A word is missing) returns False: say how it is broken, or ''",
        ),
        ({"actions": [*SPEC.actions, is_replaced]}, "has two values that are equal but of different types"),
        ({"actions": [*SPEC.actions, counts_calls]}, "the action `counts_calls` depends on more than its arguments"),
        (
            {"actions": [prefers_the_first]},
            "`relabel` is wrong, or `prefers_the_first` treats instances or mitras by their numbers",
        ),
        ({"initial": lambda rules: (0,)}, "the initial state is a tuple, not a NamedTuple"),
        ({"initial": lambda rules: rules.bounds["toggles"]}, "there is no bound 'toggles'"),
        ({"invariants": [never, never]}, "two invariants have the title 'Nothing'"),
        (
            {"mutants": [mutant("M", LOCK, breaks="INV-99")]},
            "the mutant 'M' shall break INV-99, which is no invariant here",
        ),
        ({"mutants": [mutant("M", breaks="INV-07")]}, "the mutant 'M' takes no rule back"),
        (
            {"unkilled": {LOCK: "who knows"}, "shown_by": {LOCK: "other"}},
            f"the rule {LOCK!r} stands in `unkilled` and in `shown_by`",
        ),
    ],
)
def test_a_specification_that_breaks_a_rule_is_refused_with_its_file(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(SpecError) as refused:
        explore(changed(**fields), WIDE)
    file = Path(__file__).name if "initial" in fields else "model_sample.py"
    assert f"{file}: " in str(refused.value)
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {"mutants": [mutant("M", "no such", breaks="INV-07")]},
            "the mutant 'M' names the rule 'no such', which is never asked",
        ),
        (
            {"mutants": [mutant("M", "no", breaks="INV-07", faults=0)]},
            "the mutant 'M' names the rule 'no', which is never asked",
        ),
        ({"unkilled": {"no such": "why"}}, "`unkilled` names the rule 'no such', which is never asked"),
    ],
)
def test_rules_that_are_never_asked_are_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(SpecError, match=problem):
        control(changed(**fields), workers=1)


# --- the negative control -------------------------------------------------------------------------------------------------


def test_every_rule_is_dropped_and_every_mutant_tried() -> None:
    found = control(SPEC)
    assert (found.failures, found.inconclusive) == ([], [])
    told = {one.name: (one.verdict, one.violation and one.violation.number, one.steps) for one in found.rules}
    assert told == {
        LOCK: (Verdict.KILLED, "INV-07", 4),
        "a page is written at most a million times": (Verdict.EXPLAINED, None, 0),
        "workers go home": (Verdict.KILLED, LIVENESS, 1),
        "the lock is repaired": (Verdict.KILLED, LIVENESS, 1),
    }
    assert [one.name for one in found.rules if one.never_refused] == ["a page is written at most a million times"]
    (taken_back,) = found.mutants
    assert (taken_back.verdict, taken_back.finding, taken_back.steps) == (Verdict.KILLED, "P-00", 4)
    assert taken_back.violation is not None
    assert taken_back.violation.path[-1][0].action is model_sample.take  # a path comes whole from another process


def test_a_rule_that_nothing_kills_fails_unless_it_is_explained() -> None:
    found = control(changed(unkilled={}), workers=1)
    assert found.failures == [
        "a page is written at most a million times: unkilled, without a reason (in the clean explorations it was always true)"
    ]
    found = control(changed(unkilled={**SPEC.unkilled, LOCK: "who knows"}), workers=1)
    (failure,) = found.failures
    assert failure.startswith(f"{LOCK}: killed, though the specification says that it is not (by INV-07")


def test_a_mutant_that_breaks_another_invariant_fails() -> None:
    found = control(changed(mutants=[mutant("M", "workers go home", breaks="INV-07")]), workers=1)
    assert found.failures == ["M: killed, but by another invariant than the mutant names (by LIVENESS in 1 steps)"]


def test_an_invariant_that_nothing_breaks_fails_and_one_that_breaks_later_does_not() -> None:
    found = control(changed(invariants=[*SPEC.invariants, never]), workers=1)
    assert found.failures == ["the invariant Nothing cannot fail: no mutant and no dropped rule breaks it"]


def test_over_a_limit_the_control_is_inconclusive() -> None:
    found = control(SPEC, workers=1, seconds_max=0.0)
    assert len(found.inconclusive) == 2
    assert found.rules == []


def test_a_specification_that_is_not_clean_fails() -> None:
    clean = explore(SPEC, SPEC.small, [LOCK])
    broken = dataclasses.replace(clean, without=frozenset())
    (failure,) = control(SPEC, workers=1, clean=[broken]).failures
    assert "INV-07 breaks: 2 write" in failure


def test_an_error_in_another_process_comes_back() -> None:
    with pytest.raises(RuntimeError, match="ValueError"):
        list(spread(int, [("1",), ("x",)]))


# --- catalogue and walks --------------------------------------------------------------------------------------------------


def test_each_specification_of_ours_has_a_place_and_a_name() -> None:
    for spec in catalogue.specifications().values():
        assert pickle.loads(pickle.dumps(spec)) is spec
        assert pickle.loads(pickle.dumps(spec.actions[0])).name == spec.actions[0].name
        assert (CHECKOUT / spec.file).exists()
        assert (
            Path(inspect.getfile(spec.quiet)) in spec.files or spec.name == "cut_off"
        )  # whose `quiet` is that of sweep


PACKAGE = {
    "__init__": '''"""A specification in a package."""
from rig.model.language import Rules, Spec, actions_of
from {name} import more, steps
from {name}.steps import State

SPEC = Spec(
    name="{name}", title="In a package", initial=steps.initial, actions=actions_of(steps, more), invariants=[],
    quiet=lambda rules, state: True, bounds=[{{"faults": 1}}], small={{"faults": 1}},
)
''',
    "steps": '''"""Its state, and a step."""
from typing import NamedTuple

from rig.model.language import action


class State(NamedTuple):
    number: int


def initial(rules):
    return State(0)


@action()
def count(rules, state):
    """It counts."""
    if state.number < 2 and rules.holds("it ends", True):
        yield state._replace(number=state.number + 1)
''',
    "more": '''"""A step that is wrong."""
from rig.model.language import action
from {name}.steps import count


@action()
def divide(rules, state):
    """It divides."""
    if rules.keeps("it divides"):
        yield state._replace(number=1 // (state.number - 1))
''',
}


def test_a_package_is_a_specification(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "packaged").mkdir()
    for name, source in PACKAGE.items():
        (tmp_path / "packaged" / f"{name}.py").write_text(source.format(name="packaged"))
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("packaged")
    spec: Spec = module.SPEC
    assert [one.name for one in spec.actions] == ["count", "divide"]
    assert spec.file == str(tmp_path / "packaged")
    assert {path.name for path in spec.files} == {"__init__.py", "steps.py", "more.py"}
    assert pickle.loads(pickle.dumps(spec)) is spec
    assert rules_of(module) == ["it divides", "it ends"]
    with pytest.raises(
        SpecError, match=r"packaged: the action `divide` fails in line 10 of more\.py: ZeroDivisionError"
    ):
        explore(spec, spec.small)


def test_a_mutant_has_bounds_of_both_kinds() -> None:
    assert mutant("it", "a rule", breaks="INV-01", within={"faults": 1, "mitras": 2}, faults=3).bounds == {
        "faults": 3,
        "mitras": 2,
    }


def test_specifications_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "specifications", lambda: {"sweep": SPEC, "split": SPEC})
    assert catalogue.specification("sweep") is SPEC
    with pytest.raises(catalogue.UnknownSpec, match="no specification 'swep': did you mean 'sweep'"):
        catalogue.specification("swep")
    with pytest.raises(catalogue.UnknownSpec, match="there are sweep, split"):
        catalogue.specification("xyz")


def test_a_random_walk_is_a_path_and_the_same_for_the_same_seed() -> None:
    rules = Rules(WIDE)
    walks = [random_walk(SPEC, WIDE, seed, 12) for seed in range(20)]
    assert walks == [random_walk(SPEC, WIDE, seed, 12) for seed in range(20)]
    assert len({str(walk) for walk in walks}) > 15
    for walk in walks:
        assert len(walk) == 12
        state = model_sample.initial(rules)
        for step, reached in walk:
            assert (step, reached) in list(SPEC.steps(rules, state))
            state = reached


def test_breadth_first_walks_differ_and_cover_every_pair_early() -> None:
    walks = breadth_first_walks(SPEC, WIDE, 100, 8)
    assert walks == breadth_first_walks(SPEC, WIDE, 100, 8)
    assert len({tuple(str(step) for step, _ in walk) for walk in walks}) == len(walks) == 100
    actions, pairs = coverage(walks)
    assert actions == {one.name for one in SPEC.actions}
    random_pairs = coverage(random_walk(SPEC, WIDE, seed, 8) for seed in range(500))[1]
    assert pairs >= random_pairs
    assert coverage(walks[:15])[1] == pairs


@pytest.mark.parametrize(
    ("reason", "ended", "verdict"),
    [
        ("why", [True, False], Verdict.EXPLAINED),
        ("why", [False, True], Verdict.INCONCLUSIVE),
        ("", [True, False], Verdict.INCONCLUSIVE),
    ],
)
def test_wider_bounds_that_do_not_end_take_no_reason_away(
    reason: str, ended: list[bool], verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The narrow ones were explored to their end; the wider ones were there to refute it."""
    from types import SimpleNamespace

    from rig.model import control as module

    found = [SimpleNamespace(violation=None, stopped="" if one else "too many states", states=3) for one in ended]
    monkeypatch.setattr(module, "_explored", lambda *_: found.pop(0))
    trial = module._try(SPEC, module.Trial("a rule", frozenset({"a rule"}), reason=reason), [{"n": 1}, {"n": 2}], {})
    assert (trial.verdict, trial.states) == (verdict, 6)
