"""The pytest plugin by which the process that runs the features gets an action that takes no effect."""

import os

VARIABLE = "RIG_INTERNAL_SABOTAGE"


def pytest_configure() -> None:
    from tests.sabotage.catalogue import CATALOGUE

    CATALOGUE[os.environ[VARIABLE]].patch()
