"""How a store is not what a run wants: it cannot be reached, cannot be used, or lacks one thing."""


class Unreachable(Exception):
    """Nobody answered at the address: one line."""


class Unfit(Exception):
    """It answered, and cannot be used (password, version, role, cluster, certificate, pooling): one line that says why."""


class Lacks(Exception):
    """It can be used, but one thing is missing: what needs it is skipped, by this name."""
