"""`rig load --scale`: how costs grow with the number of mitras."""
