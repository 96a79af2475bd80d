"""Each scripted race fails on a mirror that lacks its rule: what these tests are worth."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import mirror_support
import pytest
import test_mirror_protocol as races
from broken_mirrors import BROKEN, BrokenMirror
from mirror_support import body_of, mirror_stack, on_bench

from rig.stack import Stack

__all__ = ["mirror_stack"]

PATIENCE_S = 2.5  # for what a broken mirror never does
SECONDS_MAX = 40


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Wait no longer than PATIENCE_S for what is not going to happen; for all else as long as the test says."""
    until = mirror_support.until

    def make(awaited: str) -> None:
        async def shortly(condition: Callable[[], Awaitable[Any]], what: str, within_s: float = 5.0) -> Any:
            return await until(condition, what, min(within_s, PATIENCE_S) if awaited in what else within_s)

        for module in (mirror_support, races):
            monkeypatch.setattr(module, "until", shortly)
        monkeypatch.setattr(races, "ANSWER_WITHIN_S", PATIENCE_S)
        monkeypatch.setattr(races, "MEANWHILE_S", 10.0)  # what must wait does not, and ends that

    return make


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.timeout(SECONDS_MAX)
@pytest.mark.parametrize("broken", BROKEN, ids=lambda one: f"{one.name}-{one.finding or 'setting'}")
def test_the_race_fails(
    broken: BrokenMirror,
    impatient: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    mirror_stack: Stack,
    capsys: Any,
) -> None:
    body = body_of(getattr(races, broken.test))
    impatient(broken.message)
    broken.patch(monkeypatch)
    with pytest.raises(AssertionError) as failed:
        asyncio.run(on_bench(mirror_stack, capsys, body))
    gc.collect()  # a race that is broken off may leave connections: their warnings come here, not in the next test
    assert broken.message in str(failed.value), "it failed by another assertion than the one that the rule is about"


def test_each_race_has_a_broken_mirror() -> None:
    tests = {name for name in vars(races) if name.startswith("test_")}
    assert tests == {broken.test for broken in BROKEN}
