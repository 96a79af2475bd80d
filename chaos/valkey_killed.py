"""Valkey's process dies in the middle of a day's traffic and comes back empty."""

from rig.drive.campaign import Campaign
from rig.faults import ValkeyKilled

CAMPAIGN = Campaign(
    name="valkey_killed",
    shows="A killed Valkey that comes back empty costs nobody an answer, and the mirror is right again within 5 s",
    fault=ValkeyKilled(),
    # No periodic seed: only the one after the reconnect can make the mirror right again.
    cadences={"auto-offline": 1, "heartbeat-mirror": 2},
    checks={
        "INV-01": {"quiet_s": 1.0, "reconnect_s": 5.0, "samples_min": 8},
        "INV-02": {"quiet_s": 1.0, "reconnect_s": 5.0, "samples_min": 8},
        "INV-03": {"quiet_s": 1.0, "reconnect_s": 5.0, "samples_min": 8},
        "INV-04": {"quiet_s": 1.0, "reconnect_s": 5.0, "samples_min": 8},
        "INV-05": {"ahead_s": 5.0, "samples_min": 20},
        "INV-06": {"reconnect_s": 5.0, "mirror_every_s": 2.0, "within_s": 1.0},
        "INV-07": {"stale_s": 90.0, "tolerance_s": 0.0, "pings_min": 100},
        "INV-09": {"sweep_every_s": 1.0, "mirror_every_s": 2.0, "flush_s": 1.0},
        "INV-10": {"pings_min": 5},
        "INV-11": {"mirror_every_s": 2.0},
        "INV-12": {"within_s": 1.0, "reconnect_s": 5.0},
        "INV-13": {"max_customers": 3},
        "INV-15": {"reseed_s": 5.0, "empty_s": 1.0, "snapshot_s": 10.0, "max_customers": 3, "reads_min": 10},
        "INV-16": {"between_s": 9.5, "snapshot_s": 10.0},
        "INV-18": {"answer_s": 5.0, "requests_min": 20},
        "INV-19": {"rows_min": 20},
        "INV-20": {},
        "INV-21": {"goodbye_s": 60.0, "within_s": 2.0},
        "INV-24": {},
    },
)
