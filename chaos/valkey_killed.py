"""Valkey's process dies in the middle of a day's traffic and comes back empty."""

from rig.drive.campaign import CADENCES, INVARIANTS, Campaign
from rig.faults import ValkeyKilled

CAMPAIGN = Campaign(
    name="valkey_killed",
    shows="A killed Valkey that comes back empty costs nobody an answer, and the mirror is right again within 5 s",
    fault=ValkeyKilled(),
    cadences=CADENCES,
    checks=INVARIANTS,
)
