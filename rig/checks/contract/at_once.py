"""Judges the races: what must hold whoever comes first."""

from collections.abc import Sequence
from itertools import pairwise

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations import races
from rig.record.observations.races import Answered

EXTENSION_S = 600
AHEAD_S = 5.1  # the contract's 5 s, and what clocks may differ


def require_answered(judge: ProbeJudge, answers: Sequence[Answered]) -> None:
    """No defect, no 503 and no silence, whoever came first."""
    wrong = [[*answer] for answer in answers if answer.status is None or answer.status >= 500]
    judge.require("HTTP-21", not wrong, f"answers at once: {wrong}")


def require_others(judge: ProbeJudge, sentence: str, answers: Sequence[Answered], code: str) -> None:
    """Whoever came too late gets this refusal."""
    others = [one for one in answers if one.status != 200 and one.status is not None and one.status < 500]
    wrong = [[*answer] for answer in others if answer.code != code]
    judge.require(sentence, not wrong, f"those who came too late got {wrong}, expected {code}")


def require_served(
    judge: ProbeJudge,
    seen: races.Answers,
    sentence: str,
    what: str,
    *,
    least: int = 1,
    most: int = 1,
    too_late: tuple[str, str],
) -> None:
    """All are answered, so many of them with 200. `too_late`: the code that all others get, after its sentence."""
    require_answered(judge, seen.answers)
    wanted = str(most) if least == most else f"{least} to {most}"
    judge.require(
        sentence, least <= seen.served <= most,
        f"{seen.served} of {len(seen.answers)} {what} at once were answered 200, expected {wanted}",
    )  # fmt: skip
    other_sentence, code = too_late
    require_others(judge, other_sentence, seen.answers, code)


def require_room(judge: ProbeJudge, seen: races.Load, sentence: str, what: str, other_sentence: str) -> None:
    """As many are served as one mitra has room for, and her load does not exceed her maximum."""
    judge.require(sentence, seen.load <= seen.maximum, f"the load rose to {seen.load}, the maximum is {seen.maximum}")
    require_served(
        judge, seen, sentence, what, least=seen.maximum, most=seen.maximum,
        too_late=(other_sentence, "MITRA_AT_CAPACITY"),
    )  # fmt: skip


@probe_check("refresh at once", "AUTH-11", "AUTH-24", "HTTP-21")
def refresh_at_once(judge: ProbeJudge, seen: races.Refreshes) -> None:
    if not judge.assume("AUTH-24", seen.signed_in == 200, f"signing in was answered {seen.signed_in}"):
        return
    require_served(
        judge, seen, "AUTH-24", "uses of one refresh token", least=0, too_late=("AUTH-11", "REFRESH_INVALID")
    )
    judge.require("AUTH-24", seen.live <= 1, f"{seen.live} sign-ins are alive after it")


@probe_check("verify at once", "AUTH-05", "AUTH-24", "HTTP-21")
def verify_at_once(judge: ProbeJudge, seen: races.Verifications) -> None:
    if not judge.assume("AUTH-24", seen.asked == 200, f"the request for a code was answered {seen.asked}"):
        return
    require_answered(judge, seen.answers)
    judge.require("AUTH-24", seen.served == 1, f"one code signed in {seen.served} times at once")
    judge.require("AUTH-05", seen.rows == 1, f"the phone has {seen.rows} rows in customers")


@probe_check("wrong codes at once", "AUTH-06", "AUTH-07", "HTTP-21")
def wrong_codes_at_once(judge: ProbeJudge, seen: races.WrongCodes) -> None:
    if not judge.assume("AUTH-07", seen.asked == 200, f"the request for a code was answered {seen.asked}"):
        return
    require_answered(judge, seen.answers)
    compared = sum(answer.status == 401 for answer in seen.answers)
    judge.require("AUTH-07", compared <= 5, f"{compared} of the wrong codes at once were compared, five are allowed")
    judge.require("AUTH-06", not seen.served, "a wrong code signed in")
    judge.require("AUTH-07", seen.right.status == 429, f"the right code after them was answered {[*seen.right]}")


@probe_check("code of one instance at another", "AUTH-04", "AUTH-11")
def code_elsewhere(judge: ProbeJudge, seen: races.Answers) -> None:
    asked, signed_in, refreshed = seen.answers
    if not judge.assume("AUTH-04", asked.status == 200, f"the request for a code was answered {[*asked]}"):
        return
    told = f"the code of one instance was answered {[*signed_in]} at another"
    if judge.require("AUTH-04", signed_in.status == 200, told):
        told = f"the token of one instance was answered {[*refreshed]} at another"
        judge.require("AUTH-11", refreshed.status == 200, told)


@probe_check("accept at once", "OFFER-06", "OFFER-10", "HTTP-21")
def accept_at_once(judge: ProbeJudge, seen: races.Accepts) -> None:
    require_answered(judge, seen.answers)
    took = seen.winners
    if judge.require("OFFER-10", len(took) == 1, f"{len(took)} of {len(seen.answers)} accepts at once got the chat"):
        told = "the chat's row has another mitra than the one who was told so"
        judge.require("OFFER-10", seen.mitra == took[0], told)
    require_others(judge, "OFFER-06", seen.answers, "ALREADY_TAKEN")


