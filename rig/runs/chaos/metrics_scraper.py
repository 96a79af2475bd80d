"""Records `/metrics` and `/readyz` of each instance throughout a campaign."""

import re
import threading
import time

import httpx

from rig.environment.testbed import Testbed
from rig.record.lines.chaos import Metrics, Readiness
from rig.stack.http import http_client

EVERY_S = 0.5
PATIENCE_S = 0.3
# A sample of the mirror's without labels: `mirror_warm 1.0`.
NUMBER = re.compile(r"^(mirror_\w+) (\S+)$", re.MULTILINE)
COUNTS = re.compile(r"\d+(\.\d+)?")  # of `/readyz`: numbers that change all the time are left out of the comparison


class Scraper:
    """A thread. An instance that does not answer, or has no metrics of a mirror, adds no line."""

    def __init__(self, testbed: Testbed) -> None:
        self._testbed = testbed
        self._last_readiness: dict[str, str] = {}  # by instance: what it last said at `/readyz`, without its numbers
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scraper", daemon=True)

    def __enter__(self) -> "Scraper":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(10.0)

    def _run(self) -> None:
        with http_client(PATIENCE_S) as client:
            while not self._stopping.wait(EVERY_S):
                for name, server in list(self._testbed.servers.items()):
                    at = time.time()
                    try:
                        exposition = client.get(f"{server.internal_url}/metrics").text
                        ready = client.get(f"{server.internal_url}/readyz")
                    except httpx.HTTPError:
                        continue
                    if values := numbers(exposition):
                        self._testbed.recorder.add(Metrics(t=at, instance=name, values=values))
                    self._note_readiness(at, name, ready)

    def _note_readiness(self, at: float, name: str, answer: httpx.Response) -> None:
        """Add a line if the answer differs from the last one."""
        state = f"{answer.status_code} {COUNTS.sub('0', answer.text)}"
        if self._last_readiness.get(name) != state:
            self._last_readiness[name] = state
            self._testbed.recorder.add(Readiness(t=at, instance=name, status=answer.status_code, text=answer.text))


def numbers(exposition: str) -> dict[str, float]:
    """The mirror's own numbers in Prometheus' text format, by name."""
    values = {}
    for name, text in NUMBER.findall(exposition):
        try:
            values[name] = float(text)
        except ValueError:
            continue
    return values
