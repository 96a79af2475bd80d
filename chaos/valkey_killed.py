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
        "INV-15": {"reseed_s": 5.0, "empty_s": 1.0, "snapshot_s": 10.0, "max_customers": 3, "reads_min": 10},
        "INV-18": {"answer_s": 5.0, "requests_min": 20},
    },
)
