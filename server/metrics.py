"""What Prometheus scrapes: requests by route and status, running timers, and the mirror's own numbers."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

Numbers = Callable[[], Mapping[str, float]]


class Metrics:
    """The process's own registry; `numbers` are called at each scrape. Names ending in `_total` are counters, others gauges."""

    def __init__(self, *numbers: Numbers) -> None:
        self._registry = CollectorRegistry()
        labels = ("listener", "method", "route")
        self._requests = Counter("http_requests", "Answers sent", (*labels, "status"), registry=self._registry)
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "Time from the request's head to its answer",
            labels,
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        for source in numbers:
            self._registry.register(_Numbers(source))

    def observe(self, listener: str, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer; `route` is the path's template ("" for none), `status` 0 if the client left before it."""
        known = method if method in METHODS else "other"
        self._requests.labels(listener, known, route, status).inc()
        self._seconds.labels(listener, known, route).observe(seconds)

    def text(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self._registry)


class _Numbers(Collector):
    """A mapping of plain numbers as gauges and counters."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        for name, value in self._numbers().items():
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            yield family(name, name.replace("_", " "), value=value)
