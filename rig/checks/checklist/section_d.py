"""Section D: the capacity counter is the load, at each step in the life of a chat."""

from rig.checks.common.http_answers import require_refusal, require_status
from rig.checks.framework import Bounds, Judge, Kind, Seen, check


def require_capacity(judge: Judge, seen: Seen, bounds: Bounds, expected: int) -> None:
    """The counter's text, and its write within the bound of the answer where there was one."""
    ask = judge.require if judge.kind is Kind.PROMISE else judge.owes
    ask(seen["capacity"] == str(expected), f"mitra:capacity is {seen['capacity']!r}, not {str(expected)!r}")
    if seen["answered_at"] is not None and seen["written_at"] is not None:
        took = seen["written_at"] - seen["answered_at"]
        judge.within(f"the counter's {expected}", took, bounds["within_s"])


@check("D-01", "BE", "A mitra with capacity 0 to start from", Kind.PRECONDITION)
def zero(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_capacity(judge, seen, bounds, 0)


def require_started(judge: Judge, seen: Seen) -> None:
    if require_status(judge, seen["paid"]):
        judge.require(
            seen["paid"]["reply"].get("offered") == 1,
            f"offered to {seen['paid']['reply'].get('offered')} mitras, not 1",
        )
    if require_status(judge, seen["accepted"]):
        session = seen["accepted"]["reply"]
        found = (session.get("status"), session.get("mitra_id"))
        judge.require(found == ("active", seen["mitra"]), f"the accepted session is {found}")
        ends = seen["row"][2]
        due = seen["accepted"]["ended"] + session.get("duration_seconds", 0)
        judge.require(ends is not None and abs(ends - due) < 2.0, f"ends_at is {ends}, not the start and the duration")
    judge.require(seen["row"][0] == "active", f"in Postgres the session is {seen['row'][0]!r}")


@check("D-02", "C", "The customer pays, the mitra accepts the blast, the chat starts")
def first_started(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_started(judge, seen)


@check("D-03", "BE", "The capacity is 1 within 1 s of the mitra accepting")
def one(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_capacity(judge, seen, bounds, 1)


@check("D-04", "C", "A second customer pays and the same mitra accepts")
def second_started(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_started(judge, seen)


@check("D-05", "BE", "The capacity is 2")
def two(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_capacity(judge, seen, bounds, 2)


@check("D-06", "C", "A session ends naturally: its timer expires and the goodbye completes")
def ended_by_goodbye(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_refusal(judge, seen["early"], 409, "INVALID_STATE")
    judge.require(
        seen["capacity_before"] == "2", f"before its end the capacity is {seen['capacity_before']!r}, not '2'"
    )
    held = "pending_payment" if "extended" in seen else "active"
    if "extended" in seen:
        found = seen["extended"]["reply"].get("status")
        judge.require(found == held, f"the extension is {found!r}, not held in pending_payment")
        judge.require(
            seen["capacity_extended"] == "2", f"held for payment it counts {seen['capacity_extended']!r}, not '2'"
        )
    at_end = seen["at_end"]
    in_window = at_end["seen_at"] < seen["ends_at"] + seen["window_s"] - 0.2
    if judge.observed(in_window, "the rig looked only after the goodbye window") and "goodbye" in seen:
        require_status(judge, seen["goodbye"])
    if in_window:
        found = (at_end["status"], at_end["capacity"])
        judge.require(found == (held, "2"), f"in its goodbye window the chat is {found}, not {(held, '2')}")
    judge.require(seen["status"] == "ended", f"the session is {seen['status']!r} in the end")
    due = seen["ends_at"] + (0 if "goodbye" in seen else seen["window_s"])
    late = None if seen["ended_seen_at"] is None else seen["ended_seen_at"] - due
    judge.within(f"its end {seen['way']}", late, bounds["timer_s"])
    if "goodbye" not in seen and late is not None:
        judge.require(late > -0.1, f"ended {-late:.2f} s before its goodbye window was up")


@check("D-07", "BE", "The capacity is 1 within 1 s of that end")
def one_left(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_capacity(judge, seen, bounds, 1)


@check("D-08", "C", "The second session ends", Kind.ACTION)
def second_ended(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    if require_status(judge, seen["exchange"]):
        judge.owes(seen["row"][0] == "ended", f"answered 200, yet in Postgres the session is {seen['row'][0]!r}")


@check("D-09", "BE", "The capacity is 0")
def none_left(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_capacity(judge, seen, bounds, 0)


@check("D-10", "CC", "An active session is rerouted from A to B", Kind.ACTION)
def moved(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    if require_status(judge, seen["exchange"]):
        found = seen["exchange"]["reply"].get("mitra_id")
        judge.owes(found == seen["mitra"], f"the answered session belongs to {found}, not to B")


@check("D-11", "BE", "A's capacity goes down and B's up, in step with the session")
def both_counters(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    same, offline, unknown = seen["refused"]
    require_refusal(judge, same, 409, "INVALID_STATE")
    require_refusal(judge, offline, 409, "MITRA_UNREACHABLE")
    require_refusal(judge, unknown, 404, "NOT_FOUND")
    judge.require(
        seen["before"] == {"Sari": "1", "Dewi": "1"}, f"after refused reroutes the capacities are {seen['before']}"
    )
    before, after = seen["session_before"], seen["session_after"]
    judge.require(before == ["active", seen["from"]], f"after refused reroutes the session is {before}")
    judge.require(after == ["active", seen["to"]], f"the rerouted session is {after}, not active with B")
    judge.require(seen["after"] == {"Sari": "0", "Dewi": "2"}, f"the capacities are {seen['after']}, not A 0 and B 2")
    took = seen["written_at"] - seen["answered_at"]
    judge.within("both counters", took, bounds["within_s"])


@check("D-12", "BE", "The capacity is set to the maximum by hand", Kind.ACTION)
def set_by_hand(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    expected = {"Sari": str(seen["maximum"]), "Dewi": str(seen["maximum"] - 1)}
    judge.require(seen["found"] == expected, f"the capacities are {seen['found']}, not {expected}")


@check("D-13", "C", "The full mitra is left out of the blast")
def left_out(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_status(judge, seen["paid"])
    judge.require("Sari" not in seen["offered"], "the full mitra was offered the chat")
    judge.require("Dewi" in seen["offered"], "a mitra with room for one more was not offered the chat")
    judge.require("Rani" in seen["offered"], "an idle mitra was not offered the chat")
    offered = (seen["paid"]["reply"] or {}).get("offered")
    judge.require(
        offered == len(seen["offered"]), f"the answer says offered: {offered}, Postgres has {seen['offered']}"
    )
    judge.note(f"offered to {', '.join(seen['offered'])}")
