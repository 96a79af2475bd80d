"""Smoke: the happy path after a deploy."""

from rig.checks.checklist.section_a import SEED
from rig.checks.common.http_answers import require_status
from rig.checks.framework import Bounds, Judge, check
from rig.record.observations.smoke import BeaconPolls, ChatAndCapacity, Membership, SeedLines


@check("SMOKE-01", "BE", "The log shows a finished seed")
def seeded(judge: Judge, seen: SeedLines, bounds: Bounds) -> None:
    judge.require(any(SEED.search(line) for line in seen.lines), f"no seed line of the promised form: {seen.lines}")


@check("SMOKE-02", "M", "A mitra who goes online appears in mitras:online")
def appears(judge: Judge, seen: Membership, bounds: Bounds) -> None:
    require_status(judge, seen.exchange)
    judge.require(seen.member, f"not in mitras:online {bounds['within_s']:g} s after the answer")


@check("SMOKE-03", "C", "The customer's button is enabled when a mitra is available, and only then")
def button(judge: Judge, seen: BeaconPolls, bounds: Bounds) -> None:
    polls = (("online", seen.online, (True, 1)), ("offline", seen.offline, (False, 0)))
    for when, poll, expected in (*polls, ("online again", seen.online_again, (True, 1))):
        if require_status(judge, poll):
            answer = (poll.fields.get("available"), poll.fields.get("count"))
            judge.require(answer == expected, f"with the only mitra {when} the beacon says {answer}")
    judge.note("available with her online, unavailable without, available again")


@check("SMOKE-04", "C", "Pay, accept, chat: the capacity counter goes up")
def counted(judge: Judge, seen: ChatAndCapacity, bounds: Bounds) -> None:
    if require_status(judge, seen.exchange):
        status = seen.exchange.fields.get("status")
        judge.require(status == "active", f"the accepted chat is {status!r}")
    judge.require(seen.capacity == "1", f"the capacity is {seen.capacity!r}, not '1'")


@check("SMOKE-05", "C", "The chat ends: the capacity counter goes down")
def uncounted(judge: Judge, seen: ChatAndCapacity, bounds: Bounds) -> None:
    if require_status(judge, seen.exchange):
        status = seen.exchange.fields.get("status")
        judge.require(status == "ended", f"the ended chat is {status!r}")
    judge.require(seen.capacity == "0", f"the capacity is {seen.capacity!r}, not '0'")


@check("SMOKE-06", "M", "A mitra who goes offline is gone from mitras:online")
def disappears(judge: Judge, seen: Membership, bounds: Bounds) -> None:
    require_status(judge, seen.exchange)
    judge.require(not seen.member, f"still in mitras:online {bounds['within_s']:g} s after the answer")
