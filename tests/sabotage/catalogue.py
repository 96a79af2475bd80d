"""All broken servers, from the modules that declare them."""

from tests.sabotage import answers, courses, life, outages, pings, reads, red_b_sweeps, returns, writes  # noqa: F401  (importing declares)
from tests.sabotage.entry import CATALOGUE

__all__ = ["CATALOGUE"]
