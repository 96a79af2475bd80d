"""Finds the claims that `loadtest/claims.py` declares, and their bounds for a run."""

from typing import Any

import msgspec

from rig.checks.load.thresholds import ITEM, ThresholdError, parse
from rig.errors import UsageError
from rig.results.claims_registry import claims
from rig.runs.load.plan import LoadOptions

SENT_SHARE = 0.95
BETWEEN_S = 9.5  # the snapshot lives for 10 s


def bounds_of(options: LoadOptions) -> dict[str, dict[str, Any]]:
    """By the id of each claim that this run answers, and the thresholds if it has any. UsageError for a bad one."""
    found = {
        claim.id: {
            "measure": claim.measure,
            "limit": claim.limit(options) if callable(claim.limit) else claim.limit,
            "sent_share": SENT_SHARE,
            "between_s": BETWEEN_S,
            "mirror_every_s": options.cadences["heartbeat-mirror"],
            "all_pinged_s": options.pace.ping_every_s + 1.0,
        }
        for claim in claims()
        if options.witness or not claim.witness
    }
    if options.thresholds:
        try:
            given = [msgspec.structs.asdict(parse(text, tuple(found))) for text in options.thresholds]
        except ThresholdError as error:
            raise UsageError(f"--threshold {error}") from None
        found[ITEM] = {"sent_share": SENT_SHARE, "thresholds": given}
    return found
