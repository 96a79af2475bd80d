"""Recording clients: what mitra, customer and operator do to a server, each request kept with its outcome."""

from rig.traffic.actors.customer import Customer
from rig.traffic.actors.exchange import Exchange, Outcome
from rig.traffic.actors.mitra import Mitra
from rig.traffic.actors.operator import Operator
from rig.traffic.actors.tokens import mint
from rig.traffic.background.beacon_polls import poll_rapidly
from rig.traffic.background.burst import Burst, burst
from rig.traffic.background.pings import BackgroundPings

__all__ = [
    "BackgroundPings",
    "Burst",
    "Customer",
    "Exchange",
    "Mitra",
    "Operator",
    "Outcome",
    "burst",
    "mint",
    "poll_rapidly",
]
