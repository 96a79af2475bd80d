"""Reads the mirror of a Valkey in production by small pipelines and cursors: no KEYS, no SMEMBERS, no MONITOR."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import redis

from rig.contract import CAPACITY, DEACTIVATED, HEARTBEAT, ONLINE
from rig.observe.audit.pace import Pace
from rig.record.audit import Mirrored, Value
from rig.stores.closing import Closing
from rig.stores.valkey import Word, run

# Each command that an audit uses, and how it is tried without effect.
PROBES: dict[str, tuple[str, ...]] = {
    "SMISMEMBER": ("SMISMEMBER", ONLINE, "-"),
    "SISMEMBER": ("SISMEMBER", ONLINE, "-"),
    "MGET": ("MGET", CAPACITY),
    "GET": ("GET", CAPACITY),
    "TYPE": ("TYPE", ONLINE),
    "PTTL": ("PTTL", ONLINE),
    "SSCAN": ("SSCAN", ONLINE, "0", "COUNT", "1"),
    "SCAN": ("SCAN", "0", "COUNT", "1"),
    "SCARD": ("SCARD", ONLINE),
    "DBSIZE": ("DBSIZE",),
}
LEAST_TOLD = 10  # keys, from which on a loss of more than half of them is an emptied store
HIDDEN = Value("hidden")
Reply = object


class Emptied(Exception):
    """The store lost its keys during the audit: one line."""


class ScannedKey(NamedTuple):
    """A key of a capacity or a heartbeat: whether its value is a string, and whether it expires."""

    key: str
    is_string: bool
    expires: bool


class MirrorReader(Closing):
    """`refused` are commands of PROBES that the store does not allow. redis.RedisError and Emptied."""

    def __init__(self, client: redis.Redis, pace: Pace, refused: frozenset[str] = frozenset()) -> None:
        self._client, self.pace, self.refused = client, pace, refused
        self.commands = 0
        self.most_keys = 0

    def send(self, commands: Sequence[Sequence[Word]], *, may_refuse: bool = False) -> list[Reply]:
        """The replies to one pipeline. That a key has another type is a reply; every other error is raised.

        `may_refuse`: that we may not look at a key is a reply, too.
        """
        counted = "DBSIZE" not in self.refused
        pipeline = self._client.pipeline(transaction=False)
        for words in [*commands, *([("DBSIZE",)] if counted else [])]:
            run(pipeline, *words)
        with self.pace.request(sum(map(asked_for, commands))):
            replies = cast(list[Reply], pipeline.execute(raise_on_error=False))
        self.commands += len(replies)
        for reply in replies:  # what is not understood must not look like a key that is not there
            expected = "WRONGTYPE" in str(reply) or (may_refuse and is_refusal(reply))
            if isinstance(reply, redis.RedisError) and not expected:
                raise reply
        if counted:
            self._refuse_emptied(replies.pop())
        return replies

    def _refuse_emptied(self, keys: Reply) -> None:
        if not isinstance(keys, int):
            return
        emptied = self.most_keys >= LEAST_TOLD and keys < self.most_keys / 2
        if emptied or (self.most_keys and not keys):
            raise Emptied(f"the Valkey was emptied during the audit: it had {self.most_keys} keys, now {keys}")
        self.most_keys = max(self.most_keys, keys)

    def sizes(self) -> tuple[int, int]:
        """How many keys the database has, and how many members mitras:online; 0 where the store does not tell."""
        (count,) = self.send([("SCARD", ONLINE)]) if "SCARD" not in self.refused else [0]
        return self.most_keys, count if isinstance(count, int) else 0

    # --- mitras ------------------------------------------------------------------------------------------------

    def mitras(self, ids: Sequence[str]) -> dict[str, Mirrored]:
        """What the mirror has of them, values only: a key of another type looks as if it were not there."""
        members = {key: self._membership(key, ids) for key in (ONLINE, DEACTIVATED)}
        keys = [[prefix + id for id in ids] for prefix in (CAPACITY, HEARTBEAT)]
        gets = [self._gets(some) for some in keys]
        commands = [*members[ONLINE], *members[DEACTIVATED], *gets[0], *gets[1]]
        replies = iter(self.send(commands))
        online, deactivated, capacities, heartbeats = (
            self._flat([next(replies) for _ in part], len(ids)) for part in (*members.values(), *gets)
        )
        return {
            id: Mirrored(
                membership(online[place]), membership(deactivated[place]), value(capacities[place]), value(heartbeats[place])
            )
            for place, id in enumerate(ids)
        }  # fmt: skip

    def mitras_closely(self, ids: Sequence[str]) -> dict[str, Mirrored]:
        """The same with the type and the life of each key."""
        coarse = self.mitras(ids)
        keys = [prefix + id for id in ids for prefix in (CAPACITY, HEARTBEAT)]
        values = self.values(keys)
        return {
            id: Mirrored(coarse[id].online, coarse[id].deactivated, values[CAPACITY + id], values[HEARTBEAT + id])
            for id in ids
        }

    def values(self, keys: Sequence[str]) -> dict[str, Value]:
        """Type, text and life of any keys. Where TYPE is refused, the reply to GET shows that a key is no string."""
        verbs = [verb for verb in ("TYPE", "GET", "PTTL") if verb not in self.refused]
        replies = iter(self.send([(verb, key) for key in keys for verb in verbs]))
        return {key: closely({verb: next(replies) for verb in verbs}) for key in keys}

    def shared(self, keys: Sequence[str]) -> dict[str, Value]:
        """The same for keys that belong to no mitra. Where TYPE is refused, a question about a member shows a set."""
        found = self.values(keys)
        sets = [key for key in keys if key in (ONLINE, DEACTIVATED)] if "TYPE" in self.refused else []
        replies = self.send([words for key in sets for words in self._membership(key, ["-"])]) if sets else []
        for key, reply in zip(sets, replies, strict=True):
            if found[key].type != "none":
                found[key] = found[key]._replace(type="no set" if isinstance(reply, redis.RedisError) else "set")
        return found

    def others(self, keys: Sequence[str]) -> dict[str, Value]:
        """The types of keys of somebody else, never their values. A type that we may not see is `hidden`."""
        if "TYPE" in self.refused:
            return dict.fromkeys(keys, HIDDEN)
        replies = self.send([("TYPE", key) for key in keys], may_refuse=True)
        return {
            key: Value(reply) if isinstance(reply, str) else HIDDEN for key, reply in zip(keys, replies, strict=True)
        }

    def _membership(self, key: str, ids: Sequence[str]) -> list[tuple[str, ...]]:
        if "SMISMEMBER" not in self.refused:
            return [("SMISMEMBER", key, *ids)]
        return [] if "SISMEMBER" in self.refused else [("SISMEMBER", key, id) for id in ids]

    def _gets(self, keys: Sequence[str]) -> list[tuple[str, ...]]:
        if "MGET" not in self.refused:
            return [("MGET", *keys)]
        return [] if "GET" in self.refused else [("GET", key) for key in keys]

    @staticmethod
    def _flat(replies: list[Reply], count: int) -> list[Reply]:
        """One reply per mitra: of one command for all, or of one command each; None where it failed or was not sent."""
        if len(replies) == 1 and isinstance(replies[0], list):
            return replies[0]
        if len(replies) != count:
            return [None] * count
        return replies

    # --- all of a kind -----------------------------------------------------------------------------------------

    def members(self, key: str) -> Iterator[list[str]]:
        """The members of a set, a few at a time. Nothing for a key of another type."""
        cursor = "0"
        while True:
            (reply,) = self.send([("SSCAN", key, cursor, "COUNT", self.pace.size)])
            if isinstance(reply, redis.ResponseError):
                return
            cursor, found = scanned(reply)
            yield found
            if cursor == "0":
                return

    def scan(self) -> Iterator[list[str]]:
        """All keys of the database, a few at a time; a key may come twice."""
        cursor = "0"
        while True:
            (reply,) = self.send([("SCAN", cursor, "COUNT", self.pace.size)])
            cursor, found = scanned(reply)
            yield found
            if cursor == "0":
                return

    def scanned_keys(self, keys: Sequence[str]) -> list[ScannedKey]:
        """Of capacities and heartbeats: which are no strings, which expire."""
        gets = self._gets(keys)
        lives = [] if "PTTL" in self.refused else [("PTTL", key) for key in keys]
        replies = self.send([*gets, *lives])
        texts = self._flat(replies[: len(gets)], len(keys))
        left = replies[len(gets) :] or [-1] * len(keys)
        return [
            ScannedKey(key, isinstance(text, str), isinstance(ttl, int) and ttl >= 0)
            for key, text, ttl in zip(keys, texts, left, strict=True)
        ]

    def close(self) -> None:
        self._client.close()


def asked_for(words: Sequence[Word]) -> int:
    """How many things a command asks for: its keys or members, or the number behind COUNT."""
    return int(words[-1]) if words[0] in ("SCAN", "SSCAN") else max(1, len(words) - 1)


def scanned(reply: Reply) -> tuple[str, list[str]]:
    """The cursor and what was found. redis-py parses the replies to both commands."""
    cursor, found = cast(tuple[object, list[str]], reply)
    return str(cursor), list(found)


def membership(reply: Reply) -> bool | None:
    """None where the reply is an error, as for a key that is no set."""
    return bool(reply) if isinstance(reply, int) else None


def value(reply: Reply) -> Value:
    return Value("string", reply) if isinstance(reply, str) else Value()


def closely(replies: dict[str, Reply]) -> Value:
    """One key, from the replies to those of TYPE, GET and PTTL that the store allows."""
    text, ttl = replies.get("GET"), replies.get("PTTL", -1)
    kind = replies.get("TYPE")
    if not isinstance(kind, str):
        mistyped = isinstance(text, redis.ResponseError) and "WRONGTYPE" in str(text)
        there = isinstance(ttl, int) and ttl != -2 and "PTTL" in replies
        kind = "no string" if mistyped else "string" if isinstance(text, str) or there else "none"
    return Value(kind, text if isinstance(text, str) else None, ttl if isinstance(ttl, int) else -1)


def refused_commands(client: redis.Redis) -> frozenset[str]:
    """Those of PROBES that the store does not allow, by its permissions or because they were renamed."""
    pipeline = client.pipeline(transaction=False)
    for words in PROBES.values():
        run(pipeline, *words)
    replies = pipeline.execute(raise_on_error=False)
    for reply in replies:
        if isinstance(reply, redis.ConnectionError):
            raise reply
    return frozenset(
        name
        for name, reply in zip(PROBES, replies, strict=True)
        if isinstance(reply, redis.ResponseError) and is_refusal(reply)
    )


def is_refusal(error: Reply) -> bool:
    """Whether a command is not allowed or does not exist. redis-py leaves out the word NOPERM of the reply."""
    told = str(error).lower()
    return any(word in told for word in ("noperm", "no permissions", "unknown command"))
