"""The manual session: `rig serve` runs servers to try by hand, other commands act on them while they run."""
