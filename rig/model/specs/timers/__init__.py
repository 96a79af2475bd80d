"""The end of a chat by timers on every instance: it comes in time, once, and never before an extension that was paid.

Time is counted in ticks until the chat is due, that is, until its time and its goodbye window are up. The last tick is
the goodbye window. A tick is long: no notification is under way while it passes, and no lock is held.
"""

from rig.model.language import Spec, actions_of
from rig.model.specs.timers import actions, faults
from rig.model.specs.timers.invariants import chats_end, no_early_end, one_end, quiet
from rig.model.specs.timers.mutants import MUTANTS, UNKILLED
from rig.model.specs.timers.state import BOUNDS, ONE, initial, relabel

SPEC = Spec(
    name="timers",
    title="Timers over two instances and a restart",
    initial=initial,
    actions=actions_of(actions, faults),
    invariants=(chats_end, no_early_end, one_end),
    quiet=quiet,
    bounds=(BOUNDS, BOUNDS | {"requests": 2, "faults": 2}),
    small=ONE,
    deep=(BOUNDS | {"requests": 4}, BOUNDS | {"faults": 2}),
    relabel=relabel,
    mutants=MUTANTS,
    unkilled=UNKILLED,
)
