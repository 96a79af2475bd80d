"""A soak: hours of churning traffic, sampled; `rig soak`."""
