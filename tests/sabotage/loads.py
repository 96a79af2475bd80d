"""Defects that a load shows: they cost a statement, a recompute or an answer now and then, which only counting tells."""

import itertools
from typing import Any

from tests.sabotage.entry import sabotage

QUICK = ("--ping-every", "5", "--seconds", "10", "--no-witness", "--blocks", "0")
A_CYCLE = ("--mitras", "100", "--ping-every", "5", "--seconds", "70", "--no-baseline", "--no-witness", "--blocks", "0")
HUNDRED_THOUSAND = (
    "--mitras", "2000", "--ping-every", "0.7", "--seconds", "45", "--customers", "20", "--storm", "0", "--chats", "0", "--togglers", "0",
    "--no-baseline", "--no-witness", "--blocks", "0",
)  # fmt: skip


def every(count: int, statement: str, once: bool = False) -> None:
    """Each ping whose number is a multiple of `count` (or that one alone) runs a statement besides, about its mitra."""
    from server.mirror.heartbeat import Heartbeat

    in_valkey, pings = Heartbeat._in_valkey, itertools.count(1)

    async def curious(self: Heartbeat, mitra_id: str) -> str:
        number = next(pings)
        if number == count if once else number % count == 0:
            await self._db.fetchval(statement, mitra_id)
        return await in_valkey(self, mitra_id)

    Heartbeat._in_valkey = curious  # type: ignore[method-assign]


LOOK = "SELECT display_name FROM mitras WHERE id = $1"


@sabotage("ping-looks-up-its-mitra", "One ping in ten looks up the mitra's row.", "CLAIM-01", "CLAIM-02")
def ping_looks_up_its_mitra() -> None:
    every(10, LOOK)


@sabotage("one-ping-looks-it-up", "The 150th ping of all looks up its mitra's row.", "CLAIM-01")
def one_ping_looks_it_up() -> None:
    every(150, LOOK, once=True)


@sabotage(
    "one-ping-in-a-hundred-thousand", "The 100,000th ping of all looks up its mitra's row.", "CLAIM-01", by=HUNDRED_THOUSAND
)  # fmt: skip
def one_ping_in_a_hundred_thousand() -> None:
    every(100_000, LOOK, once=True)


@sabotage(
    "every-third-heartbeat-is-written", "One ping in three updates its mitra's row.", "CLAIM-01", "CLAIM-02", "DIFF-01",
    by=("--mitras", "100", *QUICK),
)  # fmt: skip
def every_third_heartbeat_is_written() -> None:
    every(3, "UPDATE mitra_online_status SET last_heartbeat_at = now() WHERE mitra_id = $1 RETURNING is_online")


@sabotage(
    "looks-behind-a-function", "One ping in ten looks up its mitra through a function, whose call names no table.", "CLAIM-08",
    by=("--mitras", "100", "--ping-every", "5", "--seconds", "10", "--no-baseline", "--blocks", "0"),
)  # fmt: skip
def looks_behind_a_function() -> None:
    from server.mirror.heartbeat import Heartbeat

    in_valkey, pings = Heartbeat._in_valkey, itertools.count(1)
    made = "CREATE OR REPLACE FUNCTION whose(uuid) RETURNS text LANGUAGE sql AS 'SELECT display_name FROM mitras WHERE id = $1'"

    async def hidden(self: Heartbeat, mitra_id: str) -> str:
        number = next(pings)
        if number == 1:
            await self._db.execute(made)
        elif number % 10 == 0:
            await self._db.fetchval("SELECT whose($1)", mitra_id)
        return await in_valkey(self, mitra_id)

    Heartbeat._in_valkey = hidden  # type: ignore[method-assign]


def some_polls_join(count: int) -> None:
    from server.mirror.reads import Reads

    beacon, polls = Reads.beacon, itertools.count(1)

    async def doubtful(self: Reads) -> dict[str, Any]:
        return await (self._join() if next(polls) % count == 0 else beacon(self))

    Reads.beacon = doubtful  # type: ignore[method-assign]


@sabotage("beacon-makes-sure", "One beacon poll in fifty is answered by the JOIN.", "CLAIM-02", "CLAIM-04")
def beacon_makes_sure() -> None:
    some_polls_join(50)


@sabotage(
    "beacon-doubts", "One beacon poll in four is answered by the JOIN.", "CLAIM-02", "CLAIM-04", "DIFF-02",
    by=("--mitras", "100", *QUICK),
)  # fmt: skip
def beacon_doubts() -> None:
    from server.mirror.reads import Reads

    some_polls_join(4)
    joined = Reads.beacon

    async def anew(self: Reads) -> dict[str, Any]:
        self._shared = (-10.0, {})  # or the last answer would serve for a second
        return await joined(self)

    Reads.beacon = anew  # type: ignore[method-assign]


@sabotage("snapshot-dies-young", "The snapshot lives for four seconds instead of ten.", "CLAIM-03")
def snapshot_dies_young() -> None:
    from server.mirror import keys

    keys.SNAPSHOT_TTL_S = 4


@sabotage("load-dashboard-counts-rows", "The dashboard counts the rows of those online.", "CLAIM-02", "CLAIM-06")
def dashboard_counts_rows() -> None:
    from server.mirror.reads import Reads

    async def counted(self: Reads) -> int:
        return await self._postgres.online_count()

    Reads.online_count = counted  # type: ignore[method-assign]


@sabotage(
    "heartbeats-written-in-halves", "A mirror cycle writes its heartbeats in two statements.", "CLAIM-05", by=A_CYCLE
)  # fmt: skip
def heartbeats_written_in_halves() -> None:
    from server.mirror import sweeps
    from server.mirror.sweeps import Sweeps

    class Halving:
        def __init__(self, db: Any) -> None:
            self._db = db

        def __getattr__(self, name: str) -> Any:
            return getattr(self._db, name)

        async def execute(self, statement: str, *values: Any, **options: Any) -> Any:
            if statement != sweeps._MIRROR:
                return await self._db.execute(statement, *values, **options)
            lists = [text.split(",") for text in values]
            half = len(lists[0]) // 2
            await self._db.execute(statement, *(",".join(some[:half]) for some in lists), **options)
            return await self._db.execute(statement, *(",".join(some[half:]) for some in lists), **options)

    mirror = Sweeps.mirror_heartbeats

    async def in_halves(self: Sweeps) -> None:
        db, self._db = self._db, Halving(self._db)  # type: ignore[assignment]
        try:
            await mirror(self)
        finally:
            self._db = db

    Sweeps.mirror_heartbeats = in_halves  # type: ignore[method-assign]


@sabotage("one-poll-in-hundreds-fails", "One beacon poll in two hundred is answered with 500.", "CLAIM-07")
def one_poll_in_hundreds_fails() -> None:
    from server.mirror.reads import Reads

    beacon, polls = Reads.beacon, itertools.count(1)

    async def failing(self: Reads) -> dict[str, Any]:
        if next(polls) % 200 == 0:
            raise RuntimeError("an unlucky poll")
        return await beacon(self)

    Reads.beacon = failing  # type: ignore[method-assign]
