"""A small specification for the tests of the checker: workers take a lock, write a page, and go home."""

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, NamedTuple

from rig.model.language import Kind, Rules, Spec, Step, action, invariant, mutant, put


class At(IntEnum):
    """Where an instance stands."""

    HOME = 0
    WAITING = 1
    WRITING = 2
    DONE = 3


class Worker(NamedTuple):
    """One instance."""

    at: At
    mitra: int  # for whom it writes; -1 at home


class Sample(NamedTuple):
    """The state: the workers, how often each mitra's page was written, and the faults that are left."""

    workers: tuple[Worker, ...]
    pages: tuple[int, ...]
    broken: bool
    faults: int


def initial(rules: Rules) -> Sample:
    """All are at home."""
    workers = (Worker(At.HOME, -1),) * rules.bounds["instances"]
    return Sample(workers, (0,) * rules.bounds["mitras"], False, rules.bounds["faults"])


def moved(state: Sample, i: int, **fields: Any) -> Sample:
    return state._replace(workers=put(state.workers, i, state.workers[i]._replace(**fields)))


@action("instance", "mitra", kind=Kind.CLIENT)
def come(rules: Rules, state: Sample, i: int, m: int) -> Iterator[Any]:
    """A worker comes for a mitra."""
    if state.workers[i].at is At.HOME:
        yield moved(state, i, at=At.WAITING, mitra=m)


@action("instance")
def take(rules: Rules, state: Sample, i: int) -> Iterator[Any]:
    """A worker takes the lock."""
    one = state.workers[i]
    if one.at is not At.WAITING or state.broken:
        return
    free = all(other.at is not At.WRITING or other.mitra != one.mitra for other in state.workers)
    if not rules.holds("one worker writes a page at a time", free):
        return
    if not rules.holds("a page is written at most a million times", state.pages[one.mitra] < 1_000_000):
        return
    yield "with the lock", moved(state, i, at=At.WRITING)


@action("instance")
def write(rules: Rules, state: Sample, i: int) -> Iterator[Any]:
    """A worker writes, and gives the lock back."""
    one = state.workers[i]
    if one.at is At.WRITING:
        done = moved(state, i, at=At.DONE)
        yield done._replace(pages=put(state.pages, one.mitra, min(2, state.pages[one.mitra] + 1)))


@action("instance")
def leave(rules: Rules, state: Sample, i: int) -> Iterator[Any]:
    """A worker goes home."""
    if state.workers[i].at is At.DONE and rules.keeps("workers go home"):
        yield moved(state, i, at=At.HOME, mitra=-1)


@action(kind=Kind.FAULT)
def lock_breaks(rules: Rules, state: Sample) -> Iterator[Any]:
    """The lock breaks."""
    if state.faults and not state.broken:
        yield state._replace(broken=True, faults=state.faults - 1)


@action(kind=Kind.HEAL)
def lock_is_repaired(rules: Rules, state: Sample) -> Iterator[Any]:
    """The lock works again."""
    if state.broken and rules.keeps("the lock is repaired"):
        yield state._replace(broken=False)


@invariant("INV-07", "No page is written by two at a time")
def alone(rules: Rules, before: Sample, step: Step, after: Sample) -> str:
    writers = [one.mitra for one in after.workers if one.at is At.WRITING]
    return f"{len(writers)} write" if len(writers) > len(set(writers)) else ""


@invariant("INV-19", "Nobody else writes a page when its writing ends")
def undisturbed(rules: Rules, before: Sample, step: Step, after: Sample) -> str:
    if step.action.name != "write":
        return ""
    mitra = before.workers[step.parameters[0]].mitra
    return "disturbed" if any(one.at is At.WRITING and one.mitra == mitra for one in after.workers) else ""


def quiet(rules: Rules, state: Sample) -> bool:
    """All are at home, and the lock works."""
    return not state.broken and all(one.at is At.HOME for one in state.workers)


def relabel(state: Sample, instances: tuple[int, ...], mitras: tuple[int, ...]) -> Sample:
    """The same state with instances and mitras in another order."""
    new = {-1: -1} | {old: place for place, old in enumerate(mitras)}
    workers = tuple(one._replace(mitra=new[one.mitra]) for one in (state.workers[i] for i in instances))
    return state._replace(workers=workers, pages=tuple(state.pages[m] for m in mitras))


SPEC = Spec(
    name="sample",
    title="Workers and a lock",
    initial=initial,
    actions=[come, take, write, leave, lock_breaks, lock_is_repaired],
    invariants=[alone, undisturbed],
    quiet=quiet,
    bounds=[{"instances": 2, "mitras": 2, "faults": 1}],
    small={"instances": 2, "mitras": 1, "faults": 1},
    relabel=relabel,
    mutants=[mutant("the lock is not asked", "one worker writes a page at a time", breaks="INV-07", finding="P-00")],
    unkilled={"a page is written at most a million times": "nobody waits for that"},
)
