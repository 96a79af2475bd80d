"""Defects of the bad day: an outage is not noticed, not survived, or never ends."""

from tests.sabotage.entry import replace_in, sabotage


@sabotage("flush-unnoticed", "A FLUSHDB under an idle server is noticed by nobody.", "A-07", "A-08")
def flush_unnoticed() -> None:
    from server.mirror.watchdog import Watchdog

    ask = Watchdog._ask

    async def trusting(self: Watchdog) -> tuple[str, str]:
        run_id, epoch = await ask(self)
        return run_id, epoch or f"{run_id}|{self._seeder.identity}|"

    Watchdog._ask = trusting  # type: ignore[method-assign]


@sabotage("beacon-gives-up", "Without Valkey the beacon says that nobody is available.", "J-02")
def beacon_gives_up() -> None:
    from server.mirror.reads import Reads

    async def nobody(self: Reads) -> dict[str, object]:
        await self._postgres.available()
        return {"available": False, "count": 0}

    Reads._join = nobody  # type: ignore[method-assign]


@sabotage("join-on-frozen-heartbeats", "The fallback JOIN filters on last_heartbeat_at.", "F-06", "J-02", "J-03")
def join_on_frozen_heartbeats() -> None:
    from server.mirror import reads

    replace_in(
        reads, "_AVAILABLE", "WHERE o.is_online",
        "WHERE o.last_heartbeat_at > now() - interval '90 seconds' AND o.is_online",
    )  # fmt: skip


@sabotage("end-not-counted", "The end of a chat by its customer is not counted anew.", "SMOKE-05")
def end_not_counted() -> None:
    from server.chats import Chats

    end = Chats.end_by_customer

    async def quietly(self: Chats, customer_id: str, session_id: str) -> dict[str, object]:
        changing = self._changing
        self._changing = lambda *ids: self._db.transaction()  # type: ignore[method-assign]
        try:
            return await end(self, customer_id, session_id)
        finally:
            self._changing = changing  # type: ignore[method-assign]

    Chats.end_by_customer = quietly  # type: ignore[method-assign]
