"""Defects of chats and their capacity: a count that is right at first, or right a little too late."""

from typing import Any

from tests.sabotage.entry import replace_in, sabotage
from tests.sabotage.people import late


@sabotage(
    "counts-in-a-while", "The capacity is mirrored a second and a half after the answer.",
    "D-03", "D-05", "D-06", "D-07", "D-09", "D-11", "SMOKE-04", also=True,  # what comes late may fall into the next scenario
)  # fmt: skip
def counts_in_a_while() -> None:
    late("recomputeCapacity", 1.5)


@sabotage("counts-busy-or-not", "A write-through counts kinds of status, not chats.", "D-05", "D-06", "D-11")
def counts_busy_or_not() -> None:
    from server.mirror import writes

    replace_in(writes, "_DRAW", "count(*)", "count(DISTINCT s.status)")


@sabotage("one-at-a-time", "A mitra is given a second chat only when she has ended the first.", "D-04", "D-05")
def one_at_a_time() -> None:
    from server import capacity

    maximum = capacity.in_force
    capacity.in_force = lambda key, stored: min(1, maximum(key, stored))


@sabotage("ends-in-silence", "A chat that is ended by hand is not counted anew.", "D-09", "SMOKE-05")
def ends_in_silence() -> None:
    from server.chats import Chats

    def uncounted(end: Any) -> Any:
        async def quietly(self: Chats, *arguments: Any) -> Any:
            changing = self._changing
            self._changing = lambda *ids: self._db.transaction()  # type: ignore[method-assign]
            try:
                return await end(self, *arguments)
            finally:
                self._changing = changing  # type: ignore[method-assign]

        return quietly

    Chats.end_by_mitra = uncounted(Chats.end_by_mitra)  # type: ignore[method-assign]
    Chats.end_by_customer = uncounted(Chats.end_by_customer)  # type: ignore[method-assign]


@sabotage("reroute-counts-one", "A reroute counts the mitra who gets the chat anew, not the one who had it.", "D-11")
def reroute_counts_one() -> None:
    from server.chats import Chats

    reroute = Chats.reroute

    async def half(self: Chats, session_id: str, mitra_id: str) -> Any:
        changing = self._changing
        self._changing = lambda *ids: changing(mitra_id)  # type: ignore[method-assign]
        try:
            return await reroute(self, session_id, mitra_id)
        finally:
            self._changing = changing  # type: ignore[method-assign]

    Chats.reroute = half  # type: ignore[method-assign]


@sabotage(
    "accepted-from-creation", "The time of a chat runs from its creation, not from its acceptance.", "D-02", "D-04"
)
def accepted_from_creation() -> None:
    from server import blast

    replace_in(blast, "START", "clock_timestamp() + make_interval", "created_at - interval '2 seconds' + make_interval")


@sabotage(
    "offered-to-all-online", "Paying tells the number of mitras online as the number of offers.",
    "D-13", "F-05", "F-06", "J-03",
)  # fmt: skip
def offered_to_all_online() -> None:
    from server.blast import Blast

    pay = Blast.pay

    async def boasting(self: Blast, *arguments: Any) -> Any:
        paid = await pay(self, *arguments)
        return paid.model_copy(update={"offered": await self._mirror.online_count()})

    Blast.pay = boasting  # type: ignore[method-assign]
