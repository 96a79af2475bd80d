"""Between two scenarios the test bed is as it was: what still comes of the one before is waited for."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from rig.contract import SETTING_S
from rig.environment import testbed
from rig.environment.testbed import DEFAULT_SETTINGS, Testbed


def test_a_setting_that_is_put_back_has_reached_every_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within that second any instance may delete the snapshot, which the next scenario would count as its own."""
    put: list[tuple[str, int]] = []

    class Answering:
        def __init__(self, *_: Any) -> None: ...

        def set_config(self, key: str, value: int) -> Any:
            put.append((key, value))
            return SimpleNamespace(ok=True)

    waited: list[float] = []
    monkeypatch.setattr(testbed, "Operator", Answering)
    monkeypatch.setattr(time, "sleep", waited.append)
    bed = Testbed.__new__(Testbed)
    bed.servers, bed.recorder = {"a": None}, None  # type: ignore[dict-item,assignment]
    bed._settings_touched = True
    bed.restore_settings()
    assert put == list(DEFAULT_SETTINGS.items())
    assert sum(waited) > SETTING_S
    bed.restore_settings()
    assert len(put) == len(DEFAULT_SETTINGS), "nothing was changed since"
