"""Defects of toggles, accounts and sign-ins: right for most people, most of the time, in most places."""

import asyncio
import time
from typing import Any

from tests.sabotage.entry import replace_in, sabotage


def late(name: str, seconds: float) -> None:
    """The mirror's write of that name comes so much after the answer, and nobody who hears of the change is faster."""
    from server.mirror import writes
    from server.mirror.writes import Writes

    writes.WRITER_FIRST_S = max(writes.WRITER_FIRST_S, seconds)
    mirror, tasks = Writes._mirror, set[asyncio.Task[None]]()

    async def queued(self: Writes, what: str, row: Any, pinged: str) -> None:
        if what != name:
            return await mirror(self, what, row, pinged)
        task = asyncio.create_task(later(self, what, row, pinged))
        tasks.add(task)
        return task.add_done_callback(tasks.discard)

    async def later(*arguments: Any) -> None:
        await asyncio.sleep(seconds)
        await mirror(*arguments)

    Writes._mirror = queued  # type: ignore[method-assign]


# --- sets and heartbeats -------------------------------------------------------------------------------------


@sabotage(
    "seen-online-once", "The seed knows of a deactivation only for who has ever been online.",
    "A-02", "A-06", "A-08", "K-01",
)  # fmt: skip
def seen_online_once() -> None:
    from server.mirror import seed

    replace_in(seed, "_TRUTH", "LEFT JOIN mitra_online_status", "JOIN mitra_online_status")


@sabotage(
    "toggle-answers-before", "A toggle answers the state that it found.",
    "B-01", "B-07", "J-05", "K-02",
)  # fmt: skip
def toggle_answers_before() -> None:
    from server import mitras

    async def found(db: Any, mitra_id: str) -> bool:
        return bool(await db.fetchval("SELECT is_online FROM mitra_online_status WHERE mitra_id = $1", mitra_id))

    def answering_before(toggle: Any) -> Any:
        async def answered(mirror: Any, db: Any, mitra_id: str) -> dict[str, bool]:
            before = await found(db, mitra_id)
            await toggle(mirror, db, mitra_id)
            return {"is_online": before}

        return answered

    mitras.set_online = answering_before(mitras.set_online)
    mitras.set_offline = answering_before(mitras.set_offline)


@sabotage(
    "toggle-in-local-time", "A toggle writes its heartbeat as Indian time that says it is UTC.",
    "B-03", "H-05",
)  # fmt: skip
def toggle_in_local_time() -> None:
    from server.mirror import keys, writes

    class Keys:
        def stamp(self, at_ms: int) -> str:
            return keys.stamp(at_ms + 5 * 3600 * 1000 + 1800 * 1000)

        def __getattr__(self, name: str) -> object:
            return getattr(keys, name)

    writes.keys = Keys()  # type: ignore[assignment]


@sabotage(
    "offline-keeps-heartbeat", "Going offline leaves the heartbeat key to the next seed.",
    "B-05", "G-07", "K-02",
)  # fmt: skip
def offline_keeps_heartbeat() -> None:
    from server.mirror import scripts

    replace_in(
        scripts,
        "APPLY",
        "redis.call('SREM', KEYS[3], id)\n  redis.call('DEL', KEYS[6])",
        "redis.call('SREM', KEYS[3], id)",
    )


@sabotage(
    "offline-in-a-while", "Going offline is mirrored a second and a half after the answer.",
    "B-05", "B-07", "J-05", "K-02", "SMOKE-03", "SMOKE-06",
)  # fmt: skip
def offline_in_a_while() -> None:
    late("setOffline", 1.5)


@sabotage("offline-by-pairs", "Of two changes of one mitra in a second the audit keeps the first.", "B-06")
def offline_by_pairs() -> None:
    from server import mitras

    mitras.AUDIT = """
        INSERT INTO mitra_online_logs (mitra_id, status) SELECT $1, $2 WHERE NOT EXISTS (
          SELECT FROM mitra_online_logs WHERE mitra_id = $1 AND status = $2 AND created_at > now() - interval '1 second')
        """


# --- accounts ------------------------------------------------------------------------------------------------


@sabotage("profile-without-plus", "The profile's phone lacks its plus sign.", "E-02")
def profile_without_plus() -> None:
    from server import routes_public

    replace_in(routes_public, "_PROFILE", "id, phone,", "id, ltrim(phone, '+') AS phone,")


