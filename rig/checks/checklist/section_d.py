"""Section D: the capacity key is the number of chats, at each step in the life of a chat."""

from rig.checks.common.http_answers import require_refusal, require_status
from rig.checks.framework import Bounds, Judge, Kind, check
from rig.record.observations.section_d import (
    CapacityByHand,
    CapacityValue,
    CountersOfReroute,
    EndedChat,
    NaturalEnd,
    OffersOfPayment,
    Reroute,
    StartedChat,
)


def require_capacity(judge: Judge, seen: CapacityValue, bounds: Bounds, expected: int) -> None:
    """The value of the capacity key, and its write within the bound after the answer, if there was one."""
    ask = judge.require if judge.kind is Kind.PROMISE else judge.owes
    judge.compare("mitra:capacity", seen.capacity, str(expected))
    ask(seen.capacity == str(expected), f"mitra:capacity is {seen.capacity!r}, not {str(expected)!r}")
    if seen.answered_at is not None and seen.written_at is not None:
        took = seen.written_at - seen.answered_at
        judge.within(f"the counter's {expected}", took, bounds["within_s"])


@check("D-01", "BE", "A mitra with capacity 0 to start from", Kind.PRECONDITION)
def zero(judge: Judge, seen: CapacityValue, bounds: Bounds) -> None:
    require_capacity(judge, seen, bounds, 0)


def require_started(judge: Judge, seen: StartedChat) -> None:
    if require_status(judge, seen.paid):
        offered = seen.paid.fields.get("offered")
        judge.require(offered == 1, f"offered to {offered} mitras, not 1")
    if require_status(judge, seen.accepted):
        chat, ends_at = seen.accepted.fields, seen.row.ends_at
        accepted = (chat.get("status"), chat.get("mitra_id"))
        judge.require(accepted == ("active", seen.mitra), f"the accepted session is {accepted}")
        seconds = chat.get("duration_seconds", 0)
        due = seen.accepted.ended + seconds if isinstance(seconds, int | float) else None
        in_time = ends_at is not None and due is not None and abs(ends_at - due) < 2.0
        judge.require(in_time, f"ends_at is {ends_at}, not the start and the duration")
    judge.require(seen.row.status == "active", f"in Postgres the session is {seen.row.status!r}")


@check("D-02", "C", "The customer pays, the mitra accepts the blast, the chat starts")
def first_started(judge: Judge, seen: StartedChat, bounds: Bounds) -> None:
    require_started(judge, seen)


@check("D-03", "BE", "The capacity is 1 within 1 s of the mitra accepting")
def one(judge: Judge, seen: CapacityValue, bounds: Bounds) -> None:
    require_capacity(judge, seen, bounds, 1)


@check("D-04", "C", "A second customer pays and the same mitra accepts")
def second_started(judge: Judge, seen: StartedChat, bounds: Bounds) -> None:
    require_started(judge, seen)


@check("D-05", "BE", "The capacity is 2")
def two(judge: Judge, seen: CapacityValue, bounds: Bounds) -> None:
    require_capacity(judge, seen, bounds, 2)


@check("D-06", "C", "A session ends naturally: its timer expires and the goodbye completes")
def ended_by_goodbye(judge: Judge, seen: NaturalEnd, bounds: Bounds) -> None:
    require_refusal(judge, seen.early, 409, "INVALID_STATE")
    judge.require(seen.capacity_before == "2", f"before its end the capacity is {seen.capacity_before!r}, not '2'")
    held = "active"
    if seen.extended is not None:
        held, status = "pending_payment", seen.extended.fields.get("status")
        judge.require(status == held, f"the extension is {status!r}, not held in pending_payment")
        counted = seen.capacity_extended
        judge.require(counted == "2", f"held for payment it counts {counted!r}, not '2'")
    in_window = seen.at_end.seen_at < seen.ends_at + seen.window_s - 0.2
    if judge.observed(in_window, "the rig looked only after the goodbye window") and seen.goodbye is not None:
        require_status(judge, seen.goodbye)
    if in_window:
        at_end = (seen.at_end.status, seen.at_end.capacity)
        judge.require(at_end == (held, "2"), f"in its goodbye window the chat is {at_end}, not {(held, '2')}")
    judge.require(seen.status == "ended", f"the session is {seen.status!r} in the end")
    due = seen.ends_at + (0 if seen.goodbye is not None else seen.window_s)
    late = None if seen.ended_seen_at is None else seen.ended_seen_at - due
    judge.within(f"its end {seen.way}", late, bounds["timer_s"])
    if seen.goodbye is None and late is not None:
        judge.require(late > -0.1, f"ended {-late:.2f} s before its goodbye window was up")


