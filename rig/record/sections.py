"""The sections of the checklist, in the order in which a report shows them."""

SECTIONS = {
    "SETUP": "Setup",
    "A": "Seed and startup",
    "B": "Online / offline toggle",
    "C": "Heartbeat path",
    "D": "Capacity counter",
    "E": "Deactivation flow",
    "F": "Read paths",
    "G": "Auto-offline sweep",
    "H": "Batched heartbeat mirror",
    "I": "Reconciliation sweep",
    "J": "Failure modes",
    "K": "Several instances",
    "SMOKE": "Smoke tests",
}

# What stands in no checklist: the items of campaigns and loads, and what no box owns.
RUN_SECTIONS = {
    "INV": "Invariants",
    "PROTOCOL": "The protocol of the mirror",
    "SEEN": "What had to happen",
    "STATE": "States that had to be met in quiet",
    "CLAIM": "Claims",
    "DIFF": "With the mirror and without it",
    "THRESHOLD": "Thresholds",
    "GROWTH": "Growth",
    "SOAK": "Long runs",
    "GO": "May we move?",
    "CONTRACT": "The contract beside the boxes",
}
