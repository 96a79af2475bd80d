"""Accept, reroute and the end of chats against a maximum that an operator changes: no load is raised above it.

A lock is held by whoever has passed the step that takes it: locks are read from where the transactions stand. The
transactions end at a COMMIT or a rollback; what a transaction writes is seen at its COMMIT only, so both are one step.
"""

from rig.model.language import Spec, actions_of
from rig.model.specs.capacity import actions, faults
from rig.model.specs.capacity.invariants import loads_are_locked, loads_have_room, quiet
from rig.model.specs.capacity.mutants import MUTANTS
from rig.model.specs.capacity.state import BOUNDS, SMALL, initial, relabel

SPEC = Spec(
    name="capacity",
    title="Capacity: accept, reroute and the maximum",
    initial=initial,
    actions=actions_of(actions, faults),
    invariants=(loads_have_room, loads_are_locked),
    quiet=quiet,
    bounds=(BOUNDS, BOUNDS | {"requests": 2, "changes": 2}, BOUNDS | {"held": 2}),
    small=SMALL,
    deep=(
        BOUNDS | {"requests": 4, "changes": 2},
        BOUNDS | {"chats": 3, "requests": 4},
        BOUNDS | {"instances": 3},
    ),
    relabel=relabel,
    mutants=MUTANTS,
)
