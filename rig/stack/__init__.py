"""The stack a run works on: one supervisor process, Postgres, Valkey, Toxiproxy, and servers under test."""

from rig.stack.errors import CapabilityMissing, NotReady, ServerDied, SpawnError, SpecError, StackError, SupervisorGone
from rig.stack.process import Process, Supervisor
from rig.stack.server import Seat, ServerInstance
from rig.stack.spec import StackSpec
from rig.stack.stack import Stack, open_stack

__all__ = [
    "CapabilityMissing",
    "NotReady",
    "Process",
    "Seat",
    "ServerDied",
    "ServerInstance",
    "SpawnError",
    "SpecError",
    "Stack",
    "StackError",
    "StackSpec",
    "Supervisor",
    "SupervisorGone",
    "open_stack",
]