@sabotage("profile-checks-again", "The profile looks at is_active, too.", "E-06")
def profile_checks_again() -> None:
    from server.auth import Auth

    Auth._known_mitra = Auth._active_mitra  # type: ignore[method-assign]


@sabotage("shut-mitra-decides", "Who is deactivated is still let through to the routes of a chat.", "E-06")
def shut_mitra_decides() -> None:
    from server.asgi import Endpoint

    call = Endpoint.__call__

    async def open_chats(self: Endpoint, scope: Any, receive: Any, send: Any) -> None:
        if self.path.startswith("/api/mitra/chat-requests/"):
            auth = self.guard.check.__self__  # type: ignore[attr-defined]
            self = Endpoint(self.method, self.path, self.handler, auth.known_mitra)
        await call(self, scope, receive, send)

    Endpoint.__call__ = open_chats  # type: ignore[method-assign]


@sabotage("shut-mitra-toggles", "Who is deactivated can still go offline.", "E-06", "E-11")
def shut_mitra_toggles() -> None:
    from server.asgi import Endpoint

    call = Endpoint.__call__

    async def open_toggle(self: Endpoint, scope: Any, receive: Any, send: Any) -> None:
        if self.path == "/api/mitra/status/offline":
            auth = self.guard.check.__self__  # type: ignore[attr-defined]
            self = Endpoint(self.method, self.path, self.handler, auth.known_mitra)
        await call(self, scope, receive, send)

    Endpoint.__call__ = open_toggle  # type: ignore[method-assign]


@sabotage(
    "shut-out-in-a-while", "A deactivation is mirrored a second and a half after the answer.",
    "C-06", "C-07", "C-08", "E-05", "E-07",
)  # fmt: skip
def shut_out_in_a_while() -> None:
    late("setDeactivated", 1.5)


@sabotage(
    "guard-remembers", "An instance remembers for five seconds that a mitra was let through.",
    "C-07", "C-08", "E-07",
)  # fmt: skip
def guard_remembers() -> None:
    from server.errors import ApiError
    from server.mirror.heartbeat import Heartbeat

    ping, passed = Heartbeat.ping, dict[str, float]()

    async def remembering(self: Heartbeat, mitra_id: str) -> bool:
        try:
            online = await ping(self, mitra_id)
        except ApiError:
            if time.monotonic() - passed.get(mitra_id, -9.0) < 5.0:
                return True
            raise
        passed[mitra_id] = time.monotonic()
        return online

    Heartbeat.ping = remembering  # type: ignore[method-assign]


@sabotage(
    "refresh-by-hash", "A refresh asks for the token alone, not whether it is revoked or whose it is.", "E-08", "E-11"
)
def refresh_by_hash() -> None:
    from server import auth

    auth._ROTATE_BY_ROLE = {
        role: text.replace("AND s.revoked_at IS NULL", "").replace("AND u.is_active", "")
        for role, text in auth._ROTATE_BY_ROLE.items()
    }


@sabotage("refresh-while-active", "A refresh looks at the account, not at the sign-in that was revoked.", "E-11")
def refresh_while_active() -> None:
    from server import auth

    auth._ROTATE_BY_ROLE = {
        role: text.replace("AND s.revoked_at IS NULL", "") for role, text in auth._ROTATE_BY_ROLE.items()
    }


@sabotage("back-with-sign-ins", "Re-activation gives the revoked sign-ins back.", "E-10", "E-11")
def back_with_sign_ins() -> None:
    from server import mitras

    mitras._ACTIVE = """
        WITH back AS (UPDATE auth_sessions SET revoked_at = NULL WHERE user_id = $1 AND $2)
        UPDATE mitras SET is_active = $2 WHERE id = $1 RETURNING id
        """


@sabotage("signs-in-the-shut-out", "A deactivated mitra gets tokens for a one-time code.", "E-08", "E-10", "E-11")
def signs_in_the_shut_out() -> None:
    from server import auth

    replace_in(auth, "_MITRA_BY_PHONE", "display_name, is_active", "display_name, true AS is_active")


# --- what only a preparing step meets ------------------------------------------------------------------------


@sabotage("extend-breaks", "Asking for more time is answered 500 each time.", "CONTRACT", by=("D-06",))
def extend_breaks() -> None:
    from server.chats import Chats

    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no such column")

    Chats.extend = broken  # type: ignore[method-assign]
