"""A rule that more than one place names, and the server's modules that take the steps."""

COORDINATOR, SWEEP = "server/mirror/coordinator.py:InstanceCoordinator.", "server/mirror/sweeps.py:Sweeps._one_offline"
READS_LATER = "a sweep reads the table after it has its lock"
