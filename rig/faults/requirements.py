"""Named capabilities that a fault may need of the stack or of the machine, each with a look whether it is there."""

import ctypes.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from rig import caller
from rig.faults.network.socket_filter import refused_here
from rig.stores.valkey import ABILITIES

FAKETIME = "libfaketime"
OWN_CLOCKS = "clocks of the instances' own"
RESOLVER = "a resolver of ours"
OWN_PROXY = "a proxy of ours"
TRUTH_PROXIED = "a proxy before postgres"
WAY = "a proxy before Valkey"
SOCKET_FILTERS = "filters on the proxy's sockets"
FAKETIME_PLACES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1")


def missing(need: str, stack: Any) -> str | None:
    """Why it is not there, with what to do; None when it is. KeyError for a need that nobody has named."""
    if need in ABILITIES or need == "CONFIG SET":
        return stack.valkey.facts.lacking.get(need)
    return LOOKS[need](stack)


def needs_of(fault: Any) -> tuple[str, ...]:
    """Those that it declares, and what all faults of its layer need."""
    return (WAY, *fault.needs) if fault.layer == "way" else fault.needs


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


def _observer(stack: Any) -> str | None:
    ours = getattr(stack.postgres, "managed", False)
    return None if ours else "it takes a superuser: use --mode embedded or docker"


def _own_server(stack: Any) -> str | None:
    return "the server was started by somebody else" if stack.spec.attached is not None else None


def _faketime(stack: Any) -> str | None:
    return _own_server(stack) or (None if libfaketime() else "install it (Debian: apt install libfaketime)")


def _own_clocks(stack: Any) -> str | None:
    return _faketime(stack) or (None if stack.spec.clock_library else "this stack was opened without them")


def no_resolver() -> str | None:
    """Why servers can't be given a resolver of their own on this machine; None when they can."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return "run the rig as root, where there is unshare"
    done = subprocess.run(["unshare", "-m", "true"], env=caller.own(), capture_output=True, text=True)
    return f"there is no mount namespace to be had ({done.stderr.strip()})" if done.returncode else None


def _resolver(stack: Any) -> str | None:
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


def _way(stack: Any) -> str | None:
    host = getattr(stack.toxiproxy, "host", None)
    return None if host is None else stack.valkey.why_direct(host) or None


def _root(stack: Any) -> str | None:
    return None if os.geteuid() == 0 else "run the rig as root"


LOOKS = {
    "embedded valkey": _embedded_valkey,
    "embedded postgres": _embedded_postgres,
    "a superuser of Postgres": _observer,
    TRUTH_PROXIED: lambda stack: None if stack.spec.truth_proxied else "this stack has none",
    "a server of ours": _own_server,
    WAY: _way,
    FAKETIME: _faketime,
    OWN_CLOCKS: _own_clocks,
    RESOLVER: _resolver,
    OWN_PROXY: _own_proxy,
    SOCKET_FILTERS: _socket_filters,
    "root": _root,
}
