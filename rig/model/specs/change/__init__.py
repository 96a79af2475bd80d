"""Specifies the way of a change from Postgres to Valkey: versions, notifications, the apply script and debts.

Sections 1 and 7 of docs/protocol.md. A seed is one step here; `seed` specifies it in full.
What a sweep would do is an invariant here: where it would find a mitra stale, nobody may have been promised anything.
"""

from rig.model.language import Spec, actions_of
from rig.model.specs.change import debts, faults, seeds, writes
from rig.model.specs.change.invariants import active_agrees, heartbeat_agrees, online_agrees, promise_is_kept, quiet
from rig.model.specs.change.mutants import MUTANTS, UNKILLED
from rig.model.specs.change.state import bounds, initial, relabel

SPEC = Spec(
    name="change",
    title="A change and its way from Postgres to Valkey",
    initial=initial,
    actions=actions_of(writes, debts, seeds, faults),
    invariants=[online_agrees, active_agrees, heartbeat_agrees, promise_is_kept],
    quiet=quiet,
    relabel=relabel,
    bounds=[
        bounds(accepts=1, pings=1, ages=1, faults=1),
        bounds(deactivations=1, accepts=1, faults=1),
        bounds(toggles=1, faults=2),
        bounds(mitras=2, toggles=1, accepts=1, faults=1),
    ],
    small=bounds(toggles=1, faults=1),
    deep=[
        bounds(toggles=2, ages=1, faults=1),
        bounds(toggles=1, pings=1, faults=2),
    ],
    unkilled=UNKILLED,
    mutants=MUTANTS,
)
