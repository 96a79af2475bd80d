"""Finds the claims that `loadtest/claims.py` declares."""

import importlib.util
from functools import cache

from rig.checks import load_checks
from rig.checks.load.claims import Claim, declare_claims
from rig.paths import shipped

FILE = shipped("loadtest", "claims.py")


@cache
def claims() -> tuple[Claim, ...]:
    """All claims; their checks are declared the first time."""
    load_checks()  # their measures
    spec = importlib.util.spec_from_file_location("rig_load_claims", FILE)
    assert spec is not None, FILE
    assert spec.loader is not None, FILE
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    declare_claims(module.CLAIMS)
    return tuple(module.CLAIMS)
