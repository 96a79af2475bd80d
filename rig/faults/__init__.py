"""Faults and their life cycle: inject, seen to be active, remove, seen to heal. One small file a fault."""

from rig.faults.base import Fault, FaultContext, Observation, Unconfirmed, Unhealed, treats_a_connection
from rig.faults.lifecycle import Cycle
from rig.faults.valkey.processes import ValkeyKilled

__all__ = [
    "Cycle",
    "Fault",
    "FaultContext",
    "Observation",
    "Unconfirmed",
    "Unhealed",
    "ValkeyKilled",
    "treats_a_connection",
]
