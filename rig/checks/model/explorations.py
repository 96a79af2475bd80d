"""Judges explorations of specifications: a verdict per invariant, and one each for the actions and the rules."""

from collections.abc import Sequence
from dataclasses import dataclass

from rig.checks.framework import CHECKS, Bounds, Check, Judge, Kind, WholeRunFunction
from rig.record import Lines, evidence
from rig.record.lines.common import PlannedSpec
from rig.record.lines.model import Control, Explored, Unbroken, Uncontrolled, Violation

LIVENESS, ACTIONS, CONTROL = "LIVENESS", "ACTIONS", "CONTROL"
LIVENESS_TITLE = "From every state, quiet is reached once the faults are over"
ACTIONS_TITLE = "Every action of the specification takes place"
CONTROL_TITLE = "Every mutant, and every rule that is dropped, breaks an invariant"
KILLED, EXPLAINED = "killed", "explained"


@dataclass(frozen=True)
class ModelCheck(Check):
    """The check of one item of one specification; its section is the specification."""

    spec_title: str = ""

    @property
    def section(self) -> str:
        return self.id.partition("/")[0]

    @property
    def section_title(self) -> str:
        return f"{self.section}: {self.spec_title}"


def items_of(spec: PlannedSpec) -> list[str]:
    """The ids of all items of one planned specification."""
    numbers = dict.fromkeys(number for number, _ in spec.invariants)
    extra = [LIVENESS, *([] if spec.mutant else [ACTIONS]), *([CONTROL] if spec.controlled else [])]
    return [f"{spec.name}/{number}" for number in (*numbers, *extra)]


def declare_model(specs: Sequence[PlannedSpec]) -> None:
    """Declare the checks of the specifications that the plan of a run names."""
    for spec in specs:
        titles: dict[str, str] = {}
        for number, title in spec.invariants:
            titles[number] = f"{titles[number]}; {title}" if number in titles else title
        for item in items_of(spec):
            name = item.partition("/")[2]
            function: WholeRunFunction
            if name == ACTIONS:
                kind, title, function = Kind.PRECONDITION, ACTIONS_TITLE, actions_take_place(spec)
            elif name == CONTROL:
                kind, title, function = Kind.PRECONDITION, CONTROL_TITLE, rules_matter(spec)
            else:
                kind, function = Kind.INVARIANT, invariant_holds(spec, name)
                title = titles.get(name, LIVENESS_TITLE)
            CHECKS[item] = ModelCheck(item, kind, "", title, function, True, spec.title)


def explored(lines: Lines, spec: PlannedSpec) -> list[Explored]:
    """The explorations of one specification."""
    return [line for line in lines.of(Explored) if line.spec == spec.name]


def figures(line: Explored) -> str:
    """The bounds of an exploration, and how much it saw."""
    return (
        f"{line.within}: {line.states:,} states, {line.transitions:,} transitions,"
        f" depth {line.depth}, {line.seconds:.1f} s"
    )


def invariant_holds(spec: PlannedSpec, number: str) -> WholeRunFunction:
    """Failed if a path breaks it; passed if every state within all planned bounds was seen and none breaks it."""

    def check(judge: Judge, lines: Lines, bounds: Bounds) -> None:
        own = explored(lines, spec)
        for line in own:
            found = line.violation
            if found and found.invariant.number == number:
                judge.show(evidence.log(f"the shortest path, within {line.within}", told_path(found)))
                judge.require(False, f"{said(line)}{found.message} (after {counted(found.steps, 'step')})")
        if judge.broken_promises:
            return
        if spec.mutant and (other := next((line for line in own if line.violation), None)):
            judge.skip(f"not judged: the exploration of the mutant {ended(other)}")
            return
        judge.show(evidence.log("explorations", [f"{figures(line)}: {ended(line)}" for line in own]))
        for lacking in sorted(set(spec.explorations) - {line.number for line in own}):
            judge.assume(False, f"{spec.explorations_told[str(lacking)]} was not explored")
        for line in own:
            judge.assume(line.complete, f"within {line.within}: {ended(line)}")
        judge.note(f"{said(own[0]) if own else ''}holds in all states within " + " and within ".join(
            f"{line.within} ({line.states:,} states)" for line in own
        ))  # fmt: skip

    return check


