"""All faults, from every module beside this one: a new one is one class in a file, and no list of them is kept."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from rig.errors import unknown
from rig.faults.base import Fault

FAMILIES = {
    "reachability": "nobody is there, or nobody answers the door",
    "silence": "connections stand, and nothing comes back",
    "slowness": "all is answered, late",
    "cuts": "connections end, at bad moments",
    "refusing": "Valkey lives and says no",
    "wrong": "Valkey lives and says what is not so",
    "partial": "some of it works",
    "truth": "Postgres itself is ill",
    "server": "an instance itself is gone, beset, or not what it was",
}


@cache
def faults() -> dict[str, type[Fault]]:
    """Name → class, in the order of FAMILIES, then by name. ValueError for a name or family that can't be."""
    for module in pkgutil.walk_packages([str(Path(__file__).parent)], "rig.faults."):
        importlib.import_module(module.name)
    found: dict[str, type[Fault]] = {}
    for fault in concrete(Fault.__subclasses__()):
        if fault.family not in FAMILIES or fault.name in found:
            raise ValueError(f"{fault.__module__}.{fault.__name__}: name {fault.name!r} or family is no good")
        found[fault.name] = fault
    order = list(FAMILIES)
    return dict(sorted(found.items(), key=lambda item: (order.index(item[1].family), item[0])))


def concrete(kinds: Iterable[type[Fault]]) -> Iterator[type[Fault]]:
    """Of these and all below them, those that have a name of their own: the others are bases."""
    for fault in kinds:
        if "name" in vars(fault) and not inspect.isabstract(fault):
            yield fault
        yield from concrete(fault.__subclasses__())


def fault_named(name: str) -> Fault:
    """A new object of the fault. Raises UsageError, with a suggestion, for an unknown name."""
    known = faults()
    if name not in known:
        raise unknown("fault", name, known, "`rig chaos --list-faults` lists them")
    return known[name]()
