"""The protocol without some of its rules: what must break then, and which rules break nothing."""

from rig.model.language import mutant
from rig.model.specs.capacity.rules import (
    CHAT_LOCK,
    IN_ORDER,
    IN_POSTGRES,
    MITRA_LOCK,
    MOVED,
    OWN_STATEMENT,
    READ_AFTER,
    ROOM,
    STILL_OPEN,
    TABLE,
)
from rig.model.specs.capacity.state import SMALL, TWO

MUTANTS = (
    mutant("the setting's row is locked, which may not be there", TABLE, breaks="INV-13", finding="S-06", within=SMALL),
    mutant("the mitra's row is not locked", MITRA_LOCK, breaks="INV-13", within=SMALL),
    mutant("the load is counted before the lock", OWN_STATEMENT, breaks="INV-13", within=SMALL),
    mutant("the maximum is read before the lock", READ_AFTER, breaks="INV-13", within=SMALL),
    mutant("the maximum is taken from memory", IN_POSTGRES, breaks="INV-13", within=SMALL),
    mutant("a full mitra takes one more", ROOM, breaks="INV-13", within=SMALL),
    mutant("the chat's row is not locked", CHAT_LOCK, breaks="INV-03", within=TWO),
    mutant("a chat is not looked at again", STILL_OPEN, breaks="INV-03", within=TWO),
    mutant("a chat that moved is changed all the same", MOVED, breaks="INV-03", within=TWO | {"requests": 3}),
    mutant("mitras are locked in any order", IN_ORDER, breaks="LIVENESS", within=TWO | {"chats": 2, "held": 2}),
)  # fmt: skip
