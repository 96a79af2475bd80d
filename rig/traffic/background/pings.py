"""Keeps mitras alive in the background while a scenario looks at something else."""

import threading
from collections.abc import Sequence
from typing import Self

from rig.traffic.actors.exchange import Exchange
from rig.traffic.actors.mitra import Mitra
from rig.traffic.background.periodic import PeriodicThread


class BackgroundPings:
    """Pings each mitra every `every_s` seconds from entering to leaving the block.

    A thread a mitra, because a hung server holds each ping for seconds and must not make the others late.
    """

    def __init__(self, mitras: Sequence[Mitra], every_s: float) -> None:
        self.mitras = list(mitras)
        self._lock = threading.Lock()
        self._exchanges: list[Exchange] = []
        share = every_s / max(1, len(mitras))  # spread over the interval, as independent apps are
        self._threads = [
            PeriodicThread(mitra.ping, self._keep, every_s=every_s, first_s=share * position)
            for position, mitra in enumerate(mitras)
        ]

    def _keep(self, exchange: Exchange) -> None:
        with self._lock:
            self._exchanges.append(exchange)

    @property
    def exchanges(self) -> list[Exchange]:
        """The pings answered (or given up) so far, in order of their sending."""
        with self._lock:
            return sorted(self._exchanges, key=lambda exchange: exchange.started)

    def start(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """End the threads; a ping on its way is waited for. Raises what went wrong in a thread."""
        for thread in self._threads:
            thread.stop()
        for thread in self._threads:
            thread.finish()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
