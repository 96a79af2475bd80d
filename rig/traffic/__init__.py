"""Recording clients: what mitra, customer and operator do to a server, each request kept with its outcome."""

from rig.traffic.beacons import poll_rapidly
from rig.traffic.customer import Customer
from rig.traffic.exchange import Exchange, Outcome
from rig.traffic.mitra import Mitra
from rig.traffic.operator import Operator
from rig.traffic.pinger import Pinger
from rig.traffic.tokens import mint
from rig.traffic.volley import Volley, volley

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
