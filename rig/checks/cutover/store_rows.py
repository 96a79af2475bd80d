"""Rows of the decision about the two stores and the ways to them."""

from rig.checks.cutover.service_rows import require_equal_mirror
from rig.checks.cutover.spans import ON_Y_ONLY, began
from rig.checks.framework import Bounds, Judge, Kind, whole_run_check
from rig.record import Lines
from rig.record.lines.cutover import (
    CutoverAttest,
    CutoverFacts,
    CutoverLook,
    CutoverStore,
    CutoverTry,
    CutoverWay,
)

REFUSALS = ("NOPERM", "OOM", "READONLY", "MISCONF", "NOAUTH", "WRONGPASS", "ERR", "CROSSSLOT", "MOVED", "CLUSTERDOWN")


def facts_of(lines: Lines, store: str) -> CutoverFacts | None:
    return next((line for line in lines.of(CutoverFacts) if line.store == store), None)


def attested(lines: Lines, fact: str) -> str | None:
    """What somebody states about Y, with the name; None if nobody does."""
    return next((f"{line.value}, stated by {line.by}" for line in lines.of(CutoverAttest) if line.fact == fact), None)


@whole_run_check("GO-05", "BE", "No server used X after the switch", Kind.CLAIM)
def commands_on_x(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    counted = [line for line in lines.of(CutoverStore) if line.store == "X" and line.step in ON_Y_ONLY]
    judge.enough(counted, "unknown: X was not looked at after the switch")
    for line in counted:
        most = sorted(line.calls.items(), key=lambda pair: -pair[1])[:4]
        told = ", ".join(f"{count} {name}" for name, count in most)
        judge.require(not line.calls, f"{line.step}: X counted {told}")
        judge.note(f"{line.step}: none")


@whole_run_check("GO-06", "BE", "Y refused no command", Kind.CLAIM)
def refused_commands(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    counted = [line for line in lines.of(CutoverStore) if line.store == "Y"]
    judge.enough([line for line in counted if line.step == "settle"], "unknown: Y was not looked at after the switch")
    judge.enough(any(line.calls for line in counted), "unknown: no command reached Y")
    for line in counted:
        refused = {**line.rejected, **{code: count for code, count in line.errors.items() if code in REFUSALS}}
        told = ", ".join(f"{count} {name}" for name, count in sorted(refused.items()))
        judge.require(not refused, f"{line.step}: Y refused {told}")
    judge.note(f"{sum(sum(line.calls.values()) for line in counted)} commands, none refused outside of handshakes")


@whole_run_check("GO-09", "BE", "The mirror was right again soon after each failover", Kind.CLAIM)
def failovers(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    for name in ("failover-1", "failover-2", "storm"):
        steps = began(lines, name)
        judge.enough(steps, f"unknown: {name} was not played")
        for step in steps:
            spent_s = None if step.state != "done" else step.seconds - step.fixed_s
            judge.within(f"{name}: a right mirror in use, after the store was back,", spent_s, bounds["failover_s"])


@whole_run_check("GO-10", "BE", "The way back works", Kind.CLAIM)
def way_back(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    steps = began(lines, "roll-back")
    judge.enough(steps, "unknown: nobody rolled back")
    for step in steps:
        judge.within("the way back", step.seconds if step.state == "done" else None, bounds["back_s"])
    looks = [line for line in lines.of(CutoverLook) if line.step in ("roll-back", "on-x")]
    judge.enough(any(line.step == "on-x" for line in looks), "unknown: X was not compared after the way back")
    require_equal_mirror(judge, looks)


@whole_run_check("GO-11", "BE", "Y evicted no key", Kind.CLAIM)
def evictions(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    counted = [line for line in lines.of(CutoverStore) if line.store == "Y"]
    judge.enough([line for line in counted if line.step == "settle"], "unknown: Y was not looked at after the switch")
    for line in counted:
        judge.require(not line.evicted, f"{line.step}: Y evicted {line.evicted} keys")


@whole_run_check("GO-12", "BE", "Policy and persistence of Y are as wanted", Kind.CLAIM)
def policy(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    facts = facts_of(lines, "Y")
    if not judge.enough(facts, "unknown: Y was not asked"):
        return
    assert facts is not None
    told = facts.policy or attested(lines, "policy")
    if judge.enough(told, "unknown: Y does not tell its policy, state it by --attest policy=NAME --by WHO"):
        judge.require(
            not str(told).startswith("allkeys"), f"maxmemory-policy is {told}: it can evict keys of the mirror"
        )
        judge.note(f"policy {told}")
    saved = facts.persistence or attested(lines, "persistence")
    if judge.enough(saved, "unknown: Y does not tell its persistence, state it by --attest persistence=TEXT --by WHO"):
        judge.note(f"persistence {saved}")
    for danger in facts.dangers:
        judge.require(False, danger)


@whole_run_check("GO-13", "BE", "Y has room for the mirror", Kind.CLAIM)
def headroom(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    x, y = facts_of(lines, "X"), facts_of(lines, "Y")
    need = x.used_bytes if x else None
    most = (y.maxmemory_bytes if y else None) or number(attested(lines, "maxmemory"))
    judge.enough(need, "unknown: X does not tell what it uses")
    judge.enough(most, "unknown: Y does not tell its maxmemory, state it in bytes by --attest maxmemory=N --by WHO")
    if not need or not most or y is None:
        return
    share = max(need, y.used_bytes or 0) / most
    told = f"the mirror needs {need / 1e6:.1f} MB, Y has {most / 1e6:.1f} MB"
    judge.require(share <= bounds["used_share"], f"{told}: more than {bounds['used_share']:.0%}")
    judge.note(told)


def number(text: str | None) -> int | None:
    digits = (text or "").partition(",")[0]
    return int(digits) if digits.isdigit() else None


@whole_run_check("GO-14", "BE", "Y is as near as X, and its clock is right", Kind.CLAIM)
def way(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    ways = {line.store: line for line in lines.of(CutoverWay)}
    if not judge.enough("X" in ways and "Y" in ways, "unknown: the round trips were not measured"):
        return
    x, y = ways["X"], ways["Y"]
    told = f"the median round trip is {y.p50_ms:.2f} ms to Y and {x.p50_ms:.2f} ms to X"
    judge.require(y.p50_ms <= x.p50_ms + bounds["slower_ms"], f"{told}: more than {bounds['slower_ms']:g} ms longer")
    judge.note(told)
    judge.require(abs(y.clock_s) <= bounds["clock_s"], f"the clock of Y is {y.clock_s:+.2f} s from the rig's")


@whole_run_check("GO-15", "BE", "Y takes every command in use, and is another store than X", Kind.CLAIM)
def tried_commands(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    tries = lines.of(CutoverTry)
    judge.enough(tries, "unknown: no command was tried on Y")
    for line in tries:
        judge.enough(line.tried, f"unknown: the rig has no harmless probe for {line.command}")
        judge.require(not line.error, f"Y refuses {line.command}: {line.error}")
    x, y = facts_of(lines, "X"), facts_of(lines, "Y")
    if judge.enough(x and y, "unknown: the stores were not asked") and x and y:
        judge.require(x.run_id != y.run_id, "X and Y are the same store")
        judge.require(y.role in (None, "master"), f"Y is a {y.role}")
    judge.note(f"{len(tries)} commands")
