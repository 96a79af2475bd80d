"""Reads what each instance tells of its mirror at `/metrics`, all through a campaign, into the record."""

import re
import threading
import time

import httpx

from rig.drive.bench import Bench

EVERY_S = 0.5
PATIENCE_S = 0.3
# A sample of the mirror's without labels: `mirror_warm 1.0`.
NUMBER = re.compile(r"^(mirror_\w+) (\S+)$", re.MULTILINE)


class Scraper:
    """A thread; an instance that does not answer, or tells nothing of a mirror, leaves no line."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scraper", daemon=True)

    def __enter__(self) -> "Scraper":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(10.0)

    def _run(self) -> None:
        with httpx.Client(timeout=PATIENCE_S, trust_env=False) as client:
            while not self._stopping.wait(EVERY_S):
                for name, server in list(self._bench.servers.items()):
                    at = time.time()
                    try:
                        told = client.get(f"{server.internal_url}/metrics").text
                    except httpx.HTTPError:
                        continue
                    if values := numbers(told):
                        self._bench.recorder.write("metrics", t=at, instance=name, values=values)


def numbers(exposition: str) -> dict[str, float]:
    """The mirror's own numbers in Prometheus' text format, by name."""
    found = {}
    for name, text in NUMBER.findall(exposition):
        try:
            found[name] = float(text)
        except ValueError:
            continue
    return found
