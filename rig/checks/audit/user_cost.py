"""What differences cost users: chats that are offered to mitras who cannot take them, and chats that are not offered."""

from collections.abc import Sequence

from rig.checks.audit.differences import heartbeat_time
from rig.record.audit import Difference, Mirrored, Truth, UserCost

TO_GHOSTS, NOT_OFFERED = "ghost", "lost"


def whom_it_costs(truth: Truth, mirrored: Mirrored, now: float, stale_s: float, chats_max: int) -> str:
    """Whether blasts offer chats to somebody who cannot take them, or none to somebody who could; empty for neither.

    Both sides are asked with the same heartbeat, so that a mitra whose app is silent costs nothing here.
    """
    would, could = (
        in_mirror(truth, mirrored, now, stale_s, chats_max),
        in_truth(truth, mirrored, now, stale_s, chats_max),
    )
    if would == could:
        return ""
    return TO_GHOSTS if would else NOT_OFFERED


def in_mirror(truth: Truth, mirrored: Mirrored, now: float, stale_s: float, chats_max: int) -> bool:
    """Whether the mirror says that she can take a chat. Without a capacity key the server asks Postgres."""
    text = mirrored.capacity.text
    load = int(text) if text is not None and text.isdecimal() else truth.load
    fresh = is_fresh(mirrored.heartbeat.text, now, stale_s)
    return bool(mirrored.online and not mirrored.deactivated and fresh and load < chats_max)


def in_truth(truth: Truth, mirrored: Mirrored, now: float, stale_s: float, chats_max: int) -> bool:
    """Whether Postgres says so. If the heartbeat key is lost, her pings are supposed to come."""
    text = mirrored.heartbeat.text
    fresh = heartbeat_time(text) is None or is_fresh(text, now, stale_s)
    return truth.online and truth.active and fresh and truth.load < chats_max


def is_fresh(text: str | None, now: float, stale_s: float) -> bool:
    at = heartbeat_time(text)
    return at is not None and now - at <= stale_s


def user_cost(differences: Sequence[Difference], now: float, chats_per_minute: float | None) -> UserCost:
    """Estimate: each mitra counts from the begin of her oldest difference until now, in minutes.

    A blast offers a chat to all who are available. So within a minute each ghost was offered as many chats as customers
    asked for, and each mitra whom the mirror does not show missed as many.
    """
    begun: dict[tuple[str, str], float] = {}
    for one in differences:
        if one.cost:
            at = one.first_seen if one.since is None else one.since
            whose = (one.cost, one.mitra)
            begun[whose] = min(at, begun.get(whose, at))
    minutes = {cost: sum(max(0.0, now - at) for (kind, _), at in begun.items() if kind == cost) / 60
               for cost in (TO_GHOSTS, NOT_OFFERED)}  # fmt: skip
    rate = chats_per_minute
    return UserCost(
        ghost_minutes=minutes[TO_GHOSTS],
        lost_minutes=minutes[NOT_OFFERED],
        chats_per_minute=rate,
        offers_to_ghosts=None if rate is None else rate * minutes[TO_GHOSTS],
        offers_not_made=None if rate is None else rate * minutes[NOT_OFFERED],
    )


def chats_per_minute(before: tuple[int | None, float], now: tuple[int | None, float]) -> float | None:
    """The rate between two readings (count, epoch seconds) of the counter of inserted chats; None if it was reset."""
    (old, old_at), (new, new_at) = before, now
    if old is None or new is None or new < old or new_at <= old_at:
        return None
    return (new - old) * 60 / (new_at - old_at)
