"""Compares Valkey with Postgres, and puts mitras into both by hand."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rig.contract import CAPACITY, HEARTBEAT, ONLINE, WRITE_THROUGH_S
from rig.environment.testbed import Testbed
from rig.record.observations.parts import MirrorState, PostgresState
from rig.waiting import poll_until

MARGIN_S = 0.1  # beyond the second that a write may take, for clocks and scheduling
NAMED_MAX = 10


def differences(testbed: Testbed, within_s: float = WRITE_THROUGH_S + MARGIN_S) -> list[str]:
    """What Valkey holds otherwise than Postgres; looked at again until nothing is left, for `within_s` at most."""

    def look() -> list[str]:
        truth, _ = testbed.truth()
        return compared(truth, testbed.mirror_state())

    return poll_until(look, within_s, until=lambda found: not found)


def compared(truth: PostgresState, mirror: MirrorState) -> list[str]:
    """One line per difference, at most NAMED_MAX."""
    online, deactivated = set(truth.online), set(truth.deactivated)
    found = [f"{id} is online, and not in mitras:online" for id in sorted(online - set(mirror.online))]
    found += [f"{id} is in mitras:online, and not online" for id in sorted(set(mirror.online) - online)]
    found += [f"{id} is not in mitras:deactivated" for id in sorted(deactivated - set(mirror.deactivated))]
    found += [f"{id} is in mitras:deactivated, and active" for id in sorted(set(mirror.deactivated) - deactivated)]
    for id in sorted(online):
        load, held = truth.loads.get(id, 0), mirror.capacities.get(id)
        if held != str(load):
            found.append(f"the capacity of {id} is {held}, her load is {load}")
        if mirror.heartbeats.get(id) is None:
            found.append(f"{id} is online, and has no heartbeat")
    found += [f"{id} is offline, and has a heartbeat" for id in sorted(set(mirror.heartbeats) - online)]
    return found[:NAMED_MAX]


def keep_fresh(testbed: Testbed, ids: Sequence[str], ago: timedelta = timedelta()) -> None:
    """As if each of these had pinged just now, or so long ago."""
    at = (datetime.now(UTC) - ago).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    pipeline = testbed.mirror.client.pipeline(transaction=False)
    for id in ids:
        pipeline.set(HEARTBEAT + id, at)
    pipeline.execute()


def crowd_in_both(testbed: Testbed, count: int, name: str) -> list[str]:
    """So many mitras who are online, in Postgres and in Valkey; their ids."""
    ids = testbed.fixtures.crowd(count, name)
    pipeline = testbed.mirror.client.pipeline(transaction=False)
    pipeline.sadd(ONLINE, *ids)
    for id in ids:
        pipeline.set(CAPACITY + id, 0)
    pipeline.execute()
    keep_fresh(testbed, ids)
    return ids


def sleep_until(at: float) -> None:
    """Until this moment of the rig's clock, in epoch seconds."""
    time.sleep(max(0.0, at - time.time()))
