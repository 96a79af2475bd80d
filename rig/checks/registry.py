"""Finds all checks."""

import importlib
import pkgutil

from rig.checks.framework import CHECKS, Check


def load_checks() -> dict[str, Check]:
    """Import every module of checks once, so that `CHECKS` is complete."""
    package = importlib.import_module("rig.checks")
    for module in pkgutil.walk_packages(package.__path__, "rig.checks."):
        importlib.import_module(module.name)
    return CHECKS
