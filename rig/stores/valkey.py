"""A Valkey or Redis, asked once what it is and which commands it lets us run; all of the rig goes by the answers."""

import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar

import redis
from redis.client import PubSub

from rig.stores.lacks import Lacks, Unfit, Unreachable
from rig.stores.names import OURS as OURS
from rig.stores.urls import ValkeyUrl

TIMEOUT_S = 2.0
VALKEY_MIN, REDIS_MIN = (7, 2), (7, 0)
EVENTS = "K$gx"  # events by key: writes of strings, DEL, EXPIRE and the like, keys that expired
PROBE = "rig:probe"
SYNTAX = "syntax error"  # of a command that was let through to its own arguments
DEMO_S = 1.0


Word = str | bytes | int | float
Answer = TypeVar("Answer")


class Connection(Protocol):
    """One connection of a client's pool, as far as the rig uses it past the client."""

    def connect(self) -> None: ...

    def disconnect(self) -> None: ...

    def on_connect(self) -> None: ...

    def send_command(self, *words: Word, check_health: bool = True) -> None: ...

    def read_response(self) -> Any: ...


class Ability(NamedTuple):
    """A command that some part of the rig wants: how it is tried without any effect, and what is lost without it."""

    probe: tuple[str, ...]
    lost: str
    expected: str = ""  # the error by which a probe shows that the command is there


ABILITIES: Mapping[str, Ability] = {
    "CLIENT SETNAME": Ability(("CLIENT", "SETNAME", f"{OURS}stack"), "our connections have no name to be told by"),
    "CLIENT LIST": Ability(("CLIENT", "LIST", "TYPE", "pubsub"), "whose connection is whose cannot be told"),
    "CLIENT KILL": Ability(("CLIENT", "KILL", "ADDR", "0.0.0.0:0"), "connections cannot be ended for a test"),
    "CLIENT PAUSE": Ability(("CLIENT", "PAUSE", "0"), "it cannot be made to pause for a test"),
    "CONFIG GET": Ability(("CONFIG", "GET", "maxmemory"), "its settings cannot be read"),
    "REPLICAOF": Ability(("REPLICAOF", "NO", "ONE"), "it cannot be made read-only for a test"),
    "ACL": Ability(("ACL", "DELUSER", f"{OURS}nobody"), "the instances have no users of their own"),
    "DEBUG": Ability(("DEBUG", "SLEEP", "0"), "it cannot be made busy for a test"),
    "FLUSHDB": Ability(("FLUSHDB", "RIG"), "it cannot be emptied at one stroke", SYNTAX),
    "commandstats": Ability(("INFO", "commandstats"), "what it was asked cannot be counted"),
}
MONITOR_LOST = "which commands the server sends cannot be seen one by one"
CONFIG_LOST = "its settings cannot be changed for a test"
EVENTS_LOST = "changes of single keys cannot be heard"


@dataclass(frozen=True)
class ValkeyFacts:
    """What it is, and for each thing that it lacks, in whose words."""

    kind: str  # Valkey or Redis
    version: str
    tls: bool
    database: int
    lacking: Mapping[str, str] = field(default_factory=dict)

    @property
    def named(self) -> str:
        return f"{self.kind} {self.version}" + (" (TLS)" if self.tls else "")

    def can(self, ability: str) -> bool:
        return ability not in self.lacking

    def require(self, *abilities: str) -> None:
        """Lacks names the first that is not there."""
        for ability in abilities:
            if ability in self.lacking:
                raise Lacks(f"{ability}: {self.lacking[ability]}")

    def plain(self) -> dict[str, Any]:
        return {"kind": self.kind, "version": self.version, "tls": self.tls, "lacks": dict(self.lacking)}


