"""Takes known deviations out of the verdict of a run, and tells each of them first."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rig.record import Verdict
from rig.record.lines.common import AcceptedDeviation
from rig.results.forms import Item


def accept(items: Sequence[Item], accepted: Sequence[AcceptedDeviation], started: float) -> list[str]:
    """Skip each failed item whose deviation is accepted on the day of the run. Returns what the report says of it.

    `started`: of the run, in epoch seconds. An item that does not fail keeps its verdict.
    """
    today = datetime.fromtimestamp(started, UTC).date().isoformat()
    by_id = {item["id"]: item for item in items}
    told = []
    for one in accepted:
        item = by_id.get(one.id)
        if item is None:
            continue  # this run does not judge it
        if item["verdict"] != Verdict.FAILED:
            told.append(f"{one.id} is {item['verdict']}: its deviation need not be accepted any more ({one.reason})")
        elif today > one.until:
            told.append(f"{one.id} was accepted until {one.until} and counts again ({one.reason})")
        else:
            item["verdict"] = Verdict.SKIPPED
            item["message"] = f"accepted until {one.until} ({one.reason}); {item['message']}"
            told.append(f"{one.id} failed, which is accepted until {one.until}: {one.reason}")
    return told
