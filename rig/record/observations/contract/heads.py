"""What the probes saw that send heads which are too long or never complete, and connections that send nothing."""

from typing import NamedTuple

from rig.record.observations.edges import Sent
from rig.record.observations.parts import Seen


class SentHead(NamedTuple):
    """A request with a long head: where its bytes are, how many, and what came after `seconds`.

    `status`: of the answer. `closed`: whether the connection ended without one.
    """

    what: str
    bytes: int
    status: int | None
    closed: bool
    seconds: float


class LongHeads(Seen, frozen=True, kw_only=True):
    """`others`: the answers to polls of the beacon on another connection, while the heads of over 2 MiB were sent."""

    over_64_kib: list[SentHead]
    over_2_mib: list[SentHead]
    others: list[Sent]


class PingBeside(NamedTuple):
    """A ping on a `kept` or a `new` connection. Without an answer `error` names why."""

    connection: str
    status: int | None
    error: str | None
    seconds: float


class IncompleteHead(NamedTuple):
    """A head that never completes: how it stops, and the seconds from its first byte to the end of the connection.

    None: it had not ended after 16 s.
    """

    what: str
    ended_s: float | None


class SilentConnections(Seen, frozen=True, kw_only=True):
    """Pings beside so many connections on which nothing is sent; the first ping is from before them."""

    silent: int
    pings: list[PingBeside]
    ends: list[IncompleteHead]
