"""What a generator tells of its requests has the form of the record's lines."""

import json

import pytest

from rig.record.lines import line_from
from rig.record.lines.load import Failure, Traffic
from rig.traffic.load.tally import Tallies


@pytest.mark.parametrize(("status", "error"), [(500, "500 INTERNAL_ERROR"), (None, "no answer within 5 s")])
def test_a_failed_request_can_be_recorded(status: int | None, error: str) -> None:
    tallies = Tallies()
    tally = tallies.of("on", "beacon", "warm-up")
    tallies.fail(tally, 1_800_000_000, at=1_800_000_000.25, actor=3, status=status, error=error)
    told = json.loads(json.dumps(tallies.drain()))  # as it comes from another process
    (failure,) = [line_from(Failure, {"worker": "local", **one}) for one in told["failures"]]
    assert (failure.action, failure.actor, failure.status, failure.error) == ("beacon", 3, status, error)
    (second,) = line_from(Traffic, {"worker": "local", "seconds": told["seconds"]}).seconds
    assert (second.arm, second.action, second.failed) == ("on", "beacon", 1)
