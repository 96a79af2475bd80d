"""Online, offline, pings, and who reads them: status, profile, the beacon, the dashboard."""

from rig.service.state import Mitra, Service
from rig.service.steps import Answer, Expected, Step, action, refused

STATUS = "/api/mitra/status"


def inactive(mitra: Mitra, *also: str) -> list[Expected]:
    """The refusal of a deactivated mitra; empty for an active one."""
    return [] if mitra.active else refused(403, "ACCOUNT_INACTIVE", "DEACT-04", *also)


@action("online", "POST", f"{STATUS}/online", "mitra")
def online(service: Service, step: Step, now: float) -> list[Expected]:
    mitra = service.mitras[step.actor]

    def change(answer: Answer) -> None:
        if not mitra.online:
            mitra.audit.append("online")
        mitra.online, mitra.heartbeat = True, answer.ended

    sentence = "TOGGLE-03" if mitra.online else "TOGGLE-01"
    also = ("TOGGLE-04", "TOGGLE-10") if service.outage else ("TOGGLE-04", "TOGGLE-05", "TOGGLE-07")
    return inactive(mitra) or [
        Expected(200, sentence, body={"is_online": True}, change=change, also=(*also, *back_again(mitra)))
    ]


@action("offline", "POST", f"{STATUS}/offline", "mitra")
def offline(service: Service, step: Step, now: float) -> list[Expected]:
    mitra = service.mitras[step.actor]

    def change(answer: Answer) -> None:
        if mitra.online:
            mitra.audit.append("offline")
        mitra.online, mitra.heartbeat = False, None

    sentence = "TOGGLE-02" if mitra.online else "TOGGLE-03"
    also = ("TOGGLE-10",) if service.outage else ("TOGGLE-06", "TOGGLE-07")
    return inactive(mitra) or [Expected(200, sentence, body={"is_online": False}, change=change, also=also)]


@action("ping", "POST", f"{STATUS}/heartbeat", "mitra")
def ping(service: Service, step: Step, now: float) -> list[Expected]:
    mitra = service.mitras[step.actor]

    def change(answer: Answer) -> None:
        if not service.outage:
            mitra.heartbeat = answer.ended

    if not mitra.active:
        return refused(403, "ACCOUNT_INACTIVE", "PING-06" if service.outage else "PING-04", "DEACT-04")
    if not mitra.online:
        return [Expected(200, "PING-06" if service.outage else "PING-05", body={"is_online": False})]
    sentence = "PING-06" if service.outage else "PING-01"
    return [Expected(200, sentence, body={"is_online": True}, change=change, also=back_again(mitra))]


def back_again(mitra: Mitra) -> tuple[str, ...]:
    """What a step of a mitra puts to the test besides, where she was deactivated before and is not any more."""
    return ("DEACT-06",) if mitra.was_deactivated else ()


@action("status", "GET", STATUS, "mitra")
def status(service: Service, step: Step, now: float) -> list[Expected]:
    mitra = service.mitras[step.actor]
    return inactive(mitra) or [Expected(200, "TOGGLE-09", body={"is_online": mitra.online}, also=("API-03",))]


@action("profile", "GET", "/api/mitra/profile", "mitra")
def profile(service: Service, step: Step, now: float) -> list[Expected]:
    return [Expected(200, "AUTH-23", body={"id": step.actor, "display_name": step.actor}, also=("API-03",))]


@action("beacon", "GET", "/public/bestie-availability")
def beacon(service: Service, step: Step, now: float) -> list[Expected]:
    """Without a snapshot, as the driver deletes it before it asks. In an outage the answer may be 10 s old."""
    also = ("BEACON-06", "BEACON-07") if service.outage else ("BEACON-07",)
    if not service.settled(now):
        return [Expected(200, "BEACON-03", also=also)]
    counts = service.recent_counts(now) if service.outage else [len(service.available(now))]
    return [Expected(200, "BEACON-03", body={"available": count > 0, "count": count}, also=also) for count in counts]


@action("dashboard", "GET", "/internal/dashboard", "operator")
def dashboard(service: Service, step: Step, now: float) -> list[Expected]:
    sentence = "OPS-02" if service.outage else "OPS-01"
    return [Expected(200, sentence, body={"online_mitras": len(service.online())}, also=("API-03",))]
