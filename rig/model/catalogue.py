"""Finds the specifications: the modules and packages of rig/model/specs that have a SPEC."""

import difflib
import importlib
import pkgutil
from functools import cache

import rig.model.specs
from rig.model.language import Spec, SpecError


class UnknownSpec(LookupError):
    """There is no specification of this name."""


@cache
def specifications() -> dict[str, Spec]:
    """Every specification by its name, in the order of the names."""
    found: dict[str, Spec] = {}
    for module in pkgutil.iter_modules(rig.model.specs.__path__):
        place = f"rig/model/specs/{module.name}{'' if module.ispkg else '.py'}"
        try:
            spec = getattr(importlib.import_module(f"rig.model.specs.{module.name}"), "SPEC", None)
        except Exception as error:
            problem = f"it cannot be imported: {type(error).__name__}: {error}"
            raise SpecError(f"{place}: {problem}") from error
        if spec is None:
            continue
        if not isinstance(spec, Spec):
            raise SpecError(f"{place}: SPEC is a {type(spec).__name__}, not a Spec")
        if spec.name in found:
            raise SpecError(f"{spec.file}: {found[spec.name].file} has a specification of the name {spec.name!r} too")
        found[spec.name] = spec
    return dict(sorted(found.items()))


def specification(name: str) -> Spec:
    """The specification of this name."""
    known = specifications()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=2)
    if near:
        raise UnknownSpec(f"no specification {name!r}: did you mean {' or '.join(map(repr, near))}?")
    raise UnknownSpec(f"no specification {name!r}: there are {', '.join(known)}")
