"""`rig model`: explorations of the protocol's specifications."""
