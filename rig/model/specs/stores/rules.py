"""Rules that more than one action asks, or that are explained."""

ALONE = "one seed at a time in the cluster"
NONCE_DECIDES = (
    "the nonce alone decides which seed counts; the lock keeps two seeds from ending each other again and again"
)
EPOCH = "every script checks the epoch first"
OWN_NONCE = "each script of a seed demands its own nonce"
