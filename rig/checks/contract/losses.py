"""Judges what a server does when Valkey forgets its scripts, or cuts subscribers."""

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations import losses


@probe_check("flushed scripts", "OUTAGE-06", "KEY-01", "KEY-03")
def flushed_scripts(judge: ProbeJudge, seen: losses.FlushedScripts) -> None:
    wrong = [answer for answer in seen.answers if answer.status != 200]
    judge.require("OUTAGE-06", not wrong, f"after Valkey forgot its scripts these were answered: {wrong}")
    if not wrong:
        judge.require("KEY-01", seen.online, "a mitra who went online after SCRIPT FLUSH is not in `mitras:online`")
        told = f"after an accept that followed a SCRIPT FLUSH the capacity is {seen.capacity}, expected 1"
        judge.require("KEY-03", seen.capacity == "1", told)


@probe_check("settings one after another", "CONFIG-04")
def settings_one_after_another(judge: ProbeJudge, seen: losses.SettingsInARow) -> None:
    for first, second, answers, room, listed in seen.rounds:
        right = seen.taken == 200 and {*answers} == {200}
        if judge.assume("CONFIG-04", right, f"on the way came {seen.taken}, {answers}"):
            told = f"1 s after the maximum was set to {first} and then to {second} the instances list a mitra with one chat"
            judge.require("CONFIG-04", {*listed} == {room}, f"{told}: {listed}, expected {room}")


@probe_check("cut subscribers", "OUTAGE-07")
def cut_subscribers(judge: ProbeJudge, seen: losses.CutSubscribers) -> None:
    right = seen.taken == 200 and seen.changed == 200 and all(seen.before)
    if not judge.assume("OUTAGE-07", right, f"on the way came {seen.taken}, {seen.changed}, {seen.before}"):
        return
    if judge.assume("OUTAGE-07", seen.cut, "no connection of a subscriber was there to be cut"):
        told = f"{seen.cut} subscribers were cut; 5 s after a change of the maximum it is in force: {[not one for one in seen.after]}"
        judge.require("OUTAGE-07", not any(seen.after), told)
        told = f"{seen.cut} subscribers were cut; a later change of the maximum is in force after 5 s: {seen.again}"
        judge.require("OUTAGE-07", all(seen.again), told)
