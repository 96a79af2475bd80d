"""What a fault is: it acts on a stack and can tell, from both ends, whether it is active and whether it has healed."""

import socket
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar
from urllib.parse import urlsplit

import redis

from rig.faults.requirements import Requirement
from rig.record.lines.base import Line
from rig.stores.valkey import OURS, Word, run
from rig.waiting import poll_until

ANSWERS, CLOSES, SILENT, REFUSED = "answers", "closes", "silent", "refused"
ENDED = "ended"  # in `FaultContext.kept`: the time (epoch seconds) at which it was over, where that is before `remove` returns
TERMINATED = "terminated"  # in `FaultContext.kept`: the time at which SIGTERM was sent
SLOWEST_S = 3.0  # a delay is measured, not waited out for ever
CONNECT_S = 1.0  # above any latency that a fault which lets answers through may add
STILL_S = 7.0  # the 5 s in which a server has to heal, the second that a difference must last to count, and a margin
BACK_S = 5.0  # how long a fault waits for what it is for: connections that an earlier one ended, somebody who is online

# What was seen, by the end that it was seen from: goes into the record as it is.
Observation = dict[str, str]


@dataclass
class FaultContext:
    """What a fault acts on and looks at.

    `stack`: the open stack. `servers`: the instances that run, by name. `hit`: those that the fault is for (all of
    them, or some for a partial one). `kept`: what a fault has to remember between inject and remove.
    """

    stack: Any
    servers: Mapping[str, Any]
    hit: tuple[str, ...]
    random: Random = field(default_factory=Random)
    kept: dict[str, Any] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)  # for the record
    alone: bool = True  # no other fault is in force: what is not hit must be seen to be well
    ended: set[str] = field(default_factory=set)  # instances that a fault has stopped, shared by all of a campaign
    tables: Any = None  # the rig's own look into Postgres
    # Asks the traffic to change nothing for so many seconds: what a fault broke must not be healed by luck.
    stand_still: Callable[[float], None] = lambda _: None

    def __post_init__(self) -> None:
        self.connect()
        _ = self.stack.valkey.facts  # asked once, before a fault is in the way of it

    def connect(self) -> None:
        """Before any fault, as a full, stopped or busy Valkey takes no new connection; and after its restart."""
        self.valkey = self.stack.valkey.for_faults(f"{OURS}fault", single_connection_client=True)

    def reconnect(self) -> None:
        """A connection that an earlier fault ended is made anew."""
        try:
            self.valkey.ping()
        except redis.RedisError:
            self.valkey.close()
            self.connect()

    def close(self) -> None:
        self.valkey.close()

    @property
    def valkey_address(self) -> str:
        return f"{self.stack.valkey.host}:{self.stack.valkey.port}"

    def address(self, name: str) -> tuple[str, int]:
        """Where an instance finds Valkey: its proxy."""
        url = urlsplit(self.servers[name].env["VALKEY_URL"])
        return url.hostname or "127.0.0.1", url.port or 6379

    def proxies(self) -> list[str]:
        """Toxiproxy's names of the ways that are hit."""
        return [self.servers[name].proxy for name in self.hit]

    def users(self) -> list[str]:
        """Valkey's users of the instances that are hit."""
        return [self.servers[name].valkey_user for name in self.hit]

    def clients(self, type: str = "normal") -> set[str]:
        """Ids of the connections that the instances that are hit have to Valkey now."""
        return {client["id"] for client in self._listed(type)}

    def _listed(self, type: str) -> list[dict[str, str]]:
        return [client for client in self.valkey.client_list(_type=type) if client["user"] in self.users()]

    def clients_to_end(self, type: str = "normal") -> set[str]:
        """Like `clients`, but wait up to BACK_S until every instance has reconnected, so that there is a connection to end.

        Beside another fault in force, which may keep the instances away, it does not wait.
        """

        def all_connected(listed: list[dict[str, str]]) -> bool:
            return not self.alone or {client["user"] for client in listed} >= set(self.users())

        return {client["id"] for client in poll_until(lambda: self._listed(type), BACK_S, until=all_connected)}

    def clients_left(self, before: set[str], type: str = "normal") -> Observation:
        return {"connections before": str(len(before)), "connections left": str(len(before & self.clients(type)))}

    def connections(self) -> Observation:
        """How Valkey treats a new connection, by end: `direct` (the rig's way), `through NAME` (an instance's way)."""
        ends = {"direct": (self.stack.valkey.host, self.stack.valkey.port)}
        ends |= {f"through {name}": self.address(name) for name in self.servers}
        tls = self.stack.valkey.facts.tls
        return {end: treats_a_connection(*address, tls=tls) for end, address in ends.items()}

    def answers(self, *command: Word, within_s: float = CONNECT_S) -> Observation:
        """What a command gets, by end, each as that end's own user: the reply as text, or the error's first word.

        A connection that is not answered at all tells `closes`, `silent` or `refused`.
        """
        return {end: answer_to(url, *command, within_s=within_s) for end, url in self._urls().items()}

    def round_trips(self, *command: Word) -> Observation:
        """How long a command (a PING) takes to be answered on a connection that is open already, as `12.3 ms`, by end."""
        return {end: round_trip(url, *(command or ("PING",))) for end, url in self._urls().items()}

    def _urls(self) -> dict[str, str]:
        urls = {f"through {name}": server.env["VALKEY_URL"] for name, server in self.servers.items()}
        return {"direct": self.stack.valkey.url, **urls}

    def others_unaffected(self, observation: Observation) -> bool:
        """Whether every end that is not to be hit is answered."""
        if not self.alone:
            return True
        silent = (ANSWERS, CLOSES, SILENT, REFUSED)
        others = [observation[f"through {name}"] for name in self.servers if name not in self.hit]
        return all(seen == ANSWERS or seen not in silent for seen in (*others, observation.get("direct", ANSWERS)))

    def hits(self, observation: Observation) -> list[str]:
        """Of what was seen: what the instances saw that the fault is for."""
        return [observation[f"through {name}"] for name in self.hit]


