"""What must hold."""

from rig.model.language import Rules, Step, invariant
from rig.model.specs.capacity.locks import holds_mitra
from rig.model.specs.capacity.state import NONE, State, in_force, load


def quiet(rules: Rules, state: State) -> bool:
    return state.change == -1 and state.orphan == NONE and all(one == NONE for one in state.work)


@invariant("INV-13", "No load is raised above the maximum in force")
def loads_have_room(rules: Rules, before: State, step: Step, after: State) -> str:
    if before.holder == after.holder:
        return ""
    for mitra in rules.range("mitra"):
        now = load(after, mitra)
        if now > load(before, mitra) and now > in_force(after.row):
            return f"the load of mitra {mitra} is raised to {now}, the maximum in force is {in_force(after.row)}"
    return ""


@invariant("INV-03", "A load changes under the lock of its mitra")
def loads_are_locked(rules: Rules, before: State, step: Step, after: State) -> str:
    if before.holder == after.holder:
        return ""
    for mitra in rules.range("mitra"):
        if load(after, mitra) != load(before, mitra):
            work = before.work[step.parameters[0]] if step.parameters else before.orphan
            if not holds_mitra(rules, work, mitra):
                return (
                    f"the load of mitra {mitra} is changed by who has not locked her row: her capacity is not mirrored"
                )
    return ""
