"""The plan of a load: who sends what at which moment, spread evenly from a random seed. Locust only carries it out."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rig.traffic.client import ServerHandle
from rig.traffic.customer import BEACON
from rig.traffic.tokens import mint

TOKEN_MARGIN_S = 600  # tokens outlive the window: a refresh would be a request of another kind


@dataclass(frozen=True)
class LoadPace:
    """How many of each, and each one's pace in seconds. A mitra's app pings twice a minute, as written."""

    mitras: int = 300
    ping_every_s: float = 30.0
    pollers: int = 40
    poll_every_s: float = 0.5
    dashboards: int = 1
    dashboard_every_s: float = 1.0


def moments(rng: random.Random, count: int, every_s: float, seconds: float) -> list[list[float]]:
    """For each of `count` actors its moments in `[0, seconds)`; together they arrive evenly, in random order."""
    slots = list(range(count))
    rng.shuffle(slots)
    found = []
    for slot in slots:
        first = (slot + rng.random()) * every_s / count
        found.append([round(first + turn * every_s, 4) for turn in range(int(max(0.0, seconds - first) / every_s) + 1)])
    return [[moment for moment in own if moment < seconds] for own in found]


def actors(
    pace: LoadPace, random_seed: int, seconds: float, server: ServerHandle, mitra_ids: Sequence[str]
) -> list[dict[str, Any]]:
    """Every actor with its moments, as plain JSON. It holds tokens: not for the run directory.

    ValueError when the server's JWT_SECRET is not known to us.
    """
    if not server.jwt_secret:
        raise ValueError("a load needs the server's JWT_SECRET, to sign its mitras in")
    rng = random.Random(f"{random_seed}/load")
    public, found = server.public_url.rstrip("/"), []
    for number, own in enumerate(moments(rng, pace.mitras, pace.ping_every_s, seconds)):
        token = mint(server.jwt_secret, mitra_ids[number], "mitra", lifetime_s=seconds + TOKEN_MARGIN_S)
        url = f"{public}/api/mitra/status/heartbeat"
        found.append(actor(f"mitra {number}", "ping", "POST", url, token, own))
    for number, own in enumerate(moments(rng, pace.pollers, pace.poll_every_s, seconds)):
        found.append(actor(f"customer {number}", "beacon", "GET", public + BEACON, None, own))
    url = f"{server.internal_url.rstrip('/')}/internal/dashboard"
    for number, own in enumerate(moments(rng, pace.dashboards, pace.dashboard_every_s, seconds)):
        found.append(actor(f"operator {number}", "dashboard", "GET", url, server.internal_token, own))
    return found


def actor(name: str, action: str, method: str, url: str, token: str | None, own: list[float]) -> dict[str, Any]:
    return {"name": name, "action": action, "method": method, "url": url, "token": token, "moments_s": own}