@check("D-07", "BE", "The capacity is 1 within 1 s of that end")
def one_left(judge: Judge, seen: CapacityValue, bounds: Bounds) -> None:
    require_capacity(judge, seen, bounds, 1)


@check("D-08", "C", "The second session ends", Kind.ACTION)
def second_ended(judge: Judge, seen: EndedChat, bounds: Bounds) -> None:
    if require_status(judge, seen.exchange):
        ended = seen.row.status == "ended"
        judge.owes(ended, f"answered 200, yet in Postgres the session is {seen.row.status!r}")


@check("D-09", "BE", "The capacity is 0")
def none_left(judge: Judge, seen: CapacityValue, bounds: Bounds) -> None:
    require_capacity(judge, seen, bounds, 0)


@check("D-10", "CC", "An active session is rerouted from A to B", Kind.ACTION)
def moved(judge: Judge, seen: Reroute, bounds: Bounds) -> None:
    if require_status(judge, seen.exchange):
        mitra = seen.exchange.fields.get("mitra_id")
        judge.owes(mitra == seen.mitra, f"the answered session belongs to {mitra}, not to B")


@check("D-11", "BE", "A's capacity goes down and B's up, in step with the session")
def both_counters(judge: Judge, seen: CountersOfReroute, bounds: Bounds) -> None:
    same, offline, unknown = seen.refused
    require_refusal(judge, same, 409, "INVALID_STATE")
    require_refusal(judge, offline, 409, "MITRA_UNREACHABLE")
    require_refusal(judge, unknown, 404, "NOT_FOUND")
    judge.require(seen.before == {"Sari": "1", "Dewi": "1"}, f"after refused reroutes the capacities are {seen.before}")
    before = [seen.session_before.status, seen.session_before.mitra_id]
    after = [seen.session_after.status, seen.session_after.mitra_id]
    judge.require(before == ["active", seen.from_id], f"after refused reroutes the session is {before}")
    judge.require(after == ["active", seen.to_id], f"the rerouted session is {after}, not active with B")
    message = f"the capacities are {seen.after}, not A 0 and B 2"
    judge.require_equal("the capacities", seen.after, {"Sari": "0", "Dewi": "2"}, message)
    took = seen.written_at - seen.answered_at
    judge.within("both counters", took, bounds["within_s"])


@check("D-12", "BE", "The capacity is set to the maximum by hand", Kind.ACTION)
def set_by_hand(judge: Judge, seen: CapacityByHand, bounds: Bounds) -> None:
    expected = {"Sari": str(seen.maximum), "Dewi": str(seen.maximum - 1)}
    judge.require_equal("the capacities", seen.found, expected, f"the capacities are {seen.found}, not {expected}")


@check("D-13", "C", "The full mitra is left out of the blast")
def left_out(judge: Judge, seen: OffersOfPayment, bounds: Bounds) -> None:
    require_status(judge, seen.paid)
    judge.require("Sari" not in seen.offered, "the full mitra was offered the chat")
    judge.require("Dewi" in seen.offered, "a mitra with room for one more was not offered the chat")
    judge.require("Rani" in seen.offered, "an idle mitra was not offered the chat")
    offered = seen.paid.fields.get("offered")
    judge.require(offered == len(seen.offered), f"the answer says offered: {offered}, Postgres has {seen.offered}")
    judge.note(f"offered to {', '.join(seen.offered)}")
