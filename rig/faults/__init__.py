"""Faults and their life cycle: inject, seen to bite, remove, seen to heal. One small file a fault."""

from rig.faults.base import Ends, Fault, Ground, Unconfirmed, Unhealed
from rig.faults.cycle import Cycle
from rig.faults.valkey_killed import ValkeyKilled

__all__ = ["Cycle", "Ends", "Fault", "Ground", "Unconfirmed", "Unhealed", "ValkeyKilled"]