@probe_check("accept several at once", "OFFER-08", "OFFER-09", "HTTP-21")
def accept_several_at_once(judge: ProbeJudge, seen: races.Load) -> None:
    require_room(judge, seen, "OFFER-09", "accepts", "OFFER-08")


@probe_check("reroute several at once", "REROUTE-04", "REROUTE-07", "HTTP-21")
def reroute_several_at_once(judge: ProbeJudge, seen: races.Load) -> None:
    require_room(judge, seen, "REROUTE-07", "reroutes", "REROUTE-04")


@probe_check("toggles at once", "TABLE-03", "TABLE-04", "TOGGLE-03", "HTTP-21")
def toggles_at_once(judge: ProbeJudge, seen: races.Toggles) -> None:
    require_answered(judge, seen.answers)
    wrong = [[*answer] for answer in seen.answers if answer.status != 200]
    judge.require("TOGGLE-03", not wrong, f"toggles at once were answered {wrong}")
    audit = seen.audit
    told = f"six toggles to online and six to offline left {len(audit)} audit rows: {audit}"
    judge.require("TABLE-03", len(audit) == 2, told)
    judge.require("TABLE-04", audit == ["online", "offline"][: len(audit)], f"the audit rows are {audit}")


@probe_check("end at once", "CHAT-08", "CHAT-13", "HTTP-21")
def end_at_once(judge: ProbeJudge, seen: races.Ends) -> None:
    if not judge.assume("CHAT-08", seen.taken == 200, f"the accept was answered {seen.taken}"):
        return
    require_served(judge, seen, "CHAT-08", "ends of one chat", too_late=("CHAT-13", "INVALID_STATE"))
    judge.require("CHAT-08", seen.load == 0, f"the mitra's load is {seen.load} after it")


@probe_check("extension paid at once", "EXTEND-03", "CHAT-13", "HTTP-21")
def extension_paid_at_once(judge: ProbeJudge, seen: races.ExtensionPayments) -> None:
    if not judge.assume("EXTEND-03", seen.extended == 200, f"the extension was answered {seen.extended}"):
        return
    require_served(judge, seen, "EXTEND-03", "payments of one extension", too_late=("CHAT-13", "INVALID_STATE"))
    right = seen.moved_s is not None and abs(seen.moved_s - EXTENSION_S) < 0.01
    judge.require("EXTEND-03", right, f"ends_at moved by {seen.moved_s} s, the extension is {EXTENSION_S} s")


@probe_check("pay at once", "CHAT-04", "CHAT-13", "TABLE-05", "HTTP-21")
def pay_at_once(judge: ProbeJudge, seen: races.Payments) -> None:
    require_served(judge, seen, "CHAT-04", "payments of one chat", too_late=("CHAT-13", "INVALID_STATE"))
    told = f"the three available mitras have {seen.offers} offers of it"
    judge.require("TABLE-05", seen.offers == [1, 1, 1], told)
    judge.require("TABLE-05", not seen.others, f"{seen.others} others have an offer of it")


@probe_check("two settings at once", "CONFIG-02", "CONFIG-06")
def two_settings_at_once(judge: ProbeJudge, seen: races.Settings) -> None:
    for wanted, rows in zip(seen.wanted, seen.rows, strict=True):
        judge.require("CONFIG-06", rows == wanted, f"app_config holds {rows}, the operators set {wanted}")
        judge.require("CONFIG-02", set(wanted) <= set(rows), f"app_config lacks {set(wanted) - set(rows)}")


@probe_check("refresh beside a deactivation", "DEACT-01", "HTTP-21")
def refresh_beside_deactivation(judge: ProbeJudge, seen: races.Deactivation) -> None:
    require_answered(judge, seen.answers)
    judge.require("DEACT-01", seen.live == 0, f"{seen.live} sign-ins of a deactivated mitra are alive")


@probe_check("pings out of order", "KEY-12")
def pings_out_of_order(judge: ProbeJudge, seen: races.PingsOutOfOrder) -> None:
    wrong = [[*answer] for answer in seen.pings if answer.status != 200]
    if not judge.assume("KEY-12", not wrong, f"pings were answered {wrong}"):
        return
    for text, at, read in seen.beats:
        if (
            judge.require("KEY-12", at is not None, f"the heartbeat of a mitra who pings is {text!r}")
            and at is not None
        ):
            ahead = f"the heartbeat {text} is {at - read:.1f} s ahead, expected 5 s at most"
            judge.require("KEY-12", at - read <= AHEAD_S, ahead)
    for before, after in pairwise(seen.beats):
        if before.at is not None and after.at is not None:
            judge.require(
                "KEY-12", after.at >= before.at, f"the heartbeat went back from {before.text} to {after.text}"
            )