def connect(
    url: str, name: str, *, timeout_s: float | None = TIMEOUT_S, database: int | None = None, **more: Any
) -> redis.Redis:
    """A client under the rig's own name, where names may be given: bounded waits, no retries. `database`: not the URL's.

    A name that is refused is no reason to fail: what is lost by it is told by `ask`.
    """

    def named(connection: Connection) -> None:
        connection.on_connect()
        with suppress(redis.ResponseError):
            connection.send_command("CLIENT", "SETNAME", name, check_health=False)
            connection.read_response()

    settings = {
        "protocol": 2, "decode_responses": True, "retry": None, "socket_timeout": timeout_s,
        "socket_connect_timeout": TIMEOUT_S, "redis_connect_func": named, **more,
    }  # fmt: skip
    client = redis.Redis.from_url(ValkeyUrl.parse(url).driver, **settings)
    told = client.connection_pool.connection_kwargs  # where the URL's own words win
    told.pop("client_name", None)
    if database is not None:
        told["db"] = database
    return client


def run(client: redis.Redis, *words: Word) -> Any:
    """The reply to any command, as in `run(client, "ACL", "LIST")`; a pipeline keeps it for later. redis.RedisError."""
    execute: Callable[..., Any] = client.execute_command  # redis-py gives it no types
    return execute(*words)


def subscriber(client: redis.Redis, **options: bool) -> PubSub:
    """A connection of its own for subscriptions; `options` are those of redis-py's PubSub."""
    opened: Callable[..., PubSub] = client.pubsub  # redis-py gives it no types
    return opened(**options)


def bare_connection(client: redis.Redis) -> Connection:
    """A new connection with the client's settings, not connected yet, which the client doesn't know."""
    made: Connection = client.connection_pool.make_connection()
    return made


def text(reply: object) -> str:
    """A reply of a client that decodes, as `connect` makes them: redis-py's types leave open whether it is text."""
    assert isinstance(reply, str), f"text was expected, not {reply!r}"
    return reply


def text_or_none(reply: object) -> str | None:
    """The same, for what may not be there."""
    return None if reply is None else text(reply)


def setting(client: redis.Redis, name: str) -> str:
    """A setting of Valkey's by CONFIG GET. KeyError for one that it doesn't know."""
    return text(client.config_get(name)[name])


def check(url: str) -> Mapping[str, Any]:
    """Its INFO server and replication, one that can be used. Unreachable, Unfit. Only reads: it may be anybody's."""
    hint = "does it speak TLS at all?" if ValkeyUrl.parse(url).tls else "if it speaks TLS, write rediss://"
    with connect(url, f"{OURS}stack") as client:
        info = asked(lambda: {**client.info("server"), **client.info("replication")}, hint)
    if why := why_unfit(info):
        raise Unfit(f"the Valkey given cannot be used: {why}")
    return info


def ask(url: str) -> ValkeyFacts:
    """What it is and what it lets us do, by trying each thing on a scratch one. Unreachable, Unfit."""
    kind, version, _ = identity(check(url))
    where = ValkeyUrl.parse(url)
    with connect(url, f"{OURS}stack") as client:
        return ValkeyFacts(kind, version, where.tls, where.database, lacking_of(client, where.database))


def asked(question: Callable[[], Answer], hint: str = "") -> Answer:
    """The answer; Unreachable or Unfit says in one line why there is none, `hint` what else may be the matter."""
    try:
        return question()
    except (redis.AuthenticationError, redis.ResponseError) as error:
        raise Unfit(f"the Valkey given cannot be used: {one_line(error)}") from None
    except redis.RedisError as error:
        if (encryption := caused_by(error, ssl.SSLError)) is not None:
            raise Unfit(f"the Valkey given cannot be used: TLS failed ({one_line(encryption)})") from None
        silent = hint and not caused_by(error, ConnectionRefusedError)
        more = f" ({hint})" if silent else ""
        raise Unreachable(f"the Valkey given cannot be reached: {one_line(error)}{more}") from None
    except (OSError, ValueError) as error:
        raise Unreachable(f"the Valkey given cannot be reached: {one_line(error)}") from None


def identity(info: Mapping[str, Any]) -> tuple[str, str, tuple[int, int]]:
    """Kind, version, and the least version of that kind. Valkey tells a version of Redis too, that which it is like."""
    if "valkey_version" in info:
        return "Valkey", str(info["valkey_version"]), VALKEY_MIN
    return "Redis", str(info.get("redis_version", "")), REDIS_MIN


