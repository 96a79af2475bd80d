"""Defects that show with large numbers alone: limits that somebody forgot, and what grows."""

import os
from typing import Any

from tests.sabotage.entry import replace_in, sabotage

NUMBERS, GROWTH = ("--stage", "numbers"), ("--stage", "growth")


@sabotage("seed-of-a-thousand", "The seed reads 1,000 mitras and no more.", "KEY-03", by=NUMBERS)
def seed_of_a_thousand() -> None:
    from server.mirror import seed

    seed._TRUTH += "ORDER BY m.id LIMIT 1000"


@sabotage("blast-of-a-hundred", "A blast offers a chat to 100 mitras at most.", "BLAST-01", by=NUMBERS)
def blast_of_a_hundred() -> None:
    from server import blast

    replace_in(blast, "_OFFER", "AND m.is_active", "AND m.is_active ORDER BY m.id LIMIT 100")


@sabotage("list-of-a-thousand", "The list of all mitras ends after 1,000.", "OPS-03", by=NUMBERS)
def list_of_a_thousand() -> None:
    from server import mitras

    pages = mitras.pages

    async def some(db: Any, first: Any) -> Any:
        told = 0
        async for page in pages(db, first):
            yield page[: 1000 - told]
            told += len(page)
            if told >= 1000:
                return

    mitras.pages = some  # type: ignore[assignment]


@sabotage("sweep-of-two", "A sweep sets two mitras offline at most.", "SWEEP-02", by=NUMBERS)
def sweep_of_two() -> None:
    from server.mirror.sweeps import Sweeps

    stale = Sweeps._stale

    async def two(self: Sweeps) -> tuple[int, dict[str, str]]:
        online, found = await stale(self)
        return online, dict(list(found.items())[:2])

    Sweeps._stale = two  # type: ignore[method-assign]


def each(number: int) -> Any:
    """Whether a call is the one of this number, or a multiple of it."""
    count = 0

    def is_it() -> bool:
        nonlocal count
        count += 1
        return count % number == 0

    return is_it


@sabotage("each-1500th-ping", "Each 1,500th ping is answered with 500.", "PING-01", by=NUMBERS)
def each_1500th_ping() -> None:
    from server.mirror.heartbeat import Heartbeat

    ping, is_it = Heartbeat.ping, each(1500)

    async def often_right(self: Heartbeat, mitra_id: str) -> bool:
        if is_it():
            raise RuntimeError("one too many")
        return await ping(self, mitra_id)

    Heartbeat.ping = often_right  # type: ignore[method-assign]


@sabotage("some-pings-are-lost", "Each 700th ping is answered and not written.", "PING-08", by=NUMBERS)
def some_pings_are_lost() -> None:
    from server.mirror.heartbeat import Heartbeat

    ping, is_it = Heartbeat.ping, each(700)

    async def often_written(self: Heartbeat, mitra_id: str) -> bool:
        return True if is_it() else await ping(self, mitra_id)

    Heartbeat.ping = often_written  # type: ignore[method-assign]


@sabotage("polls-leave-descriptors", "Each poll of the beacon leaves a descriptor open.", "GROW-01", by=GROWTH)
def polls_leave_descriptors() -> None:
    from server.asgi import Endpoint

    call = Endpoint.__call__

    async def leaving(self: Endpoint, scope: Any, receive: Any, send: Any) -> None:
        if self.path.startswith("/public"):
            os.dup(1)
        await call(self, scope, receive, send)

    Endpoint.__call__ = leaving  # type: ignore[method-assign]


@sabotage("pings-leave-memory", "Each ping leaves 8 KiB in memory.", "GROW-02", by=GROWTH)
def pings_leave_memory() -> None:
    from server.mirror.heartbeat import Heartbeat

    ping, left = Heartbeat.ping, list[bytes]()

    async def remembering(self: Heartbeat, mitra_id: str) -> bool:
        left.append(os.urandom(8192))
        return await ping(self, mitra_id)

    Heartbeat.ping = remembering  # type: ignore[method-assign]


@sabotage("pings-become-slower", "A ping looks through all earlier pings.", "GROW-02", by=GROWTH)
def pings_become_slower() -> None:
    from server.mirror.heartbeat import Heartbeat

    ping, earlier = Heartbeat.ping, list[str]()

    async def looking_back(self: Heartbeat, mitra_id: str) -> bool:
        earlier.append(mitra_id)
        for _ in range(400):
            earlier.count("nobody")
        return await ping(self, mitra_id)

    Heartbeat.ping = looking_back  # type: ignore[method-assign]


@sabotage(
    "held-for-ever", "A departure of over 30 % is held for ten times as long as it may be.", "SWEEP-05", by=NUMBERS
)
def held_for_ever() -> None:
    from server.mirror import sweeps

    sweeps.HOLD_FACTOR = 30


@sabotage("held-in-silence", "A departure of over 30 % is held without a log line.", "SWEEP-05", by=NUMBERS)
def held_in_silence() -> None:
    from server.mirror import sweeps

    log = sweeps.log
    sweeps.log = lambda text: None if "holding" in text else log(text)


@sabotage("held-at-30-percent", "A departure of 30 % is held.", "SWEEP-06", by=NUMBERS)
def held_at_30_percent() -> None:
    from server.mirror import sweeps

    sweeps.MASS_SHARE = 0.29


@sabotage("held-from-two-on", "A departure of two mitras is held.", "SWEEP-06", by=NUMBERS)
def held_from_two_on() -> None:
    from server.mirror import sweeps

    sweeps.MASS_MIN = 2


@sabotage("each-15th-toggle-unaudited", "Each 15th audit row of an instance is not written.", "TABLE-03", by=NUMBERS)
def each_15th_toggle_unaudited() -> None:
    from server import mitras

    set_offline, is_it = mitras.set_offline, each(15)

    async def often_audited(mirror: Any, db: Any, mitra_id: str) -> Any:
        done = await set_offline(mirror, db, mitra_id)
        if is_it():
            last = "SELECT max(id) FROM mitra_online_logs WHERE mitra_id = $1"
            await db.execute(f"DELETE FROM mitra_online_logs WHERE id = ({last})", mitra_id)
        return done

    mitras.set_offline = often_audited
