"""What the scenarios of section D observed: the capacity counter over the life of a chat."""

import msgspec

from rig.record.observations.parts import HttpExchange, Part, Seen


class CapacityValue(Seen, frozen=True, kw_only=True):
    """D-01, D-03, D-05, D-07, D-09: the capacity key, and when it was written after which answer, if any."""

    capacity: str | None
    answered_at: float | None
    written_at: float | None


class ChatRow(msgspec.Struct, frozen=True, array_like=True):
    """A row of chat_sessions. Written as `[status, mitra_id, ends_at]`; `ends_at` is in epoch seconds."""

    status: str
    mitra_id: str | None
    ends_at: float | None = None


class StartedChat(Seen, frozen=True, kw_only=True):
    """D-02, D-04: the payment, the acceptance by `mitra`, and the row after it."""

    paid: HttpExchange
    accepted: HttpExchange
    row: ChatRow
    mitra: str


class ChatAtEnd(Part, frozen=True, kw_only=True):
    """The chat right after its time was over."""

    status: str
    capacity: str | None
    seen_at: float


class NaturalEnd(Seen, frozen=True, kw_only=True):
    """D-06: a chat from before its end to its goodbye.

    `way` says how the goodbye comes; `goodbye` is None if the goodbye window expires instead. `extended` and
    `capacity_extended` are there if the customer asked for an extension. `ended_seen_at` is None if it did not end.
    """

    way: str
    ends_at: float
    early: HttpExchange
    capacity_before: str | None
    at_end: ChatAtEnd
    window_s: float
    ended_seen_at: float | None
    status: str
    extended: HttpExchange | None = None
    capacity_extended: str | None = None
    goodbye: HttpExchange | None = None


class EndedChat(Seen, frozen=True, kw_only=True):
    """D-08: the request that ends a chat, and the row after it."""

    exchange: HttpExchange
    row: ChatRow


class Reroute(Seen, frozen=True, kw_only=True):
    """D-10: the request that reroutes a chat to `mitra`."""

    exchange: HttpExchange
    mitra: str


class CountersOfReroute(Seen, frozen=True, kw_only=True):
    """D-11: capacities by name and the session, before and after a reroute between two ids, and refused reroutes.

    `refused` are those to the same mitra, to one who is offline and to one who does not exist.
    """

    before: dict[str, str | None]
    after: dict[str, str | None]
    session_before: ChatRow
    session_after: ChatRow
    from_id: str = msgspec.field(name="from")
    to_id: str = msgspec.field(name="to")
    refused: list[HttpExchange]
    answered_at: float
    written_at: float


class CapacityByHand(Seen, frozen=True, kw_only=True):
    """D-12: the capacity keys by name, set by hand, and the maximum."""

    found: dict[str, str | None]
    maximum: int


class OffersOfPayment(Seen, frozen=True, kw_only=True):
    """D-13: a payment, and the names of the mitras who got an offer."""

    paid: HttpExchange
    offered: list[str]
