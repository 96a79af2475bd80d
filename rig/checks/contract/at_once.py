"""Judges the races: what must hold whoever comes first."""

from typing import Any

from rig.checks.contract.probes import ProbeJudge, Seen, probe_check


def statuses(answers: list[list[Any]]) -> list[Any]:
    return [status for status, _ in answers]


def require_answered(judge: ProbeJudge, answers: list[list[Any]]) -> None:
    """No defect, no 503 and no silence, whoever came first."""
    wrong = [answer for answer in answers if answer[0] is None or answer[0] >= 500]
    judge.require("HTTP-21", not wrong, f"answers at once: {wrong}")


def require_others(judge: ProbeJudge, sentence: str, answers: list[list[Any]], code: str) -> None:
    """Whoever came too late gets this refusal."""
    others = [answer for answer in answers if answer[0] != 200 and answer[0] is not None and answer[0] < 500]
    wrong = [answer for answer in others if answer[1] != code]
    judge.require(sentence, not wrong, f"those who came too late got {wrong}, expected {code}")


@probe_check("refresh at once", "AUTH-11", "AUTH-24", "HTTP-21")
def refresh_at_once(judge: ProbeJudge, seen: Seen) -> None:
    if not judge.assume("AUTH-24", seen["signed_in"] == 200, f"signing in was answered {seen['signed_in']}"):
        return
    require_answered(judge, seen["answers"])
    served = statuses(seen["answers"]).count(200)
    judge.require("AUTH-24", served <= 1, f"one refresh token served {served} requests at once")
    require_others(judge, "AUTH-11", seen["answers"], "REFRESH_INVALID")
    judge.require("AUTH-24", seen["live"] <= 1, f"{seen['live']} sign-ins are alive after it")


@probe_check("verify at once", "AUTH-05", "AUTH-24", "HTTP-21")
def verify_at_once(judge: ProbeJudge, seen: Seen) -> None:
    if not judge.assume("AUTH-24", seen["asked"] == 200, f"the request for a code was answered {seen['asked']}"):
        return
    require_answered(judge, seen["answers"])
    signed_in = statuses(seen["answers"]).count(200)
    judge.require("AUTH-24", signed_in == 1, f"one code signed in {signed_in} times at once")
    judge.require("AUTH-05", seen["rows"] == 1, f"the phone has {seen['rows']} rows in customers")


@probe_check("wrong codes at once", "AUTH-06", "AUTH-07", "HTTP-21")
def wrong_codes_at_once(judge: ProbeJudge, seen: Seen) -> None:
    if not judge.assume("AUTH-07", seen["asked"] == 200, f"the request for a code was answered {seen['asked']}"):
        return
    require_answered(judge, seen["answers"])
    let_through = statuses(seen["answers"]).count(401)
    judge.require(
        "AUTH-07", let_through <= 5, f"{let_through} of the wrong codes at once were compared, five are allowed"
    )
    judge.require("AUTH-06", 200 not in statuses(seen["answers"]), "a wrong code signed in")
    judge.require("AUTH-07", seen["right"][0] == 429, f"the right code after them was answered {seen['right']}")


@probe_check("code of one instance at another", "AUTH-04", "AUTH-11")
def code_elsewhere(judge: ProbeJudge, seen: Seen) -> None:
    asked, signed_in, refreshed = seen["answers"]
    if not judge.assume("AUTH-04", asked[0] == 200, f"the request for a code was answered {asked}"):
        return
    if judge.require("AUTH-04", signed_in[0] == 200, f"the code of one instance was answered {signed_in} at another"):
        judge.require("AUTH-11", refreshed[0] == 200, f"the token of one instance was answered {refreshed} at another")


@probe_check("accept at once", "OFFER-06", "OFFER-10", "HTTP-21")
def accept_at_once(judge: ProbeJudge, seen: Seen) -> None:
    require_answered(judge, seen["answers"])
    took = seen["winners"]
    if judge.require("OFFER-10", len(took) == 1, f"{len(took)} of {len(seen['answers'])} accepts at once got the chat"):
        judge.require(
            "OFFER-10", seen["mitra"] == took[0], "the chat's row has another mitra than the one who was told so"
        )
    require_others(judge, "OFFER-06", seen["answers"], "ALREADY_TAKEN")


@probe_check("accept several at once", "OFFER-08", "OFFER-09", "HTTP-21")
def accept_several_at_once(judge: ProbeJudge, seen: Seen) -> None:
    require_answered(judge, seen["answers"])
    taken = statuses(seen["answers"]).count(200)
    judge.require(
        "OFFER-09",
        seen["load"] <= seen["maximum"],
        f"the load rose to {seen['load']}, the maximum is {seen['maximum']}",
    )
    judge.require(
        "OFFER-09",
        taken == seen["maximum"],
        f"{taken} accepts at once were answered 200, there was room for {seen['maximum']}",
    )
    require_others(judge, "OFFER-08", seen["answers"], "MITRA_AT_CAPACITY")


