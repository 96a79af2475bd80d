"""The extras of an installed rig: packages that only some commands need. Standard library only."""

import importlib.util
from typing import NamedTuple


class Extra(NamedTuple):
    """Packages that only some commands need."""

    module: str  # that comes with it
    told: str  # what it is and does


# The packages stand in pyproject.toml.
EXTRAS = {
    "load": Extra("locust", "Locust, which sends the load"),
    "fuzz": Extra("schemathesis", "Schemathesis, which makes up requests"),
    "docker": Extra("testcontainers", "testcontainers, which starts the services"),
}


def lacking(extra: str, what: str) -> str | None:
    """Why `what` (a command or an option) cannot be had without this extra, and how to install it; None where it is there."""
    if importlib.util.find_spec(EXTRAS[extra].module) is not None:
        return None
    return f"{what} needs {EXTRAS[extra].told}: pip install 'mirror-rig[{extra}]'"
