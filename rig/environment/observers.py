"""Which observers a test bed has, by what its stores let it see."""

from rig.observe import Monitor, NoMonitor
from rig.observe.valkey.keyspace_events import Told
from rig.stack import Stack
from rig.stack.stack import FIRST
from rig.stores import Lacks
from rig.stores.postgres import PostgresFacts


def why_no_log(facts: PostgresFacts) -> str:
    """The reason that a box which counts statements gives when there is no log."""
    return f"statement log: {facts.lacking.get('statement log', '')}"


def watch_commands(stack: Stack, others: str | None) -> Monitor | NoMonitor:
    """By MONITOR, where it shows commands to us and we can tell whose they are.

    `others`: the instance that owns all connections but the rig's. None: instances differ by Valkey user.
    """
    valkey = stack.valkey
    others = others or (None if valkey.users_of_their_own else FIRST)
    try:
        valkey.facts.require("MONITOR", "CLIENT LIST", *(["CLIENT SETNAME"] if others else []))
    except Lacks as lack:
        return NoMonitor(str(lack), second_witness(stack))
    return Monitor(valkey.url, instance_of=valkey.instance_of, others=others)


def second_witness(stack: Stack) -> Told | None:
    """Where there is no MONITOR: keyspace events and counters, if both can be had."""
    valkey = stack.valkey
    if not (valkey.facts.can("keyspace events") and valkey.facts.can("commandstats")):
        return None
    return Told(valkey.url, given=not valkey.facts.can("CONFIG SET"))