@probe_check("reroute several at once", "REROUTE-04", "REROUTE-07", "HTTP-21")
def reroute_several_at_once(judge: ProbeJudge, seen: Seen) -> None:
    require_answered(judge, seen["answers"])
    moved = statuses(seen["answers"]).count(200)
    judge.require(
        "REROUTE-07",
        seen["load"] <= seen["maximum"],
        f"the load rose to {seen['load']}, the maximum is {seen['maximum']}",
    )
    judge.require(
        "REROUTE-07",
        moved == seen["maximum"],
        f"{moved} reroutes at once were answered 200, there was room for {seen['maximum']}",
    )
    require_others(judge, "REROUTE-04", seen["answers"], "MITRA_AT_CAPACITY")


@probe_check("toggles at once", "TABLE-03", "TABLE-04", "TOGGLE-03", "HTTP-21")
def toggles_at_once(judge: ProbeJudge, seen: Seen) -> None:
    require_answered(judge, seen["answers"])
    wrong = [answer for answer in seen["answers"] if answer[0] != 200]
    judge.require("TOGGLE-03", not wrong, f"toggles at once were answered {wrong}")
    audit = seen["audit"]
    judge.require(
        "TABLE-03", len(audit) == 2, f"six toggles to online and six to offline left {len(audit)} audit rows: {audit}"
    )
    judge.require("TABLE-04", audit == ["online", "offline"][: len(audit)], f"the audit rows are {audit}")


@probe_check("end at once", "CHAT-08", "CHAT-13", "HTTP-21")
def end_at_once(judge: ProbeJudge, seen: Seen) -> None:
    if not judge.assume("CHAT-08", seen["taken"] == 200, f"the accept was answered {seen['taken']}"):
        return
    require_answered(judge, seen["answers"])
    ended = statuses(seen["answers"]).count(200)
    judge.require("CHAT-08", ended == 1, f"one chat was ended {ended} times at once")
    require_others(judge, "CHAT-13", seen["answers"], "INVALID_STATE")
    judge.require("CHAT-08", seen["load"] == 0, f"the mitra's load is {seen['load']} after it")


@probe_check("extension paid at once", "EXTEND-03", "CHAT-13", "HTTP-21")
def extension_paid_at_once(judge: ProbeJudge, seen: Seen) -> None:
    if not judge.assume("EXTEND-03", seen["extended"] == 200, f"the extension was answered {seen['extended']}"):
        return
    require_answered(judge, seen["answers"])
    paid = statuses(seen["answers"]).count(200)
    judge.require("EXTEND-03", paid == 1, f"one extension was paid {paid} times at once")
    moved_s = seen["moved_s"]
    judge.require(
        "EXTEND-03",
        moved_s is not None and abs(moved_s - 600) < 0.01,
        f"ends_at moved by {moved_s} s, the extension is 600 s",
    )
    require_others(judge, "CHAT-13", seen["answers"], "INVALID_STATE")


@probe_check("pay at once", "CHAT-04", "CHAT-13", "TABLE-05", "HTTP-21")
def pay_at_once(judge: ProbeJudge, seen: Seen) -> None:
    require_answered(judge, seen["answers"])
    paid = statuses(seen["answers"]).count(200)
    judge.require("CHAT-04", paid == 1, f"one chat was paid {paid} times at once")
    judge.require(
        "TABLE-05", seen["offers"] == [1, 1, 1], f"the three available mitras have {seen['offers']} offers of it"
    )
    judge.require("TABLE-05", not seen["others"], f"{seen['others']} others have an offer of it")
    require_others(judge, "CHAT-13", seen["answers"], "INVALID_STATE")


@probe_check("two settings at once", "CONFIG-02", "CONFIG-06")
def two_settings_at_once(judge: ProbeJudge, seen: Seen) -> None:
    for wanted, rows in zip(seen["wanted"], seen["rows"], strict=True):
        judge.require("CONFIG-06", rows == wanted, f"app_config holds {rows}, the operators set {wanted}")
        judge.require("CONFIG-02", set(wanted) <= set(rows), f"app_config lacks {set(wanted) - set(rows)}")


@probe_check("refresh beside a deactivation", "DEACT-01", "HTTP-21")
def refresh_beside_deactivation(judge: ProbeJudge, seen: Seen) -> None:
    require_answered(judge, seen["answers"])
    judge.require("DEACT-01", seen["live"] == 0, f"{seen['live']} sign-ins of a deactivated mitra are alive")
