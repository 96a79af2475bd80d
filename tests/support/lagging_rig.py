"""A plugin of the features' process that stands still in the first three tries of each scenario."""

from typing import Any

from features import plugin
from rig.runs.checklist.world import World

plugin.PAUSES_S = (0.1, 0.1, 0.1)
LAGGING_TRIES = 3
begin = World.__init__


def lagging(self: World, testbed: Any, recorder: Any, scenario: str, variant: str, attempt: int) -> None:
    begin(self, testbed, recorder, scenario, variant, attempt)
    testbed.lag.worst = lambda since, until=None: 0.3 if attempt <= LAGGING_TRIES else 0.0


World.__init__ = lagging  # type: ignore[method-assign]
