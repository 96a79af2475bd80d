"""Judges chats whose time is up."""

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations import edges

LOOK_S = 0.5  # by which a look may be late
IN_WINDOW_S = 1.0  # left of the window at a look, so that no clock doubts that it still ran
ENDS = {"active": ("CHAT-11", "a chat"), "pending_payment": ("EXTEND-05", "a chat with an unpaid extension")}


@probe_check("chats whose time is up", "CHAT-11", "CHAT-12", "CHAT-14", "CHAT-15", "EXTEND-05")
def chats_whose_time_is_up(judge: ProbeJudge, seen: edges.TimeIsUp) -> None:
    running, restarted = seen.running, seen.restarted
    late = f"{seen.allowed_s:g} s after its time and its goodbye window were up"
    for kind, (sentence, what) in ENDS.items():
        if judge.assume(sentence, {*running.answers} == {200}, f"on the way came {running.answers}"):
            last = running.at_last[kind]
            judge.require(sentence, last == "ended", f"{what} is {last} {late}")
        if judge.assume("CHAT-14", {*restarted.answers} == {200}, f"on the way came {restarted.answers}"):
            last = restarted.at_last[kind]
            judge.require("CHAT-14", last == "ended", f"after a restart of the server {what} is {last} {late}")
    all_ended = {*running.at_last.values()} == {"ended"}
    if judge.assume("CHAT-15", all_ended, f"the chats are {running.at_last}"):
        judge.require(
            "CHAT-15", running.capacity_at_last == "0",
            f"1 s after an active chat and one with an unpaid extension have ended by their time the capacity key is "
            f"{running.capacity_at_last}, expected 0",
        )  # fmt: skip
    if restarted.late_s is not None:
        allowed_s = restarted.late_from_s + seen.allowed_s + LOOK_S
        judge.require(
            "CHAT-14", restarted.late_s <= allowed_s,
            f"after a restart near the end of its goodbye window a chat ended {restarted.late_s:.1f} s after that end, "
            f"expected within {allowed_s:.1f} s",
        )  # fmt: skip
    if judge.assume("CHAT-12", running.left_s > IN_WINDOW_S, "the look at the window came too late"):
        for kind, status in running.in_window.items():
            judge.require("CHAT-12", status == kind, f"in its goodbye window a chat that was {kind} is {status}")
        judge.require(
            "CHAT-12", running.capacity == "2",
            f"with two chats in their goodbye window the capacity key is {running.capacity}, expected 2",
        )  # fmt: skip
