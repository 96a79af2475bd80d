"""What the stage `growth` saw: an instance while the same requests repeat."""

from typing import NamedTuple

from rig.record.observations.parts import Seen


class Moment(NamedTuple):
    """An instance after so many requests.

    `descriptors`: files and sockets that its processes have open. `connections`: those of them to the stores. `rss_kib`: its
    memory. All three are 0 where that cannot be read. `latency_ms`: the median of the pings and polls since the moment before.
    """

    requests: int
    descriptors: int
    connections: int
    rss_kib: int
    latency_ms: float


class RepeatedRequests(Seen, frozen=True, kw_only=True):
    """`moments` have the same number of requests between them. `wrong`: what was answered otherwise than it must be."""

    requests: int
    seconds: float
    wrong: list[str]
    wrong_count: int
    moments: list[Moment]
