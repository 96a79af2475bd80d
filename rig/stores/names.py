"""By which name the rig's own connections are known in both stores. Imports nothing, as the store shells need it at once."""

OURS = "rig-"  # the prefix of the names of all our connections
