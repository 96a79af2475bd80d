"""Lets plain pytest, and so an editor, run the features: the plugin that `rig checklist` names by itself."""

import sys
from pathlib import Path

import pytest

CHECKOUT = str(Path(__file__).resolve().parents[1])
if CHECKOUT not in sys.path:  # pytest was started elsewhere, or imports files by their path alone
    sys.path.insert(0, CHECKOUT)


def pytest_configure(config: pytest.Config) -> None:
    """Nothing where it is there already. Late enough for a directory that is only come upon while tests are collected."""
    config.pluginmanager.import_plugin("features.plugin")