def why_unfit(info: Mapping[str, Any]) -> str:
    """What is wrong with it, by its INFO server and replication; "" if nothing is."""
    kind, version, least = identity(info)
    if numbers(version) < least:
        return f"{kind} {version} is too old: {'.'.join(map(str, least))} at least"
    return why_no_primary(info)


def why_no_primary(info: Mapping[str, Any]) -> str:
    """Why it is no single primary, by its INFO server and replication; "" if it is one."""
    if "cluster" in (info.get("redis_mode"), info.get("server_mode")):
        return "it is a cluster, and the mirror needs one that is none"
    if info.get("role") in ("slave", "replica"):
        return "it is a replica, and the mirror is written: give the address of its primary"
    return ""


def numbers(version: str) -> tuple[int, ...]:
    """Those of a version; one that is spelt in another way counts as new."""
    parts = version.split(".")[:2]
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else (999,)


def lacking_of(client: redis.Redis, database: int) -> dict[str, str]:
    """Each ability that is refused, with the words of the refusal and what is lost."""
    pipeline = client.pipeline(transaction=False)
    for ability in ABILITIES.values():
        run(pipeline, *ability.probe)
    replies = asked(lambda: pipeline.execute(raise_on_error=False))
    lacking = {}
    for (name, ability), reply in zip(ABILITIES.items(), replies, strict=True):
        if isinstance(reply, redis.RedisError) and not (ability.expected and ability.expected in str(reply)):
            lacking[name] = refused(ability.probe[0], reply, ability.lost)
    if "CONFIG GET" in lacking:
        lacking["CONFIG SET"] = f"{lacking['CONFIG GET'].partition(': ')[0]}: {CONFIG_LOST}"
    elif (no := refusal_of_settings(client)) is not None:
        lacking["CONFIG SET"] = refused("CONFIG SET", no, CONFIG_LOST)
    if (no := refusal_of_monitor(client)) is not None:
        lacking["MONITOR"] = refused("MONITOR", no, MONITOR_LOST)
    if "CONFIG SET" in lacking and not hears_events(client, database):
        lacking["keyspace events"] = (
            f"notify-keyspace-events is not set, and we may not set it: {EVENTS_LOST} (set it to {EVENTS})"
        )
    return lacking


def refused(command: str, error: Exception, lost: str) -> str:
    said = one_line(error).partition(", with args beginning with")[0]
    return f"Valkey refuses {command} to us ({said}): {lost}"


def refusal_of_settings(client: redis.Redis) -> redis.ResponseError | None:
    """Tried by setting what is set."""
    try:
        client.config_set("notify-keyspace-events", setting(client, "notify-keyspace-events"))
    except redis.ResponseError as error:
        return error
    except KeyError:
        return redis.ResponseError("notify-keyspace-events is no setting of it")
    return None


def refusal_of_monitor(client: redis.Redis) -> redis.ResponseError | None:
    """On a connection of its own, which shows commands from then on."""
    connection = bare_connection(client)
    try:
        connection.connect()
        connection.send_command("MONITOR", check_health=False)
        connection.read_response()
    except redis.ResponseError as error:
        return error
    finally:
        connection.disconnect()
    return None


def hears_events(client: redis.Redis, database: int) -> bool:
    """Whether a change of a key is told, as somebody may have set it where we may not look."""
    try:
        with subscriber(client, ignore_subscribe_messages=False) as heard:
            heard.subscribe(f"__keyspace@{database}__:{PROBE}")
            heard.get_message(timeout=DEMO_S)
            client.set(PROBE, "1", px=1000)
            return heard.get_message(timeout=DEMO_S) is not None
    except redis.ResponseError:
        return False
    finally:
        with suppress(redis.ResponseError):
            client.delete(PROBE)


def caused_by(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    """The error of that kind behind another one."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, kind):
        seen = seen.__cause__ or seen.__context__
    return seen


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
