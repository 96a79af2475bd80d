"""Ways to the two stores, whoever runs them: their URLs, connections under the rig's name, what they are and let us do."""

from rig.stores.lacks import Lacks, Unfit, Unreachable

__all__ = ["Lacks", "Unfit", "Unreachable"]
