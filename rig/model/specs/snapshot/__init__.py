"""The beacon's cached answer: who computes it, and how a changed setting deletes it on every instance.

Settings are 0 or 1. A change is told twice: Postgres notifies it (then its reading is owed), the writer publishes it.
"""

from rig.model.language import Spec, actions_of
from rig.model.specs.snapshot import faults, recompute, settings
from rig.model.specs.snapshot.invariants import (
    answer_is_current,
    answer_is_ours,
    one_recompute,
    quiet,
    setting_is_known,
)
from rig.model.specs.snapshot.mutants import MUTANTS, UNKILLED
from rig.model.specs.snapshot.state import initial, relabel

SPEC = Spec(
    name="snapshot",
    title="Snapshot, lease and invalidation",
    initial=initial,
    actions=actions_of(settings, recompute, faults),
    invariants=(setting_is_known, answer_is_current, answer_is_ours, one_recompute),
    quiet=quiet,
    bounds=(
        {"instances": 2, "toggles": 1, "polls": 1, "looks": 0, "faults": 1},
        {"instances": 2, "toggles": 2, "polls": 0, "looks": 0, "faults": 1},
        {"instances": 2, "toggles": 1, "polls": 0, "looks": 1, "faults": 1},
        {"instances": 2, "toggles": 1, "polls": 0, "looks": 0, "faults": 2},
        {"instances": 2, "toggles": 1, "polls": 2, "looks": 0, "faults": 0},
        {"instances": 1, "toggles": 1, "polls": 2, "looks": 1, "faults": 1},
    ),
    small={"instances": 1, "toggles": 1, "polls": 1, "looks": 1, "faults": 1},
    deep=(
        {"instances": 2, "toggles": 1, "polls": 2, "looks": 0, "faults": 1},
        {"instances": 2, "toggles": 1, "polls": 1, "looks": 1, "faults": 1},
    ),
    relabel=relabel,
    mutants=MUTANTS,
    unkilled=UNKILLED,
)
