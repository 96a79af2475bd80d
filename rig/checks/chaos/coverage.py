"""What has to happen some time in a campaign: where it never did, a pass proves nothing of what it would have broken."""

from collections.abc import Callable, Mapping, Sequence

from rig.checks.chaos.timeline import Line, wrong_in
from rig.checks.framework import CONTRACT, Bounds, Judge, Kind, Lines, check
from rig.contract import SEED_LINE
from rig.record import evidence

FALLBACK, SKIPPED = "falling back", "valkey unavailable, skipping"
FENCED = "mirror_writes_fenced_off_total"
SEEN_WITHIN_S = 1.5  # a ghost was there so shortly before the seed that it can have been its work
SHOWN_MAX = 5

Count = Callable[[Mapping[str, Sequence[Line]]], int]


def logged(text: str) -> Count:
    """How many lines of the servers' output hold it."""
    return lambda lines: sum(text in line for log in lines.get("log", ()) for _, line in log["lines"])


def ghosts_removed(lines: Mapping[str, Sequence[Line]]) -> int:
    """Ghosts of the last look before a seed that were none in the first one after it."""
    seeds = sorted(at for log in lines.get("log", ()) for at, text in log["lines"] if SEED_LINE in text)
    looks = [(sample["t"], wrong) for sample in lines.get("sample", ()) if (wrong := wrong_in(sample)) is not None]
    found = 0
    for seed in seeds:
        before = [wrong for at, wrong in looks if seed - SEEN_WITHIN_S <= at <= seed]
        after = next((wrong for at, wrong in looks if at > seed), None)
        if before and after is not None:
            found += sum(how == "ghost" and after.get(id) != "ghost" for id, how in before[-1].items())
    return found


def fenced_off(lines: Mapping[str, Sequence[Line]]) -> int:
    """How often a write came after a newer one and was refused, as the servers count it at `/metrics`."""
    refused = 0.0
    last: dict[str, float] = {}
    for line in lines.get("metrics", ()):
        value = line["values"].get(FENCED, 0.0)
        refused += max(0.0, value - last.get(line["instance"], 0.0))
        last[line["instance"]] = value
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


@check("SEEN-01", "BE", "A fallback to Postgres was used", Kind.PRECONDITION, whole_run=True)
def fallback_used(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    require_seen(judge, lines, "SEEN-01")


@check("SEEN-02", "BE", "A sweep was skipped", Kind.PRECONDITION, whole_run=True)
def sweep_skipped(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    require_seen(judge, lines, "SEEN-02")


@check("SEEN-03", "BE", "A seed removed a ghost", Kind.PRECONDITION, whole_run=True)
def ghost_removed(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    require_seen(judge, lines, "SEEN-03")


@check("SEEN-04", "BE", "A fence refused a late write", Kind.PRECONDITION, whole_run=True)
def write_fenced_off(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """Only a server that counts it tells; the contract asks for neither the fence nor the count."""
    told = [line["values"][FENCED] for line in lines.get("metrics", ()) if FENCED in line["values"]]
    if judge.level == CONTRACT and not told:
        judge.note(f"the server tells nothing of it: no {FENCED} at /metrics")
        return
    judge.show(evidence.note(f"{FENCED}, the last values: {', '.join(f'{value:g}' for value in told[-SHOWN_MAX:])}"))
    require_seen(judge, lines, "SEEN-04")
