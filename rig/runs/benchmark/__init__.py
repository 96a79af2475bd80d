"""`rig bench`: measurements that keep no run."""
