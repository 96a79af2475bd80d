"""Sign-in, refresh, logout and deactivation of one mitra: which sessions live, and how often a token or a code serves.

A session is one row; its refresh token is the hash in it. Tokens and codes are numbered as they are made. Whoever was
answered or not, any token that was ever made may be used by anybody at any time.
"""

from rig.model.language import Spec, actions_of
from rig.model.specs.tokens import actions, faults
from rig.model.specs.tokens.invariants import (
    code_serves_once,
    inactive_has_no_session,
    quiet,
    refresh_is_due,
    token_serves_once,
)
from rig.model.specs.tokens.mutants import MUTANTS
from rig.model.specs.tokens.state import BOUNDS, SMALL, initial, relabel

SPEC = Spec(
    name="tokens",
    title="Refresh tokens, codes and deactivation",
    initial=initial,
    actions=actions_of(actions, faults),
    invariants=(inactive_has_no_session, token_serves_once, code_serves_once, refresh_is_due),
    quiet=quiet,
    bounds=(BOUNDS, BOUNDS | {"sessions": 2, "requests": 3, "faults": 2}),
    small=SMALL,
    deep=(BOUNDS | {"requests": 5, "faults": 2}, BOUNDS | {"instances": 3}),
    relabel=relabel,
    mutants=MUTANTS,
)
