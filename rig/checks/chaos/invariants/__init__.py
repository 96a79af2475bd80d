"""The invariants of a campaign, one module per subject."""
