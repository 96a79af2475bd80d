"""Defects of sweeps: silent mitras, batched heartbeats, reconciliation."""

from tests.sabotage.entry import replace_in, sabotage


@sabotage("offline-unaudited", "Auto-offline leaves no row in the audit.", "G-06")
def offline_unaudited() -> None:
    from server.mirror import sweeps

    sweeps.AUDIT = "SELECT $1::uuid, $2::text"


@sabotage("sweep-skips-in-silence", "A skipped auto-offline tick leaves no line.", "G-09")
def sweep_skips_in_silence() -> None:
    from server.mirror.sweeps import Sweeps

    skip = Sweeps._skip
    Sweeps._skip = lambda self, sweep, what, error: None if sweep == "auto-offline" else skip(self, sweep, what, error)  # type: ignore[method-assign]


@sabotage("one-update-a-row", "The heartbeat mirror writes one statement a mitra.", "H-03")
def one_update_a_row() -> None:
    from server.mirror import sweeps
    from server.mirror.sweeps import Sweeps

    mirror = Sweeps.mirror_heartbeats

    async def row_by_row(self: Sweeps) -> None:
        database = self._db

        class OneByOne:
            async def execute(self, query: str, ids: str, times: str, **_: object) -> None:
                for mitra_id, at in zip(ids.split(","), times.split(","), strict=True):
                    await database.execute(query, mitra_id, at)

        self._db = OneByOne()  # type: ignore[assignment]
        try:
            await mirror(self)
        finally:
            self._db = database

    sweeps.Sweeps.mirror_heartbeats = row_by_row  # type: ignore[method-assign]


@sabotage("mirror-skips-in-silence", "A skipped cycle of the heartbeat mirror leaves no line.", "H-07")
def mirror_skips_in_silence() -> None:
    from server.mirror.sweeps import Sweeps

    skip = Sweeps._skip
    Sweeps._skip = lambda self, sweep, what, error: skip(self, sweep, what, error) if sweep == "auto-offline" else None  # type: ignore[method-assign]


@sabotage("capacity-not-reconciled", "The seed leaves a capacity key that is there as it is.", "I-04")
def capacity_not_reconciled() -> None:
    from server.mirror import scripts

    replace_in(
        scripts, "SEED", "if #capacities > 0 then redis.call('MSET', unpack(capacities)) end",
        "for i = 1, #capacities, 2 do redis.call('SET', capacities[i], capacities[i + 1], 'NX') end",
    )  # fmt: skip


@sabotage("zero-means-two", "A reconciliation of 0 seconds is read as a default.", "I-06")
def zero_means_two() -> None:
    from server.mirror import sweeps

    init = sweeps.Sweeps.__init__

    def patched(self, *args):  # type: ignore[no-untyped-def]
        init(self, *args)
        self._cadences = [(name, seconds or 2, tick) for name, seconds, tick in self._cadences]

    sweeps.Sweeps.__init__ = patched  # type: ignore[method-assign]
