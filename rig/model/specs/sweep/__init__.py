"""The sweep, the ping and the mark between them: who may take a silent mitra offline, and what ends a sweep's claim."""

from rig.model.language import Rules, Spec
from rig.model.specs.stores.faults import instance_is_back, instance_is_cut_off
from rig.model.specs.stores.seed import SEED
from rig.model.specs.stores.state import World, counts, first, relabel
from rig.model.specs.sweep.changes import CHANGES
from rig.model.specs.sweep.faults import (
    given_up_transaction_ends,
    late_script_lands,
    mark_expires,
    mitra_falls_silent,
    process_is_killed,
    reply_of_change_is_lost,
    reply_of_changes_commit_is_lost,
    reply_of_second_look_is_lost,
    reply_of_sweeps_commit_is_lost,
    valkey_is_flushed,
    valkey_restarts,
)
from rig.model.specs.sweep.invariants import INVARIANTS, quiet
from rig.model.specs.sweep.mutants import EXPLAINED, MUTANTS, SHOWN_BY
from rig.model.specs.sweep.pings import PINGS
from rig.model.specs.sweep.sweeping import SWEEPS


def initial(rules: Rules) -> World:
    """All mitras are online and long silent, everything is mirrored, nothing is under way."""
    return first(rules)


SPEC = Spec(
    name="sweep",
    title="Sweep, ping and mark, with epoch, seed and debts",
    initial=initial,
    actions=(
        *CHANGES, *PINGS, *SWEEPS, *SEED, mark_expires, mitra_falls_silent, reply_of_change_is_lost,
        reply_of_second_look_is_lost, late_script_lands, reply_of_sweeps_commit_is_lost,
        reply_of_changes_commit_is_lost, given_up_transaction_ends, process_is_killed, valkey_is_flushed,
        valkey_restarts, instance_is_cut_off, instance_is_back,
    ),
    invariants=INVARIANTS,
    quiet=quiet,
    bounds=(
        counts(mitras=2, faults=1, waiting=1),
        counts(faults=2, waiting=1),
        counts(faults=1, waiting=1, changes=1),
        counts(sweeps=2, waiting=2, timeouts=2, changes=1),
        counts(waiting=1, changes=2),
        counts(instances=1, faults=2, sweeps=0, changes=1, reconciles=1),
        counts(instances=1, faults=1, waiting=1, changes=1, reconciles=1, ages=1),
    ),
    small=counts(faults=1, waiting=1),
    deep=(
        counts(faults=1, sweeps=2, waiting=1, timeouts=1),
        counts(faults=2, changes=1),
        counts(mitras=2, faults=1, changes=1),
        counts(instances=1, mitras=2, faults=1, waiting=1, changes=1, ages=1),
    ),
    relabel=relabel,
    unkilled=EXPLAINED,
    shown_by=SHOWN_BY,
    mutants=MUTANTS,
)  # fmt: skip
