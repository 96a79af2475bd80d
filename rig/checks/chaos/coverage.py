"""What must happen in a campaign at least once; if it never happened, a pass proves nothing about it."""

from collections.abc import Callable, Mapping

from rig.checks.chaos.timeline import wrong_in
from rig.checks.framework import CONTRACT, Bounds, Judge, Kind, whole_run_check
from rig.contract import SEED_LINE
from rig.record import Lines, evidence
from rig.record.lines.chaos import Metrics, Sample
from rig.record.lines.common import ServerLog

FALLBACK, SKIPPED = "falling back", "valkey unavailable, skipping"
FENCED = "mirror_writes_fenced_off_total"
SEEN_WITHIN_S = 1.5  # a ghost that was seen so shortly before a seed was removed by it
SHOWN_MAX = 5

Count = Callable[[Lines], int]


def logged(text: str) -> Count:
    """Counts the lines of the servers' logs that contain the text."""
    return lambda lines: sum(text in line for log in lines.of(ServerLog) for _, line in log.lines)


def ghosts_removed(lines: Lines) -> int:
    """How many ids were ghosts in the last sample before a seed and no longer in the first sample after it."""
    seeds = sorted(at for log in lines.of(ServerLog) for at, text in log.lines if SEED_LINE in text)
    looks = [(sample.t, wrong) for sample in lines.of(Sample) if (wrong := wrong_in(sample)) is not None]
    found = 0
    for seed in seeds:
        before = [wrong for at, wrong in looks if seed - SEEN_WITHIN_S <= at <= seed]
        after = next((wrong for at, wrong in looks if at > seed), None)
        if before and after is not None:
            found += sum(how == "ghost" and after.get(id) != "ghost" for id, how in before[-1].items())
    return found


def fenced_off(lines: Lines) -> int:
    """How many writes were refused because a newer one had come before, as the servers count it at `/metrics`."""
    refused = 0.0
    last: dict[str, float] = {}
    for line in lines.of(Metrics):
        value = line.values.get(FENCED, 0.0)
        refused += max(0.0, value - last.get(line.instance, 0.0))
        last[line.instance] = value
    return int(refused)


EVENTS: Mapping[str, tuple[str, Count]] = {
    "SEEN-01": ("a fallback to Postgres was used", logged(FALLBACK)),
    "SEEN-02": ("a sweep was skipped", logged(SKIPPED)),
    "SEEN-03": ("a seed removed a ghost", ghosts_removed),
    "SEEN-04": ("a fence refused a late write", fenced_off),
}


def require_seen(judge: Judge, lines: Lines, item: str) -> None:
    told, count = EVENTS[item]
    times = count(lines)
    judge.show(evidence.note(f"{times} times {told}"))
    judge.require(times, f"it never happened that {told}: of what would break then, this campaign proves nothing")
    judge.note(f"{times} times {told}")


@whole_run_check("SEEN-01", "BE", "A fallback to Postgres was used", Kind.PRECONDITION)
def fallback_used(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    require_seen(judge, lines, "SEEN-01")


@whole_run_check("SEEN-02", "BE", "A sweep was skipped", Kind.PRECONDITION)
def sweep_skipped(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    require_seen(judge, lines, "SEEN-02")


@whole_run_check("SEEN-03", "BE", "A seed removed a ghost", Kind.PRECONDITION)
def ghost_removed(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    require_seen(judge, lines, "SEEN-03")


@whole_run_check("SEEN-04", "BE", "A fence refused a late write", Kind.PRECONDITION)
def write_fenced_off(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """The contract requires neither the fence nor its counter, so at level contract a server may lack both."""
    told = [line.values[FENCED] for line in lines.of(Metrics) if FENCED in line.values]
    if judge.level == CONTRACT and not told:
        judge.note(f"the server tells nothing of it: no {FENCED} at /metrics")
        return
    judge.show(evidence.note(f"{FENCED}, the last values: {', '.join(f'{value:g}' for value in told[-SHOWN_MAX:])}"))
    require_seen(judge, lines, "SEEN-04")
