"""Rules that are explained, and the server's code that takes the steps."""

from rig.model.specs.stores.rules import ALONE, NONCE_DECIDES

ONE_OFFLINE = "server/mirror/sweeps.py:Sweeps._one_offline"
CHANGING = "server/mirror/writes.py:Writes.changing"
APPLY = "server/mirror/writes.py:Writes.apply"
ONE_SWEEP = "one sweep at a time in the cluster"
OWED_HERE = "who is owed at this instance is not silent"
UNKILLED = {
    ALONE: NONCE_DECIDES,
    OWED_HERE: "her version in Valkey is not that of her row, or this instance blocks sweeps: the second look or the "
    "transaction would spare her all the same",
    ONE_SWEEP: "the lock of her row orders two sweeps of a mitra; this one is there for seeds and fallback pings, which "
    "wait until it is free, and two sweeps of two mitras do not disturb each other",
}
