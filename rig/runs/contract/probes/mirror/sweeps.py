"""Departures just below and just above the bound at which a sweep may be held."""

import time
from datetime import timedelta

from rig.environment.testbed import Testbed
from rig.observe import ServerLog
from rig.record.observations import numbers
from rig.runs.contract.probes.instances import instance, usual_start_s, watch_start
from rig.runs.contract.probes.mirror.comparison import crowd_in_both, keep_fresh
from rig.runs.contract.probing import probe
from rig.stack.sut.managed import ServerInstance
from rig.waiting import poll_until

STALE_S, TICK_S = 3, 1
GRACE_S = STALE_S + 1.0  # after a start a server may wait so long before it sweeps, so that all can ping first
SILENT_FOR = timedelta(minutes=5)
WATCHED_S = 40.0  # far beyond a hold of three times STALE_S: on a slow machine each mitra may take a while
START_S = 20.0
REFRESH_S = 0.3
HOLDABLE_SHARE = 0.3  # of the fleet: more than this may be held
RETURN_AFTER_S = (4.0, 7.0)  # within a hold of three times STALE_S
STALE_SETTING = "stale_after_seconds"
# How many are online, and how many of them become silent at once: two of two, 30 %, and one more than 30 %.
DEPARTURES = ((2, 2), (100, 30), (100, 31))
MARK = "auto-offline"  # of the lines that are about this job
OFFLINE = "SELECT count(*) FROM mitra_online_status s WHERE NOT s.is_online AND s.mitra_id::text = ANY(%s)"


@probe("departures at the bound", "numbers")
def departures_at_the_bound(testbed: Testbed) -> numbers.Departures:
    """One departure after the other, each in a fleet of its own size, at an instance that sweeps each second."""
    testbed.empty_stores()
    testbed.fixtures.setting(STALE_SETTING, STALE_S)
    try:
        with instance(testbed, "sweeper", {"MITRA_AUTO_OFFLINE_SWEEP_SECONDS": str(TICK_S)}) as server:
            watch_start(server, START_S + usual_start_s(testbed))
            if server.ready is None:
                return numbers.Departures(stale_s=STALE_S, tick_s=TICK_S, departures=[])
            time.sleep(GRACE_S)
            found = [departure(testbed, server, online, leaving) for online, leaving in DEPARTURES]
        return numbers.Departures(stale_s=STALE_S, tick_s=TICK_S, departures=found)
    finally:
        testbed.fixtures.setting(STALE_SETTING, None)


def departure(testbed: Testbed, server: ServerInstance, online: int, leaving: int) -> numbers.Departure:
    """So many of a new fleet become silent at the same moment, and the others ping on.

    Some more become silent with them and ping again later. So the number of the silent changes while a tick is held.
    """
    testbed.empty_stores()
    testbed.fixtures.setting(STALE_SETTING, STALE_S)
    ids = crowd_in_both(testbed, online, f"fleet of {online}")
    silent, pinging = ids[:leaving], ids[leaving:]
    returning = dict(zip(pinging, RETURN_AFTER_S, strict=False)) if leaving > HOLDABLE_SHARE * online else {}
    pinging = pinging[len(returning) :]
    keep_fresh(testbed, [*silent, *returning], SILENT_FOR)
    began = time.time()

    first_s: float | None = None

    def offline() -> int:
        nonlocal first_s
        keep_fresh(testbed, [*pinging, *(id for id, after_s in returning.items() if time.time() > began + after_s)])
        gone: int = testbed.tables.query(OFFLINE, (silent,)).value
        if gone and first_s is None:
            first_s = round(time.time() - began, 3)
        return gone

    gone = poll_until(offline, WATCHED_S, every_s=REFRESH_S, until=lambda count: count == leaving)
    lines = [text for _, text in ServerLog(server.log).lines(since=began, containing=MARK)]
    others: int = testbed.tables.query(OFFLINE, (pinging,)).value
    told = [line for line in lines if not any(id in line for id in ids)]
    return numbers.Departure(
        online=online, leaving=leaving, gone=gone, first_s=first_s, watched_s=round(time.time() - began, 3), others=others,
        lines=told[: numbers.LINES_MAX],
    )  # fmt: skip
