"""Specifies what holds while the instances rely on two different Valkeys (section 6 of docs/protocol.md).

Times are whole numbers of ticks: W is two ticks, and an instance that has lost Postgres uses Valkey for one tick at most.
A change is told to every instance by its COMMIT here; `change` specifies how, and `sweep` specifies marks in full.
"""

from rig.model.language import Spec, actions_of
from rig.model.specs.split import changes, faults, moves, sweeping
from rig.model.specs.split.invariants import deactivation_is_known, nobody_pinging_goes_offline, online_agrees, quiet
from rig.model.specs.split.mutants import MUTANTS
from rig.model.specs.split.state import initial, relabel

SPEC = Spec(
    name="split",
    title="Two instances that rely on different Valkeys",
    initial=initial,
    actions=actions_of(changes, sweeping, moves, faults),
    invariants=[online_agrees, nobody_pinging_goes_offline, deactivation_is_known],
    quiet=quiet,
    relabel=relabel,
    bounds=[
        {"instances": 2, "mitras": 1, "deactivations": 0, "moves": 1, "sweeps": 2, "faults": 1},
        {"instances": 2, "mitras": 1, "deactivations": 0, "moves": 2, "sweeps": 2, "faults": 0},
        {"instances": 2, "mitras": 1, "deactivations": 1, "moves": 1, "sweeps": 2, "faults": 0},
        {"instances": 2, "mitras": 2, "deactivations": 0, "moves": 1, "sweeps": 1, "faults": 1},
    ],
    small={"instances": 2, "mitras": 1, "deactivations": 0, "moves": 1, "sweeps": 1, "faults": 0},
    deep=[
        {"instances": 2, "mitras": 1, "deactivations": 0, "moves": 2, "sweeps": 2, "faults": 1},
        {"instances": 2, "mitras": 1, "deactivations": 1, "moves": 1, "sweeps": 1, "faults": 1},
        {"instances": 2, "mitras": 2, "deactivations": 0, "moves": 1, "sweeps": 2, "faults": 1},
        {"instances": 2, "mitras": 1, "deactivations": 0, "moves": 1, "sweeps": 2, "faults": 2},
    ],
    mutants=MUTANTS,
)