class Fault(ABC):
    """One kind of trouble, in a file of its own. `inject` and `remove` act at once; `remove` is safe to call twice."""

    name: ClassVar[str]  # as reports and the command line call it
    family: ClassVar[str]  # reachability, silence, slowness, cuts, refusing, wrong, partial, truth, server
    shows: ClassVar[str]  # one sentence: what happens
    requirements: ClassVar[tuple[Requirement, ...]] = ()  # what stack or machine has to have for it
    # Where it acts: on the `way` of an instance to Valkey, on `valkey`, on Postgres (`truth`), on a `server` or as its
    # `clients`. Two of one layer never overlap: each would be taken for the other.
    layer: ClassVar[str] = "valkey"
    also: ClassVar[tuple[str, ...]] = ()  # further layers that it takes for itself
    instances: ClassVar[tuple[str, ...]] = ("a",)  # the least that it makes sense with
    aims: ClassVar[tuple[str, ...]] = ()  # those of them that it is for; none: all
    lasts_s: ClassVar[float | None] = None  # it ends by itself after so long; 0: as it happens
    # What a check has to know of it: see `rig.checks.chaos.timeline.Fault`.
    down: ClassVar[bool] = False
    rewinds: ClassVar[bool] = False
    parts: ClassVar[bool] = False
    beyond: ClassVar[bool] = False
    outage: ClassVar[bool] = True
    noticed: ClassVar[bool] = False
    seeds: ClassVar[bool] = True
    # The cadence of the periodic seed that it is healed by, where nothing else notices it; in seconds.
    reconcile_s: ClassVar[float | None] = None
    # Invariants that it changes as it must: declared here, said in each run, and not judged under it alone.
    exempt_checks: ClassVar[tuple[str, ...]] = ()

    # What must have happened under it, or it has proved nothing: ids of `rig.checks.chaos.coverage`.
    expects_events: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def layers(cls) -> set[str]:
        return {cls.layer, *cls.also}

    @classmethod
    def all_requirements(cls) -> tuple[Requirement, ...]:
        """Those that it declares, and what all faults of its layer need."""
        return (Requirement.VALKEY_PROXY, *cls.requirements) if cls.layer == "way" else cls.requirements

    @abstractmethod
    def inject(self, context: FaultContext) -> None: ...

    def observe(self, context: FaultContext) -> Observation:
        """What tells whether it is active: how new connections are treated, unless the fault shows otherwise."""
        return context.connections()

    @abstractmethod
    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        """Whether it is seen to be in force, from both ends where it has two."""

    @abstractmethod
    def remove(self, context: FaultContext) -> None: ...

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        """Whether it is seen to be gone: every end is answered again, unless the fault shows otherwise."""
        return all_answer(observation)


