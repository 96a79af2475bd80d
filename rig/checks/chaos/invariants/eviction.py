"""The invariant of Valkey's memory: nothing is evicted, and a policy that could evict the mirror causes an alert."""

from collections.abc import Sequence
from itertools import pairwise

from rig.checks.chaos.invariants.account_state import left
from rig.checks.chaos.timeline import faults, inside, phases
from rig.checks.framework import Bounds, Judge, Kind, whole_run_check
from rig.record import Lines, evidence
from rig.record.lines.chaos import Readiness, Sample
from rig.record.lines.common import ServerLog

DANGEROUS = "allkeys-"
APART_S = 0.5  # at most between two looks at the policy
RECOVERED_S = 5.0  # an instance without Valkey sees the policy only after it has reconnected
SHOWN_MAX = 3
POLICY = ("eviction", "eviction allowed")  # the faults that set a policy


@whole_run_check("INV-24", "BE", "Valkey evicted nothing, and a policy that would is cried out", Kind.INVARIANT)
def nothing_evicted(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """An `allkeys-*` policy that lasts for `alert_s` is named in a log line and at `/readyz`, until it is gone."""
    rows = left(judge, lines)
    if rows is None:
        return
    judge.require_hardened(
        rows.evicted_keys == 0, f"{rows.evicted_keys} keys were evicted: availability rots in silence"
    )
    judge.show(evidence.valkey("INFO stats: evicted_keys", rows.evicted_keys))
    judge.note(f"evicted_keys is {rows.evicted_keys}")
    if "alert_s" not in bounds:
        return
    for policy, since, until in dangerous_spans(lines.of(Sample)):
        if until - since >= bounds["alert_s"] and not troubled(lines, since, since + bounds["alert_s"]):
            require_alert(judge, lines, policy, since, until, bounds["alert_s"])


def dangerous_spans(samples: Sequence[Sample]) -> list[tuple[str, float, float]]:
    """Each `allkeys-*` policy, with the first and the last of the consecutive looks that saw it."""
    looks = [(sample.t, sample.keys_before.policy) for sample in samples if sample.keys_before]
    spans: list[tuple[str, float, float]] = []
    for (at, policy), (following, then) in pairwise(looks):
        if policy and policy.startswith(DANGEROUS) and policy == then:
            begun = spans.pop()[1] if spans and spans[-1][0] == policy and spans[-1][2] == at else at
            spans.append((policy, begun, following))
    return spans


def troubled(lines: Lines, since: float, until: float) -> bool:
    """Whether another fault was in force or just over, so that an instance may not have seen the policy."""
    return any(
        fault.name not in POLICY
        and (fault.requested or 0.0) <= until
        and (fault.removed or until) + RECOVERED_S >= since
        for fault in faults(lines).each
    )


def require_alert(judge: Judge, lines: Lines, policy: str, since: float, until: float, alert_s: float) -> None:
    """Every instance alerts. Its log line may be older than the first look that saw the policy."""
    due = since + alert_s
    first = since - APART_S if since > phases(lines)["warm-up"].since + APART_S else 0.0
    for log in lines.of(ServerLog):
        said = [line for at, line in log.lines if first <= at <= due and policy in line]
        judge.show(evidence.log(log.source, said[:SHOWN_MAX], looked_for=policy))
        judge.require_hardened(said, f"{log.instance} left no line within {alert_s:g} s of the policy {policy}")
        told = readiness(lines, log.instance, due)
        if not judge.enough(told is not None, f"{log.instance} was never asked at /readyz") or told is None:
            continue
        judge.show(evidence.note(f"{log.instance} at /readyz {due - since:.1f} s after it: {told.text}"))
        judge.require_hardened(policy in told.text, f"{log.instance} says nothing of the policy {policy} at /readyz")
        over = until + alert_s
        after = readiness(lines, log.instance, over)
        if over <= phases(lines)["drain"].until and not troubled(lines, until, over) and after is not None:
            stays = policy in after.text
            judge.require_hardened(
                not stays, f"{log.instance} still tells of the policy {policy} {alert_s:g} s after its end"
            )
    judge.note(f"{policy} stood for {until - since:.1f} s")


def readiness(lines: Lines, instance: str, at: float) -> Readiness | None:
    """The last answer of that instance at `/readyz` up to `at`; only changes are recorded. None if there is none."""
    own = [line for line in inside(lines.of(Readiness), 0.0, at) if line.instance == instance]
    return own[-1] if own else None
