"""Beacon polls from several addresses at once: the crowd of apps behind one cached answer."""

import functools
import threading
from collections.abc import Sequence

from rig.contract import BEACON
from rig.record import RecordWriter
from rig.traffic.actors.client import TIMEOUT_S, Client, actors_client
from rig.traffic.actors.exchange import Exchange
from rig.traffic.background.periodic import PeriodicThread


def poll_rapidly(
    public_url: str,
    sources: Sequence[str],
    *,
    per_second: float,
    seconds: float,
    recorder: RecordWriter | None = None,
    instance: str | None = None,
) -> list[Exchange]:
    """Poll the beacon `per_second` times a second from each source address, for `seconds`; all polls by time.

    `sources` are addresses of this machine, such as 127.0.0.2: Linux owns the whole of 127.0.0.0/8.
    """
    url = public_url.rstrip("/") + BEACON
    polls: list[Exchange] = []
    lock = threading.Lock()

    def keep(exchange: Exchange) -> None:
        with lock:
            polls.append(exchange)

    clients = {source: actors_client(source) for source in sources}
    try:
        threads = []
        for position, (source, http) in enumerate(clients.items()):
            client = Client(
                f"customer at {source}", recorder, placeholder="$CUSTOMER_TOKEN",
                instance=instance, http=http, interface=source,
            )  # fmt: skip
            threads.append(
                PeriodicThread(
                    functools.partial(client.send, "beacon", "GET", url),
                    keep,
                    every_s=1 / per_second,
                    first_s=position / per_second / len(clients),
                    times=max(1, round(per_second * seconds)),
                )
            )
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.finish(seconds + TIMEOUT_S * 2)
    finally:
        for http in clients.values():
            http.close()
    return sorted(polls, key=lambda exchange: exchange.started)
