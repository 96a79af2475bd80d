"""The verification rig: what features, campaigns and load runs share."""