class Unconfirmed(Exception):
    """A fault was injected and not seen to be active in time: nothing that follows says anything of the server."""


class Unhealed(Exception):
    """A fault was taken back and not seen to heal in time."""


def all_answer(observation: Observation) -> bool:
    return all(found == ANSWERS for found in observation.values())


def none_answers(observation: Observation) -> bool:
    """What a dead or cut-off Valkey looks like."""
    return all(found != ANSWERS for found in observation.values())


def treats_a_connection(host: str, port: int, *, tls: bool = False) -> str:
    """`answers` (any bytes come back to a PING), `closes`, `silent` or `refused`, as a client would see it."""
    try:
        with socket.create_connection((host, port), timeout=CONNECT_S) as plain:
            return answers_to(unverified(plain) if tls else plain, b"PING\r\n")
    except ConnectionRefusedError:
        return REFUSED
    except TimeoutError:
        return SILENT
    except OSError:
        return CLOSES


def answers_to(connection: socket.socket, question: bytes) -> str:
    """`answers` if any bytes come back within the socket's timeout, else `silent` or `closes`."""
    try:
        connection.sendall(question)
        return ANSWERS if connection.recv(64) else CLOSES
    except TimeoutError:
        return SILENT
    except OSError:
        return CLOSES


def unverified(plain: socket.socket) -> ssl.SSLSocket:
    """Whose certificate it is does not matter to whether it answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain)


def answer_to(url: str, *command: Word, within_s: float = CONNECT_S) -> str:
    """One command on a new connection of that URL's user: its reply, or the first word of the error."""
    return told_by(url, within_s, lambda connection: str(run(connection, *command)))


def round_trip(url: str, *command: Word) -> str:
    """Of the second command on a connection, so that its opening is not counted; or what became of it."""

    def measured(connection: redis.Redis) -> str:
        with redis.Redis(connection_pool=connection.connection_pool, single_connection_client=True) as one:
            one.ping()
            began = time.monotonic()
            run(one, *command)
            return f"{(time.monotonic() - began) * 1000:.1f} ms"

    return told_by(url, SLOWEST_S, measured)


def told_by(url: str, within_s: float, ask: Callable[[redis.Redis], str]) -> str:
    """What `ask` learns on one new connection that waits so long for each reply, or the word for why it learns nothing."""
    connection = redis.Redis.from_url(
        url, protocol=2, decode_responses=True, socket_timeout=within_s, socket_connect_timeout=max(within_s, CONNECT_S),
        retry=None,
    )  # fmt: skip
    try:
        return ask(connection)
    except redis.TimeoutError:
        return SILENT
    except redis.RedisError as error:
        return error_word(error)
    finally:
        connection.close()


# redis-py takes the first word of the errors that it knows away.
_WORDS = {
    "ReadOnlyError": "READONLY", "BusyLoadingError": "LOADING", "OutOfMemoryError": "OOM",
    "NoPermissionError": "NOPERM", "AuthenticationError": "WRONGPASS", "NoScriptError": "NOSCRIPT",
    "MaxClientsError": "ERR",
}  # fmt: skip


def error_word(error: redis.RedisError) -> str:
    """What Valkey called it, or what became of the connection (to redis-py some refusals are lost connections)."""
    if str(error) == "Authentication required.":  # to redis-py the same as a wrong password
        return "NOAUTH"
    if (word := _WORDS.get(type(error).__name__)) is not None:
        return word
    if isinstance(error, redis.ConnectionError):
        return REFUSED if isinstance(error.__cause__, ConnectionRefusedError) else CLOSES
    return str(error).partition(" ")[0]
