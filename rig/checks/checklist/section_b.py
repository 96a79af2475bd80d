"""Section B: a toggle is written to Postgres and then to the mirror; it also works without Valkey."""

from rig.checks.checklist.outages import assume_outage
from rig.checks.common.http_answers import require_status
from rig.checks.common.mirror_diff import heartbeat_time, require_mirror_is_truth
from rig.checks.framework import Bounds, Judge, Kind, check
from rig.record.observations.parts import fields_of
from rig.record.observations.section_b import (
    AuditOfToggles,
    HealedAfterOutage,
    HeartbeatAfterToggle,
    MembershipAfterToggle,
    OfflineInBothStores,
    Toggle,
    ToggleRow,
    TogglesWithoutValkey,
)

STAMP_S = 0.001  # the statement log has whole milliseconds


@check("B-01", "M", "Toggling online sets is_online in Postgres")
def online_in_postgres(judge: Judge, seen: ToggleRow, bounds: Bounds) -> None:
    if require_status(judge, seen.exchange):
        online = seen.exchange.fields.get("is_online")
        judge.require(online is True, f"the answer says is_online: {online!r}")
    judge.require(seen.rows == [[True]], f"mitra_online_status.is_online is {seen.rows} right after the answer")


@check("B-02", "BE", "The mitra is in mitras:online within 1 s of the toggle")
def in_the_set(judge: Judge, seen: MembershipAfterToggle, bounds: Bounds) -> None:
    took = None if seen.visible_at is None else seen.visible_at - seen.answered_at
    judge.within("membership of mitras:online", took, bounds["within_s"])
    if seen.released_at is not None:  # the rig held the COMMIT back until then
        too_early = seen.sadd_at is not None and seen.sadd_at <= seen.released_at
        judge.require(not too_early, "Valkey was written while the toggle's COMMIT was still held back")
    elif (
        judge.observed(seen.committed_at is not None, "the toggle's COMMIT is not in the statement log")
        and seen.committed_at is not None
        and seen.sadd_at
    ):
        early = seen.committed_at - seen.sadd_at
        judge.require(early <= STAMP_S, f"Valkey was written {early * 1000:.1f} ms before Postgres committed")


@check("B-03", "BE", "The heartbeat is a fresh ISO time")
def fresh_heartbeat(judge: Judge, seen: HeartbeatAfterToggle, bounds: Bounds) -> None:
    at = heartbeat_time(seen.value)
    if judge.require(at is not None, f"the heartbeat is {seen.value!r}, not YYYY-MM-DDTHH:MM:SS.mmmZ") and at:
        first, last = seen.asked_at - bounds["clock_s"], seen.answered_at + bounds["within_s"]
        judge.require(first <= at <= last, f"the heartbeat {seen.value} is {at - seen.asked_at:+.2f} s off the toggle")


@check("B-04", "M", "The mitra taps offline", Kind.ACTION)
def toggled_offline(judge: Judge, seen: Toggle, bounds: Bounds) -> None:
    if require_status(judge, seen.exchange):
        online = seen.exchange.fields.get("is_online")
        judge.owes(online is False, f"the answer says is_online: {online!r}")


@check("B-05", "BE", "Offline in Postgres, gone from mitras:online, no heartbeat")
def offline_everywhere(judge: Judge, seen: OfflineInBothStores, bounds: Bounds) -> None:
    judge.require(seen.rows == [[False]], f"mitra_online_status.is_online is {seen.rows}")
    judge.require(not seen.member, "still a member of mitras:online")
    judge.require(seen.heartbeat is None, f"the heartbeat key is still there: {seen.heartbeat!r}")
    if seen.gone_at is not None:
        took = seen.gone_at - seen.answered_at
        judge.within("its removal from the mirror", took, bounds["within_s"])


@check("B-06", "BE", "The audit holds paired online and offline rows, one a change")
def audit(judge: Judge, seen: AuditOfToggles, bounds: Bounds) -> None:
    for asked, answer in zip(seen.asked, seen.answers, strict=True):
        as_wanted = fields_of(answer.reply).get("is_online") is asked.wanted
        judge.require(answer.status == 200 and as_wanted, f"{asked.action} was answered {answer.status} {answer.reply}")
    expected = ["online", "offline", "online", "offline"]
    message = f"the audit rows are {seen.statuses}, not {expected}"
    judge.require_equal("the audit rows", seen.statuses, expected, message)
    judge.note(f"{len(seen.asked)} toggles, {len(seen.statuses)} changes, {len(seen.statuses)} rows")


@check("B-07", "BE", "Without Valkey a toggle is answered 200, Postgres has it, and the log names the failed write")
def toggles_without_valkey(judge: Judge, seen: TogglesWithoutValkey, bounds: Bounds) -> None:
    assume_outage(judge, seen.valkey)
    for write, toggle in (("setOnline", seen.set_online), ("setOffline", seen.set_offline)):
        if require_status(judge, toggle.exchange):
            online = toggle.exchange.fields.get("is_online")
            judge.require(online is toggle.wanted, f"{write}: the answer says is_online: {online!r}")
        judge.within(f"{write}'s answer", toggle.exchange.seconds, bounds["answer_s"])
        message = f"{write}: Postgres has {toggle.rows}, not {toggle.wanted}"
        judge.require_equal(f"Postgres after {write}", toggle.rows, [[toggle.wanted]], message)
        last = toggle.audit[-1:]
        judge.require(last == ["online" if toggle.wanted else "offline"], f"{write}: the last audit row is {last}")
        judge.require(toggle.lines, f"no log line `[valkey-mirror] {write} <id> failed:`")


@check("B-08", "BE", "Once Valkey is back, the mirror has the mitra again")
def caught_up(judge: Judge, seen: HealedAfterOutage, bounds: Bounds) -> None:
    took = None if seen.healed_at is None else seen.healed_at - seen.back_at
    judge.within("healing", took, bounds["within_s"])
    require_mirror_is_truth(judge, seen.truth, seen.mirror)
