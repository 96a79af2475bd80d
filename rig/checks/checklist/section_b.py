"""Section B: the toggle is written to Postgres, then to the mirror, and Valkey's absence never spoils it."""

from rig.checks.common.http_answers import require_status
from rig.checks.common.mirror_diff import heartbeat_time, require_mirror_is_truth
from rig.checks.framework import Bounds, Judge, Kind, Seen, check

LOG_MS = 0.001  # stamps of the statement log are cut to milliseconds


@check("B-01", "M", "Toggling online sets is_online in Postgres")
def online_in_postgres(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    if require_status(judge, seen["exchange"]):
        said = seen["exchange"]["reply"].get("is_online")
        judge.require(said is True, f"the answer says is_online: {said!r}")
    judge.require(seen["rows"] == [[True]], f"mitra_online_status.is_online is {seen['rows']} right after the answer")


@check("B-02", "BE", "The mitra is in mitras:online within 1 s of the toggle")
def in_the_set(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    took = None if seen["visible_at"] is None else seen["visible_at"] - seen["answered_at"]
    judge.within("membership of mitras:online", took, bounds["within_s"])
    released_at = seen.get("released_at")
    if released_at is not None:  # the COMMIT was held back until then: what was written before was written before it
        early = seen["sadd_at"] is not None and seen["sadd_at"] <= released_at
        judge.require(not early, "Valkey was written while the toggle's COMMIT was still held back")
    elif (
        judge.observed(seen["committed_at"] is not None, "the toggle's COMMIT is not in the statement log")
        and seen["sadd_at"]
    ):
        early = seen["committed_at"] - seen["sadd_at"]
        judge.require(early <= LOG_MS, f"Valkey was written {early * 1000:.1f} ms before Postgres committed")


@check("B-03", "BE", "The heartbeat is a fresh ISO time")
def fresh_heartbeat(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    at = heartbeat_time(seen["value"])
    if judge.require(at is not None, f"the heartbeat is {seen['value']!r}, not YYYY-MM-DDTHH:MM:SS.mmmZ") and at:
        first, last = seen["asked_at"] - bounds["clock_s"], seen["answered_at"] + bounds["within_s"]
        judge.require(
            first <= at <= last, f"the heartbeat {seen['value']} is {at - seen['asked_at']:+.2f} s off the toggle"
        )


@check("B-04", "M", "The mitra taps offline", Kind.ACTION)
def toggled_offline(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    if require_status(judge, seen["exchange"]):
        said = seen["exchange"]["reply"].get("is_online")
        judge.owes(said is False, f"the answer says is_online: {said!r}")


@check("B-05", "BE", "Offline in Postgres, gone from mitras:online, no heartbeat")
def offline_everywhere(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    judge.require(seen["rows"] == [[False]], f"mitra_online_status.is_online is {seen['rows']}")
    judge.require(not seen["member"], "still a member of mitras:online")
    judge.require(seen["heartbeat"] is None, f"the heartbeat key is still there: {seen['heartbeat']!r}")
    if seen["gone_at"] is not None:
        took = seen["gone_at"] - seen["answered_at"]
        judge.within("its removal from the mirror", took, bounds["within_s"])


@check("B-06", "BE", "The audit holds paired online and offline rows, one a change")
def audit(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    for (asked, wanted), (status, reply) in zip(seen["asked"], seen["answers"], strict=True):
        told = isinstance(reply, dict) and reply.get("is_online") is wanted
        judge.require(status == 200 and told, f"{asked} was answered {status} {reply}")
    expected = ["online", "offline", "online", "offline"]
    judge.require(seen["statuses"] == expected, f"the audit rows are {seen['statuses']}, not {expected}")
    judge.note(f"{len(seen['asked'])} toggles, {len(seen['statuses'])} changes, {len(seen['statuses'])} rows")


@check("B-07", "BE", "Without Valkey a toggle is answered 200, Postgres has it, and the log names the failed write")
def toggles_without_valkey(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    judge.assume(seen["valkey"]["through_proxy"] != "answers", "Valkey still answered the backend")
    for write in ("setOnline", "setOffline"):
        one = seen[write]
        exchange = one["exchange"]
        if require_status(judge, exchange):
            said = exchange["reply"].get("is_online")
            judge.require(said is one["wanted"], f"{write}: the answer says is_online: {said!r}")
        took = exchange["ended"] - exchange["started"]
        judge.within(f"{write}'s answer", took, bounds["answer_s"])
        judge.require(one["rows"] == [[one["wanted"]]], f"{write}: Postgres has {one['rows']}, not {one['wanted']}")
        last = one["audit"][-1:]
        judge.require(last == ["online" if one["wanted"] else "offline"], f"{write}: the last audit row is {last}")
        judge.require(one["lines"], f"no log line `[valkey-mirror] {write} <id> failed:`")


@check("B-08", "BE", "Once Valkey is back, the mirror has the mitra again")
def caught_up(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    took = None if seen["healed_at"] is None else seen["healed_at"] - seen["back_at"]
    judge.within("healing", took, bounds["within_s"])
    require_mirror_is_truth(judge, seen["truth"], seen["mirror"])
