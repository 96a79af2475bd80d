"""Defects that a campaign or a load shows: what hangs on an outage under traffic, or on numbers."""

from tests.sabotage.entry import sabotage


@sabotage("outage-is-an-error", "While Valkey is away, each ping is answered with 500.", "INV-18")
def outage_is_an_error() -> None:
    from server.mirror.heartbeat import Heartbeat

    async def nothing_to_ask(self: Heartbeat, mitra_id: str) -> bool:
        raise RuntimeError(f"no mirror to ask for {mitra_id}")

    Heartbeat.in_postgres = nothing_to_ask  # type: ignore[method-assign]


@sabotage(
    "dashboard-goes-blank", "While Valkey is away, the dashboard tells that nobody is online.", "INV-15", "INV-17"
)
def dashboard_goes_blank() -> None:
    from server.mirror.reads import PostgresReads

    async def nobody(self: PostgresReads) -> int:
        return 0

    PostgresReads.online_count = nobody  # type: ignore[method-assign]


@sabotage("ping-looks-up-its-mitra", "One ping in ten looks up the mitra's row.", "CLAIM-01")
def ping_looks_up_its_mitra() -> None:
    import itertools

    from server.mirror.heartbeat import Heartbeat

    in_valkey, pings = Heartbeat._in_valkey, itertools.count(1)

    async def curious(self: Heartbeat, mitra_id: str) -> str:
        if next(pings) % 10 == 0:
            await self._db.fetchval("SELECT display_name FROM mitras WHERE id = $1", mitra_id)
        return await in_valkey(self, mitra_id)

    Heartbeat._in_valkey = curious  # type: ignore[method-assign]


@sabotage("beacon-makes-sure", "One beacon poll in fifty is answered by the JOIN.", "CLAIM-02")
def beacon_makes_sure() -> None:
    import itertools
    from typing import Any

    from server.mirror.reads import Reads

    beacon, polls = Reads.beacon, itertools.count(1)

    async def doubtful(self: Reads) -> dict[str, Any]:
        return await (self._join() if next(polls) % 50 == 0 else beacon(self))

    Reads.beacon = doubtful  # type: ignore[method-assign]


@sabotage("one-poll-in-hundreds-fails", "One beacon poll in two hundred is answered with 500.", "CLAIM-03")
def one_poll_in_hundreds_fails() -> None:
    import itertools
    from typing import Any

    from server.mirror.reads import Reads

    beacon, polls = Reads.beacon, itertools.count(1)

    async def failing(self: Reads) -> dict[str, Any]:
        if next(polls) % 200 == 0:
            raise RuntimeError("an unlucky poll")
        return await beacon(self)

    Reads.beacon = failing  # type: ignore[method-assign]
