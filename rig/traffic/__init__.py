"""Recording clients: what mitra, customer and operator do to a server, each request kept with its outcome."""

from rig.traffic.actors.customer import Customer
from rig.traffic.actors.exchange import Exchange, Outcome
from rig.traffic.actors.mitra import Mitra
from rig.traffic.actors.operator import Operator
from rig.traffic.actors.tokens import mint
from rig.traffic.background.beacon_polls import poll_rapidly
from rig.traffic.background.burst import Volley, volley
from rig.traffic.background.pinger import Pinger

__all__ = [
    "Customer",
    "Exchange",
    "Mitra",
    "Operator",
    "Outcome",
    "Pinger",
    "Volley",
    "mint",
    "poll_rapidly",
    "volley",
]
