"""`rig chaos`: campaigns of faults."""
