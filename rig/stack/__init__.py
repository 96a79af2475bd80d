"""The stack a run works on: one supervisor process, Postgres, Valkey, Toxiproxy, and servers under test."""

from rig.stack.errors import CapabilityMissing, NotReady, ServerDied, SpawnError, SpecError, StackError, SupervisorGone
from rig.stack.processes.process import Process, Supervisor
from rig.stack.spec import StackSpec
from rig.stack.stack import Stack, open_stack
from rig.stack.sut.managed import Seat, ServerInstance

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
