"""The protocol without some of its rules: what must break then, and which rules break nothing."""

from rig.model.language import mutant
from rig.model.specs.tokens.rules import (
    ACTIVE,
    ACTIVE_AGAIN,
    CODE_AGAIN,
    CODE_LOCK,
    CODE_ONCE,
    DEACTIVATION_LOCK,
    HASH_AGAIN,
    IN_PLACE,
    MITRA_LOCK,
    NONE_SKIPPED,
    NOT_REVOKED,
    OWN_STATEMENT,
    SESSION_LOCK,
    TOGETHER,
)
from rig.model.specs.tokens.state import SMALL

MUTANTS = (
    mutant("a sign-in does not lock its code", CODE_LOCK, breaks="INV-20", within=SMALL),
    mutant("a sign-in looks at the code before the lock alone", CODE_AGAIN, breaks="INV-20", within=SMALL),
    mutant("a sign-in leaves its code open", CODE_ONCE, breaks="INV-20", within=SMALL),
    mutant("a sign-in does not lock the mitra", MITRA_LOCK, breaks="INV-20", within=SMALL),
    mutant("a sign-in looks at the mitra before the lock", ACTIVE_AGAIN, breaks="INV-20", within=SMALL),
    mutant("a deactivation does not lock the mitra", DEACTIVATION_LOCK, breaks="INV-20", within=SMALL),
    mutant("sessions are revoked in a second transaction", TOGETHER, breaks="INV-20", within=SMALL),
    mutant("sessions are looked up before the lock", OWN_STATEMENT, breaks="INV-20", within=SMALL),
    mutant("a session that is being refreshed is not revoked", NONE_SKIPPED, breaks="INV-20", within=SMALL),
    mutant("a refresh makes a new row", IN_PLACE, breaks="INV-20", within=SMALL),
    mutant("a refresh takes no lock", SESSION_LOCK, breaks="INV-20", within=SMALL),
    mutant("a refresh does not look at the hash again", HASH_AGAIN, breaks="INV-20", within=SMALL),
    mutant("a refresh does not ask whether its session is revoked", NOT_REVOKED, breaks="INV-20", within=SMALL),
    mutant("a refresh does not ask whether the mitra is active", ACTIVE, breaks="INV-20", within=SMALL),
)  # fmt: skip
