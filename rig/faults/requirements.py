"""Named capabilities that a fault may need of the stack or of the machine, each with a check whether it is there."""

import ctypes.util
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from rig import caller
from rig.faults.network.socket_filter import refused_here
from rig.stores.valkey import ABILITIES, ValkeyFacts

FAKETIME_PLACES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1")


class Requirement(StrEnum):
    """What a fault may need beyond any stack and any machine; the value is how reports and docs/faults.md call it."""

    # Commands of Valkey, which a given one may refuse to us.
    ACL = "ACL"
    CLIENT_KILL = "CLIENT KILL"
    CLIENT_LIST = "CLIENT LIST"
    CLIENT_PAUSE = "CLIENT PAUSE"
    CONFIG_SET = "CONFIG SET"
    REPLICAOF = "REPLICAOF"
    # Of the stack.
    EMBEDDED_VALKEY = "embedded valkey"
    EMBEDDED_POSTGRES = "embedded postgres"
    POSTGRES_SUPERUSER = "a superuser of Postgres"
    POSTGRES_PROXY = "a proxy before postgres"
    VALKEY_PROXY = "a proxy before Valkey"
    OWN_PROXY = "a proxy of ours"
    OWN_SERVER = "a server of ours"
    OWN_CLOCKS = "clocks of the instances' own"
    OWN_RESOLVER = "a resolver of ours"
    # Of the machine.
    LIBFAKETIME = "libfaketime"
    SOCKET_FILTERS = "filters on the proxy's sockets"


def missing(requirement: Requirement, stack: Any) -> str | None:
    """Why it is not there, with what to do; None when it is."""
    if requirement in ABILITIES or requirement is Requirement.CONFIG_SET:
        facts: ValkeyFacts = stack.valkey.facts_for_faults
        return facts.lacking.get(requirement)
    return CHECKS[requirement](stack)


def libfaketime() -> str | None:
    """Where the library is, None when it is not installed."""
    found = [str(path) for place in FAKETIME_PLACES for path in Path("/").glob(place.lstrip("/"))]
    return found[0] if found else ctypes.util.find_library("faketime")


def _embedded_valkey(stack: Any) -> str | None:
    ours = hasattr(stack.valkey, "save")
    return None if ours else "this Valkey is not a process of ours to restart: use --mode embedded"


def _embedded_postgres(stack: Any) -> str | None:
    ours = hasattr(stack.postgres, "stop")
    return None if ours else "this Postgres is not a process of ours to restart: use --mode embedded"


def _postgres_superuser(stack: Any) -> str | None:
    ours = getattr(stack.postgres, "managed", False)
    return None if ours else "it takes a superuser: use --mode embedded or docker"


def _own_server(stack: Any) -> str | None:
    return "the server was started by somebody else" if stack.spec.attached is not None else None


def _libfaketime(stack: Any) -> str | None:
    return _own_server(stack) or (None if libfaketime() else "install it (Debian: apt install libfaketime)")


def _own_clocks(stack: Any) -> str | None:
    return _libfaketime(stack) or (None if stack.spec.clock_library else "this stack was opened without them")


def no_resolver() -> str | None:
    """Why servers can't be given a resolver of their own on this machine; None when they can."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return "run the rig as root, where there is unshare"
    done = subprocess.run(["unshare", "-m", "true"], env=caller.own(), capture_output=True, text=True)
    return f"there is no mount namespace to be had ({done.stderr.strip()})" if done.returncode else None


def _own_resolver(stack: Any) -> str | None:
    return (
        _own_server(stack)
        or no_resolver()
        or (None if stack.spec.own_resolver else "this stack was opened without one")
    )


def _own_proxy(stack: Any) -> str | None:
    ours = getattr(stack.toxiproxy, "pid", None) is not None
    return None if ours else "this Toxiproxy is not a process of ours: use --mode embedded"


def _socket_filters(stack: Any) -> str | None:
    if (foreign := _own_proxy(stack)) is not None:
        return foreign
    why = refused_here()
    return None if why is None else f"the kernel refuses them here ({why}): run the rig as root, outside a container"


def _valkey_proxy(stack: Any) -> str | None:
    host = getattr(stack.toxiproxy, "host", None)
    return None if host is None else stack.valkey.why_direct(host) or None


CHECKS: Mapping[Requirement, Callable[[Any], str | None]] = {
    Requirement.EMBEDDED_VALKEY: _embedded_valkey,
    Requirement.EMBEDDED_POSTGRES: _embedded_postgres,
    Requirement.POSTGRES_SUPERUSER: _postgres_superuser,
    Requirement.POSTGRES_PROXY: lambda stack: None if stack.spec.truth_proxied else "this stack has none",
    Requirement.VALKEY_PROXY: _valkey_proxy,
    Requirement.OWN_PROXY: _own_proxy,
    Requirement.OWN_SERVER: _own_server,
    Requirement.OWN_CLOCKS: _own_clocks,
    Requirement.OWN_RESOLVER: _own_resolver,
    Requirement.LIBFAKETIME: _libfaketime,
    Requirement.SOCKET_FILTERS: _socket_filters,
}
