"""A fault that a given store does not let us make is missing by the name of the command, before any traffic."""

from types import SimpleNamespace
from typing import Any

import pytest

from rig.faults.catalogue import fault_named
from rig.faults.requirements import missing
from rig.runs.chaos.fault_scheduler import refuse_what_is_missing
from rig.stack import CapabilityMissing
from rig.stack.external.valkey import ExternalValkey
from rig.stores.valkey import ValkeyFacts


def stack_on(url: str, *refused: str) -> Any:
    valkey = ExternalValkey(url)
    valkey._facts = ValkeyFacts("Redis", "7.0.15", False, 0, {name: f"Valkey refuses {name} to us" for name in refused})
    return SimpleNamespace(valkey=valkey, toxiproxy=SimpleNamespace(host="127.0.0.1"))


@pytest.mark.parametrize(
    ("fault", "command"),
    [
        ("out of memory", "CONFIG SET"), ("read-only", "REPLICAOF"), ("eviction", "CONFIG SET"), ("password changed", "ACL"),
        ("clients killed", "CLIENT KILL"),
    ],
)  # fmt: skip
def test_the_command_that_is_refused_is_named(fault: str, command: str) -> None:
    stack = stack_on("redis://h", command)
    strike = SimpleNamespace(fault=fault, made=lambda: fault_named(fault))
    with pytest.raises(CapabilityMissing, match=f"'{fault}' needs {command}: Valkey refuses {command} to us"):
        refuse_what_is_missing(SimpleNamespace(stack=stack), [strike])  # type: ignore[arg-type,list-item]
    refuse_what_is_missing(SimpleNamespace(stack=stack_on("redis://h")), [strike])  # type: ignore[arg-type,list-item]


@pytest.mark.parametrize("fault", ["refused", "requests lost"])
def test_a_fault_of_the_way_needs_a_proxy_before_valkey(fault: str) -> None:
    """None can stand before a Unix socket, or before a certificate that names another host."""
    (way,) = [one for one in fault_named(fault).all_requirements() if "proxy" in one]
    assert missing(way, stack_on("redis://h")) is None
    assert "Unix socket" in str(missing(way, stack_on("unix:///run/valkey.sock")))
    assert "certificate" in str(missing(way, stack_on("rediss://h")))
