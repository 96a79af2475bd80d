"""The names of bounds: the type checker keeps those that a check reads, this keeps those that a run is given."""

from collections.abc import Mapping

import pytest

from rig.checks.bounds import Bounds
from rig.checks.soak import items as soak
from rig.runs.chaos.campaign import INVARIANTS
from rig.runs.load.bounds import bounds_of
from rig.runs.load.plan import LoadOptions
from rig.runs.scaling.run import BOUNDS

GIVEN: dict[str, Mapping[str, object]] = {**INVARIANTS, **BOUNDS, **soak.BOUNDS, **bounds_of(LoadOptions())}


@pytest.mark.parametrize("item", GIVEN)
def test_a_bound_that_a_run_is_given_is_one_that_checks_know(item: str) -> None:
    assert set(GIVEN[item]) - {"measure"} <= set(Bounds.__annotations__)
