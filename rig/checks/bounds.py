"""The numbers that checks compare with, each by its name: a check that misspells one is found by the type checker."""

from collections.abc import Mapping
from typing import TypedDict, cast

from rig.record.lines.common import BoundValue, numbers


class Bounds(TypedDict, total=False):
    """The bounds of one item, as they were in force when it was observed. Each item has its own few of them."""

    # Seconds that something may take, or that must have passed.
    within_s: float
    answer_s: float  # a request
    reconnect_s: float  # a server after a fault
    reseed_s: float
    empty_s: float  # in which a reader may see nobody
    quiet_s: float  # in which the two stores may differ
    visible_s: float  # a change, until readers see it
    partition_s: float  # a sign-in, until an instance without Postgres refuses it
    alert_s: float
    timer_s: float  # the end of a chat after its time
    goodbye_s: float
    watch_s: float
    reconcile_s: float
    all_pinged_s: float
    # Seconds of a period or an age.
    cycle_s: float
    every_s: float
    mirror_every_s: float
    sweep_every_s: float
    between_s: float  # two recomputes of the snapshot
    life_s: float  # of the snapshot
    snapshot_s: float  # the same, in a campaign
    stale_s: float
    stood_s: float  # a heartbeat, until Postgres must have it
    # Seconds for what clocks and logs add.
    clock_s: float
    ahead_s: float
    late_s: float
    flush_s: float
    margin_s: float
    tolerance_s: float
    # The least that must have been seen.
    answers_min: float
    gone_min: float
    pings_min: float
    reads_min: float
    requests_min: float
    rows_min: float
    samples_min: float
    # Of loads and growth.
    limit: float  # the most that a measure may be
    sent_share: float  # of the planned requests, from 0 to 1
    exponent: float
    p99_ms: float
    pings: float
    size: float  # mitras
    times: float
    # Of soaks.
    decides_s: float  # of the written cadences, from which on trends decide
    reach_times: float  # how far a trend is projected, in times of the observed span
    sampled_share: float  # of the planned time, from 0 to 1
    # Of cutovers.
    overlap_s: float  # instances on two stores
    failover_s: float  # from the return of the store until its mirror is right and in use
    back_s: float  # the whole way back
    slower_ms: float  # the median round trip to Y, beyond that to X
    used_share: float  # of maxmemory, from 0 to 1
    fresh_s: float  # the age of a proof
    # Of the settings.
    max_customers: float


def bounds_from(saved: Mapping[str, BoundValue]) -> Bounds:
    """The bounds of a line of the record. A name that no check reads any more does no harm."""
    return cast(Bounds, numbers(saved))
