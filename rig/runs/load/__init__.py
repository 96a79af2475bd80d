"""`rig load`: two arms, with and without the mirror."""
