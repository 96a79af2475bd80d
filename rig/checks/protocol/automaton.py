"""The contract's own automaton of each mitra: requests, rows and keys, for any server and without a word of its protocol.

States are *online* and *offline*, as the audit rows tell them. A request without an answer may have had its effect or not.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from rig.checks.chaos.timeline import faults, http_evidence
from rig.checks.framework import Judge
from rig.contract import ONLINE
from rig.record import Lines, evidence
from rig.record.lines.chaos import CommandTaken, FaultEvent, Left
from rig.record.lines.common import Request

ROW_S = 2.0  # a row may have the time at which its transaction began
KEY_LATE_S = 6.0  # a write of a key may come so long after the change that it carries
SPARE_S = 0.1
HEALS_S = 5.0  # after a fault
KEPT_MAX = 11  # members of a command that the record keeps for certain


@dataclass
class States:
    """When a mitra became online and offline, by the audit rows."""

    changes: list[tuple[float, bool]] = field(default_factory=list)

    def may_be(self, online: bool, since: float, until: float) -> bool:
        """Whether this state may have been hers at some moment of this time."""
        moments = [at for at, _ in self.changes]
        first, last = bisect_left(moments, since), bisect_right(moments, until)
        inside = [state for _, state in self.changes[first:last]]
        if first:
            inside.append(self.changes[first - 1][1])
        elif not inside or online is not inside[0]:
            inside.append(not self.changes[0][1] if self.changes else online)
        return online in inside


def judge_contract(judge: Judge, lines: Lines) -> int:
    """Require that each toggle and each key has a state of its mitra that explains it; how many were judged."""
    left = lines.first(Left)
    if left is None or any(event.rewinds for event in lines.of(FaultEvent)):
        judge.note("the contract's automaton was not asked: the rows of the end do not tell all changes")
        return 0
    states: dict[str, States] = defaultdict(States)
    for row in sorted(left.audit, key=lambda row: row.id):
        states[row.mitra_id].changes.append((row.at, row.status == "online"))
    toggles, members = judge_toggles(judge, lines, states), judge_members(judge, lines, states)
    text = f"The contract's automaton judged {toggles} toggles, and {members} entries into mitras:online"
    judge.show(evidence.note(text))
    return toggles + members


def judge_toggles(judge: Judge, lines: Lines, states: dict[str, States]) -> int:
    """A toggle that was answered 200 left its state, if only for a moment; how many there were."""
    number = 0
    for request in lines.of(Request):
        wanted = {"/online": True, "/offline": False}.get(request.url[request.url.rfind("/") :])
        if wanted is None or request.status != 200 or not request.subject or "mitra/status" not in request.url:
            continue
        number += 1
        known = states.get(request.subject)
        since, until = request.started - ROW_S, request.ended + SPARE_S
        holds = known.may_be(wanted, since, until) if known is not None else not wanted
        if not holds:
            judge.show(http_evidence(request))
        judge.require(
            holds,
            f"{request.subject}: a request to go {'online' if wanted else 'offline'} was answered 200, and no row says so",
        )
    return number


def judge_members(judge: Judge, lines: Lines, states: dict[str, States]) -> int:
    """Outside of faults a mitra is added to `mitras:online` only for an online row; how many were added.

    Somebody may be removed and added again within one transaction of Valkey, so a removal is not judged.
    """
    number = 0
    busy = faults(lines).spans(HEALS_S)
    for line in lines.of(CommandTaken):
        if line.args[0].upper() != "SADD" or line.args[1] != ONLINE:
            continue
        if any(span.since - SPARE_S <= line.at <= span.until for span in busy):
            continue
        for id in members(line.args):
            known = states.get(id)
            number += known is not None
            if known is None or known.may_be(True, line.at - KEY_LATE_S, line.at + SPARE_S):
                continue
            judge.show(evidence.commands("The command", [" ".join(line.args)]))
            judge.require(False, f"{id} was added to mitras:online at {line.at:.3f}, and no row had been online")
    return number


def members(args: Sequence[str]) -> Sequence[str]:
    """The members of a set command that the record keeps for certain."""
    return args[2:] if len(args) <= KEPT_MAX else ()
