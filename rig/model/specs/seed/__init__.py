"""Specifies the seed while changes go on beside it, also two seeds at once (section 3 of docs/protocol.md).

Everybody pings all the time here, so an old heartbeat comes from an old snapshot alone. The deactivated set is built and
swapped as the online set is, so only the latter stands here. `sweep` specifies why a seed waits for open sweeps.
"""

from rig.model.language import Spec, actions_of
from rig.model.specs.seed import changes, faults, seeding
from rig.model.specs.seed.invariants import (
    capacity_agrees,
    heartbeat_agrees,
    nobody_pinging_is_stale,
    online_agrees,
    online_set_is_never_empty,
    quiet,
)
from rig.model.specs.seed.mutants import MUTANTS, UNKILLED
from rig.model.specs.seed.state import initial, relabel

SPEC = Spec(
    name="seed",
    title="The seed while changes go on",
    initial=initial,
    actions=actions_of(changes, seeding, faults),
    invariants=[online_agrees, capacity_agrees, heartbeat_agrees, nobody_pinging_is_stale, online_set_is_never_empty],
    quiet=quiet,
    relabel=relabel,
    bounds=[
        {"instances": 2, "mitras": 2, "changes": 2, "hands": 0, "reconciles": 2, "faults": 1},
        {"instances": 2, "mitras": 1, "changes": 1, "hands": 0, "reconciles": 1, "faults": 2},
        {"instances": 2, "mitras": 1, "changes": 1, "hands": 1, "reconciles": 1, "faults": 1},
        {"instances": 2, "mitras": 1, "changes": 2, "hands": 0, "reconciles": 2, "faults": 1},
    ],
    small={"instances": 2, "mitras": 1, "changes": 1, "hands": 0, "reconciles": 1, "faults": 1},
    deep=[
        {"instances": 2, "mitras": 2, "changes": 1, "hands": 0, "reconciles": 1, "faults": 2},
        {"instances": 2, "mitras": 1, "changes": 2, "hands": 0, "reconciles": 2, "faults": 2},
    ],
    unkilled=UNKILLED,
    mutants=MUTANTS,
)
