"""All broken servers, from the modules that declare them."""

from tests.sabotage import answers, life, outages, pings, reads, returns, writes  # noqa: F401  (importing declares)
from tests.sabotage.entry import CATALOGUE

__all__ = ["CATALOGUE"]
