"""Judges chats whose time is up."""

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations import edges

IN_WINDOW_S = 1.0  # left of the window at a look, so that no clock doubts that it still ran
ENDS = {"active": ("CHAT-11", "a chat"), "pending_payment": ("EXTEND-05", "a chat with an unpaid extension")}


@probe_check("chats whose time is up", "CHAT-11", "CHAT-12", "CHAT-14", "EXTEND-05")
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
    if judge.assume("CHAT-12", running.left_s > IN_WINDOW_S, "the look at the window came too late"):
        for kind, status in running.in_window.items():
            judge.require("CHAT-12", status == kind, f"in its goodbye window a chat that was {kind} is {status}")
        judge.require(
            "CHAT-12", running.capacity == "2",
            f"with two chats in their goodbye window the capacity key is {running.capacity}, expected 2",
        )  # fmt: skip
