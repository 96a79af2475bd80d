"""What became of a load that Locust sent by itself: the account of every planned request, and an exit code."""

import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from rig.record.histogram import merged, quantile_ms

BUSY = 0.70  # of a core: a generator above it has measured itself
COUNTS = ("planned", "completed", "failed", "missed", "in_flight")


def print_outcome(tallies: Sequence[dict[str, Any]], generators: Sequence[dict[str, Any]]) -> int:
    """0 when every request was answered well, 1 when one was not, 2 when that cannot be told."""
    by_action: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for tally in tallies:
        if tally["phase"] != "warm-up":
            by_action[tally["action"]].append(tally)
    heads = "".join(f"{name:>12}" for name in ("", *COUNTS, "p50 ms", "p95 ms", "p99 ms"))
    sys.stdout.write(f"\n{heads}  (from the plan)\n")
    for action, own in by_action.items():
        counts = [sum(tally[name] for tally in own) for name in COUNTS]
        corrected = merged(tally["corrected"] for tally in own)
        shown = [f"{quantile_ms(corrected, share) or 0:.1f}" for share in (0.5, 0.95, 0.99)]
        sys.stdout.write("".join(f"{one:>12}" for one in (action, *counts, *shown)) + "\n")
    doubts = [f"worker {one['worker']} did not finish" for one in generators if not one["finished"]]
    doubts += [
        f"worker {one['worker']} was busy for {one['cpu']:.0%} of its time: it measured itself"
        for one in generators
        if one.get("cpu", 0) > BUSY
    ]
    if not any(tally["completed"] + tally["failed"] for own in by_action.values() for tally in own):
        doubts.append("not one request was answered")
    bad = sum(tally[name] for own in by_action.values() for tally in own for name in ("failed", "missed", "in_flight"))
    told = f"failed: {bad} requests" if bad else f"inconclusive: {'; '.join(doubts)}" if doubts else "passed"
    sys.stdout.write(f"{told}\n")
    return 1 if bad else 2 if doubts else 0
