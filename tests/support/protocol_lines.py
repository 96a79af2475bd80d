"""A short course of the protocol as lines of a record: a seed, a toggle, pings, and a sweep. Tests break one line of it."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from rig.checks.protocol.calls import PROTOCOL_VERSION
from rig.checks.protocol.transactions import SEED, SWEEP
from rig.record import Lines
from rig.record.lines.base import Line
from rig.record.lines.chaos import ProtocolSeen, ScriptTaken, Statement, Versions, Watched
from rig.record.lines.common import Request

T = 1_795_000_000.0
ANNA = "00000000-0000-4000-8000-00000000000a"
PREFIX, EPOCH = "run|pg|", "run|pg|n0|t"
FIRST = 7  # the version of Anna's row before the record
DRAW = (
    "UPDATE mitras AS m SET mirror_version = greatest(nextval('mirror_version'), m.mirror_version + 1)"
    " WHERE m.id = ANY($1::uuid[]) RETURNING m.id, pg_notify('mirror_changed', m.id || $2)"
)
LOCK = "SELECT id FROM mitras WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE"
ONLINE = "INSERT INTO mitra_online_status (mitra_id, is_online) SELECT id, true FROM mitras WHERE id = $1"
OFFLINE = "UPDATE mitra_online_status SET is_online = false WHERE mitra_id = $1 AND is_online RETURNING mitra_id"
ALONE = (
    f"SELECT pg_try_advisory_xact_lock({SWEEP}), set_config('statement_timeout', '2000', true),"
    " set_config('idle_in_transaction_session_timeout', '2000', true)"
)
INSTANCES = "SELECT instance, store, blocks FROM mirror_instances AS i"
VERSION = "SELECT mirror_version FROM mitras WHERE id = $1"
TRUTH = (
    "SELECT m.id, m.is_active, m.mirror_version AS version FROM mitras AS m LEFT JOIN mitra_online_status AS o ON true"
)
SEED_LOCK = f"SELECT set_config('idle_in_transaction_session_timeout', '60s', true), pg_advisory_xact_lock({SEED})"
EPOCH_READ = [["TYPE", "mirror:epoch"], ["GET", "mirror:epoch"]]


@dataclass
class Course:
    """Lines in their order; `at` is the time of the next one, in seconds from the begin."""

    lines: list[Line] = field(default_factory=list)
    at: float = 0.0

    @property
    def now(self) -> float:
        self.at += 0.01
        return T + self.at

    def built(self) -> Lines:
        return Lines(self.lines)

    def replaced(self, old: Line, **changed: Any) -> None:
        """Put another line in the place of one; `t` and all else stay."""
        self.lines[self.lines.index(old)] = msgspec.structs.replace(old, **changed)

    def statement(self, text: str, *parameters: str, session: str, committed: bool = True) -> Statement:
        now = self.now
        line = Statement(
            t=now, at=now, role="sut_a", instance="a", class_="work", text=text, parameters=list(parameters),
            severity="LOG", pid=1, session=session, application="", committed_at=now if committed else None,
        )  # fmt: skip
        self.lines.append(line)
        return line

    def transaction(self, session: str, *texts: tuple[str, ...]) -> list[Statement]:
        """BEGIN, these statements and COMMIT; then another statement of the session, which shows that it was carried out."""
        all_texts = [("BEGIN ISOLATION LEVEL READ COMMITTED;",), *texts, ("COMMIT;",), ("SELECT 1",)]
        return [self.statement(*text, session=session) for text in all_texts]

    def script(self, keys: list[str], args: list[str], ran: list[list[str]], instance: str = "a") -> ScriptTaken:
        line = ScriptTaken(t=self.now, instance=instance, keys=keys, args=args, ran=ran)
        self.lines.append(line)
        return line

    def begin(self, nonce: str = "n1") -> ScriptTaken:
        steps = f"mirror:seed:{nonce}:steps"
        keys = ["mirror:epoch", "mirror:versions", "mirror:versions:of", "mirror:synthetic", "mirror:seed", steps]
        ran = [["TYPE", "mirror:epoch"], ["SET", "mirror:seed", nonce, "EX", "60"], ["SET", steps, "0", "EX", "60"]]
        return self.script(keys, [nonce, PREFIX, "|pg|", "60"], ran)

    def step(self, version: int, state: str = "o", nonce: str = "n1", grace: str = "1") -> ScriptTaken:
        part = f"mirror:seed:{nonce}:"
        parts = [f"{part}{name}" for name in ("steps", "online", "deactivated", "versions", "changes")]
        keys = ["mirror:synthetic", *parts, "mirror:seed"]
        beat = f"mitra:heartbeat:{ANNA}"
        args = [nonce, "0", stamp(self.at), grace, "60", ANNA, state, str(version), "0", stamp(self.at + 5)]
        ran = [["GET", parts[0]], ["GET", "mirror:seed"], ["INCR", parts[0]], ["MSET", beat, stamp(self.at)]]
        return self.script(keys, args, ran)

    def swap(self, nonce: str = "n1", grace: str = "1") -> ScriptTaken:
        part = f"mirror:seed:{nonce}:"
        parts = [f"{part}{name}" for name in ("steps", "online", "deactivated", "versions", "changes")]
        keys = [
            "mirror:epoch",
            "mitras:online",
            "mitras:deactivated",
            "mirror:versions",
            "availability:snapshot",
            "mirror:seed",
        ]
        ran = [
            ["GET", parts[0]],
            ["GET", "mirror:seed"],
            ["RENAME", parts[1], "mitras:online"],
            ["SET", "mirror:epoch", EPOCH],
        ]
        return self.script([*keys, *parts, "mirror:recompute"], [nonce, "1", EPOCH, grace], ran)

    def end(self, nonce: str = "n1") -> ScriptTaken:
        return self.script(["mirror:seed"], [nonce], [["GET", "mirror:seed"], ["DEL", "mirror:seed"]])

    def apply(self, version: int, online: bool, *, pinged: bool = True, wrote: bool = True) -> ScriptTaken:
        beat, mark = f"mitra:heartbeat:{ANNA}", f"mirror:leaving:{ANNA}"
        keys = [
            "mirror:epoch",
            "mirror:versions",
            "mitras:online",
            "mitras:deactivated",
            f"mitra:capacity:{ANNA}",
            beat,
            mark,
            "mirror:seed",
        ]
        now = stamp(self.at)
        args = [
            PREFIX,
            ANNA,
            str(version),
            str(int(online)),
            "1",
            "0",
            now if online and pinged else "",
            now,
            stamp(self.at + 5),
        ]
        ran = [*EPOCH_READ, ["GET", "mirror:seed"], ["HGET", "mirror:versions", ANNA]]
        if wrote:
            ran += [["SREM", "mitras:deactivated", ANNA]]
            if online:
                ran += [["GET", beat], ["SET", beat, now], ["SET", keys[4], "0"], ["SADD", "mitras:online", ANNA]]
            else:
                ran += [["SREM", "mitras:online", ANNA], ["DEL", beat], ["DEL", keys[4]]]
            ran += [["GET", mark], ["HSET", "mirror:versions", ANNA, str(version)]]
        return self.script(keys, args, ran)

    def ping(self, *, wrote: bool = True, dead_mark: str = "") -> ScriptTaken:
        beat, mark, now = f"mitra:heartbeat:{ANNA}", f"mirror:leaving:{ANNA}", stamp(self.at)
        ran = [
            *EPOCH_READ,
            ["SISMEMBER", "mitras:deactivated", ANNA],
            ["SISMEMBER", "mitras:online", ANNA],
            ["GET", mark],
        ]
        ran += [["DEL", mark]] if dead_mark else []
        ran += [["GET", beat], ["SET", beat, now]] if wrote else []
        return self.script(
            ["mirror:epoch", "mitras:deactivated", "mitras:online"],
            [PREFIX, now, stamp(self.at + 5), dead_mark, ANNA],
            ran,
        )

    def second_look(self, version: int, seen: str, life_ms: int = 60_000) -> ScriptTaken:
        beat, mark, text = f"mitra:heartbeat:{ANNA}", f"mirror:leaving:{ANNA}", f"{version}:abcd"
        ran = [*EPOCH_READ, ["GET", beat], ["HGET", "mirror:versions", ANNA], ["SET", mark, text, "PX", str(life_ms)]]
        return self.script(
            ["mirror:epoch", beat, mark, "mirror:versions"], [PREFIX, ANNA, seen, str(version), text, str(life_ms)], ran
        )

    def seed(self, version: int) -> None:
        """A whole seed of one instance."""
        self.statement("BEGIN;", session="s")
        self.statement(SEED_LOCK, session="s")
        self.begin()
        self.transaction("w", ("SELECT pg_advisory_xact_lock_shared($1)", str(SWEEP)))
        self.statement(TRUTH, session="s")
        self.step(version)
        self.swap()
        self.end()
        self.statement("COMMIT;", session="s")
        self.statement("SELECT 1", session="s")

    def change(self, online: bool) -> list[Statement]:
        """A toggle that she asked for, and its transaction."""
        self.request("toggle", "online" if online else "offline", 200, online=online)
        return self.transaction(
            "c", (LOCK, f"{{{ANNA}}}"), (ONLINE if online else OFFLINE, ANNA), (DRAW, f"{{{ANNA}}}", "")
        )

    def sweep(self, version: int, seen: str) -> tuple[ScriptTaken, list[Statement]]:
        """A sweep that takes Anna offline; its script, and its statements."""
        texts = [("BEGIN;",), (LOCK, f"{{{ANNA}}}"), (ALONE,), (INSTANCES,), (VERSION, ANNA)]
        before = [self.statement(*text, session="k") for text in texts]
        look = self.second_look(version, seen)
        rest = [(OFFLINE, ANNA), (DRAW, f"{{{ANNA}}}", ""), ("COMMIT;",), ("SELECT 1",)]
        return look, [*before, *(self.statement(*text, session="k") for text in rest)]

    def request(
        self, action: str, path: str, status: int | None, *, online: bool = True, lasts_s: float = 0.1
    ) -> Request:
        now = self.now
        line = Request(
            t=now, actor="mitra anna", method="POST", url=f"http://x/api/mitra/status/{path}", body=None, status=status,
            reply={"is_online": online}, error=None, started=now, ended=now + lasts_s, curl="", code=None, action=action,
            subject=ANNA, instance="a", outcome="answered",
        )  # fmt: skip
        self.lines.append(line)
        return line


def stamp(at: float) -> str:
    return f"2026-11-18T12:00:{at:06.3f}Z"


def begun(*, statements: bool = True) -> Course:
    """The begin of each record: Anna's version, and that all could be seen."""
    seen = ProtocolSeen(t=T, version=PROTOCOL_VERSION, monitor=True, one_clock=True)
    watched = Watched(t=T, blind=[], statements=statements)
    return Course([Versions(t=T, of={ANNA: FIRST}), seen, watched])