def said(line: Explored) -> str:
    """Says that a mutant was explored, if so: then the protocol itself is not to blame."""
    return f"explored was the mutant “{line.mutant}”, not the protocol: " if line.mutant else ""


def ended(line: Explored) -> str:
    if line.violation:
        return f"ended at a violation of {line.violation.invariant.number}, so not every state was seen"
    return "exhausted" if line.complete else f"not exhausted, {line.stopped or 'it ended early'}"


def counted(things: Sequence[object], word: str) -> str:
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"


def told_path(violation: Violation) -> list[str]:
    """A path as numbered lines; the last one is the broken invariant."""
    told = []
    for number, step in enumerate(violation.steps, start=1):
        who = ", ".join([*(name for _, name in step.parameters), *([step.detail] if step.detail else [])])
        told.append(f"{number:>2}. {step.text}" + (f" [{who}]" if who else ""))
    return [*told, f"    {violation.invariant.number}: {violation.message}"]


def actions_take_place(spec: PlannedSpec) -> WholeRunFunction:
    """Each action takes place within at least one of the bounds; one that never does was not checked."""

    def check(judge: Judge, lines: Lines, bounds: Bounds) -> None:
        own = explored(lines, spec)
        for lacking in sorted(set(spec.explorations) - {line.number for line in own}):
            judge.assume(False, f"{spec.explorations_told[str(lacking)]} was not explored")
        taken = {name: sum(line.taken.get(name, 0) for line in own) for name in spec.actions}
        never = [name for name, often in taken.items() if not often]
        why = "; ".join(f"within {line.within}: {ended(line)}" for line in own if not line.complete)
        judge.assume(not never, f"never came: {', '.join(never)}" + (f" ({why})" if why else ""))
        judge.show(evidence.log("how often each action was taken", [f"{n:>12,}  {name}" for name, n in taken.items()]))
        judge.note(f"all {len(spec.actions)} actions came")

    return check


def rules_matter(spec: PlannedSpec) -> WholeRunFunction:
    """Every mutant, and every rule that is dropped, breaks an invariant; otherwise that rule was not checked."""

    def check(judge: Judge, lines: Lines, bounds: Bounds) -> None:
        own = [line for line in lines.of(Control) if line.spec == spec.name]
        for ended_early in lines.of(Uncontrolled):
            if ended_early.spec == spec.name:
                judge.assume(False, f"the negative control was not finished: {ended_early.stopped}")
        judge.assume(own, "nothing was tried")
        for rule in lines.of(Unbroken):
            if rule.spec == spec.name:
                why = "it cannot fail" if rule.known else "a limit was reached before anything broke it"
                judge.assume(False, f"no mutant and no dropped rule breaks “{rule.title}”: {why}")
        for line in own:
            if line.outcome not in (KILLED, EXPLAINED):
                judge.assume(False, f"{line.what} “{line.name}”: {told_control(line)}")
        judge.show(
            evidence.log(
                "mutants and dropped rules", [f"{line.what} “{line.name}”: {told_control(line)}" for line in own]
            )
        )
        killed = sum(line.outcome == KILLED for line in own)
        explained = len(own) - killed
        judge.note(f"{killed} of {len(own)} are killed" + (f", {explained} explained" if explained else ""))

    return check


def told_control(line: Control) -> str:
    """The outcome of a mutant or of a dropped rule."""
    if line.killed_by:
        wanted = f", {line.outcome}" if line.outcome != KILLED else ""
        return f"breaks {line.killed_by} in {line.steps} steps{wanted}"
    if line.outcome == EXPLAINED:
        return f"breaks nothing: {line.reason}"
    return f"breaks nothing, {line.stopped or 'and no reason is given'}"
