"""Tries on Y each command that the servers were seen to use on X, on keys of the rig's own."""

import time
from collections.abc import Iterable

import redis

from rig.record.lines.cutover import CutoverTry
from rig.runs.cutover.stores import NAME, ours
from rig.stores.valkey import OURS, bare_connection, connect, run

KEY, OTHER = f"{OURS}cutover:one", f"{OURS}cutover:two"
# A call of each command without an effect on anybody's keys. `{k}` and `{o}` are two keys of the rig.
CALLS = {
    "get": "{k}", "set": "{k} 1", "setex": "{k} 1 1", "psetex": "{k} 1 1", "setnx": "{k} 1", "mget": "{k} {o}", "mset": "{k} 1",
    "del": "{k}", "unlink": "{k}", "exists": "{k}", "expire": "{k} 1", "pexpire": "{k} 1", "persist": "{k}", "ttl": "{k}",
    "pttl": "{k}", "type": "{k}", "rename": "{k} {k}", "incr": "{k}", "decr": "{k}", "incrby": "{k} 1", "decrby": "{k} 1",
    "sadd": "{o} 1", "srem": "{o} 1", "smembers": "{o}", "sismember": "{o} 1", "smismember": "{o} 1", "scard": "{o}",
    "sdiff": "{o} {o}", "sinter": "{o} {o}", "sunion": "{o} {o}", "sdiffstore": "{o} {o}", "sunionstore": "{o} {o}",
    "sinterstore": "{o} {o}", "sscan": "{o} 0", "srandmember": "{o}", "spop": "{o}", "smove": "{o} {o} 1",
    "hget": "{k} 1", "hset": "{k} 1 1", "hmget": "{k} 1", "hmset": "{k} 1 1", "hdel": "{k} 1", "hgetall": "{k}", "hexists": "{k} 1",
    "hlen": "{k}", "hscan": "{k} 0", "hkeys": "{k}", "hvals": "{k}", "hincrby": "{k} 1 1", "hsetnx": "{k} 1 1",
    "zadd": "{k} 1 1", "zrem": "{k} 1", "zrange": "{k} 0 1", "zrangebyscore": "{k} 0 1", "zscore": "{k} 1", "zcard": "{k}",
    "zmscore": "{k} 1", "zremrangebyscore": "{k} 0 1", "lpush": "{k} 1", "rpush": "{k} 1", "lpop": "{k}", "rpop": "{k}",
    "lrange": "{k} 0 1", "llen": "{k}", "publish": "{k} 1", "ping": "", "time": "", "dbsize": "", "scan": "0", "echo": "1",
    "eval": "return{{1}} 0", "script|load": "return{{1}}", "script|exists": "0", "role": "", "getdel": "{k}", "getex": "{k}",
    "strlen": "{k}", "copy": "{k} {o}", "touch": "{k}",
}  # fmt: skip
BY_DIGEST = ("evalsha", "evalsha_ro")
PUBSUB = ("subscribe", "unsubscribe", "psubscribe", "punsubscribe")
REFUSED = ("NOPERM", "NOAUTH", "READONLY", "OOM", "MISCONF", "MOVED", "CROSSSLOT", "CLUSTERDOWN", "unknown command")


def tried(url: str, commands: Iterable[str]) -> list[CutoverTry]:
    """One line per command. Only an error that refuses the command counts: a wrong type or number does not."""
    with connect(url, NAME) as client:
        found = [one_try(client, command) for command in sorted(commands) if not ours(command)]
        client.delete(KEY, OTHER)
    return found


def one_try(client: redis.Redis, command: str) -> CutoverTry:
    words = words_of(command)
    if words is None:
        return CutoverTry(t=time.time(), command=command, tried=False)
    error = ""
    try:
        if command in PUBSUB:
            subscribed = bare_connection(client)  # it takes no other command afterwards
            subscribed.connect()
            try:
                subscribed.send_command(*words)
                subscribed.read_response()
            finally:
                subscribed.disconnect()
        else:
            run(client, "DEL", KEY)
            run(client, *words)
    except redis.RedisError as said:
        error = str(said) if any(word in str(said) for word in REFUSED) or not_an_answer(said) else ""
    return CutoverTry(t=time.time(), command=command, tried=True, error=error)


def not_an_answer(error: redis.RedisError) -> bool:
    return isinstance(error, redis.ConnectionError | redis.TimeoutError | redis.exceptions.NoPermissionError)


def words_of(command: str) -> list[str] | None:
    """The words of a harmless call; None if there is none."""
    if command in PUBSUB:
        return [command.upper(), KEY]
    if command in BY_DIGEST:
        # A script that is not there answers NOSCRIPT, which no right refuses.
        return [command.upper(), "0" * 40, "0"]
    if command not in CALLS:
        return None
    return [*command.upper().split("|"), *CALLS[command].format(k=KEY, o=OTHER).split()]
