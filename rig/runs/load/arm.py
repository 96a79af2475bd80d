"""One arm of a load: a stack of its own, its servers, the people in it, and what counts SQL and commands there."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import redis

from rig.checks.common.sql_statements import UUID
from rig.environment.cadence import ENVIRONMENT
from rig.fixtures import Fixtures, Schema, drop_views, make_views, reading_path, translator
from rig.observe import Mirror, ServerLog, StatementLog, Tables
from rig.observe.postgres.fingerprint import template
from rig.observe.postgres.pg_stat_statements import CountedLedger
from rig.observe.postgres.statement import Statement
from rig.record import Recorder
from rig.record.lines.load import StatementRow, Statements, Template
from rig.stack import ServerInstance, Stack
from rig.stores.valkey import OURS

INSTANCES = ("a", "b", "c")
SEEDED_S = 15.0  # after a FLUSHDB: the contract's 5 s, and what a hundred thousand mitras take beyond it
RELOAD_S = 5.0
LOOPBACK = "127.0.0.1"
WORD = re.compile(r"[\w-]+")
IDS_KEPT = 8  # of one statement; of more, those of no person: a chat's, by which its statements are told


@dataclass
class People:
    """Who is in the arm's database, by id: the fleet who ping, those of it who take chats, those who come and go, who pay."""

    mitras: list[str]
    takers: list[str]
    togglers: list[str]  # away at first
    customers: list[str]

    def plain(self) -> dict[str, Any]:
        return {**vars(self), "away": True}


class NeverSeeded(Exception):
    """The server's mirror does not hold whom Postgres says is online: it breaks the contract before any load."""


@dataclass
class Arm:
    """`id` is `on` (the mirror) or `off` (the same server as it was before it, without Valkey)."""

    id: str
    stack: Stack
    recorder: Recorder
    schema: Schema
    tables: Tables
    fixtures: Fixtures
    mirror: Mirror
    statements: StatementLog
    counted: CountedLedger | None  # where there is no log that we can read
    servers: dict[str, ServerInstance] = field(default_factory=dict)
    people: People = field(default_factory=lambda: People([], [], [], []))
    _logs: dict[str, ServerLog] = field(default_factory=dict)
    _views_made: bool = False
    _bind: str = LOOPBACK
    _templates: dict[str, int] = field(default_factory=dict)

    @classmethod
    def open(cls, id: str, stack: Stack, recorder: Recorder, schema: Schema) -> Self:
        """Connect to the stack's stores; `close` ends it. Lacks where statements can be neither read nor counted."""
        postgres, translate = stack.postgres, translator(schema)
        tables = Tables(postgres.observer_url, reading_path(schema))
        fixtures = Fixtures(postgres.url, schema)
        mirror = Mirror(stack.valkey.url)
        statements = StatementLog(
            postgres.statement_log, postgres.instance_of, postgres.observers, translate=translate,
            shared=postgres.shared_by, ours=OURS, database=postgres.facts.database,
        )  # fmt: skip
        counted = None
        if not statements.available:
            # It knows roles alone, so ours has to be another.
            postgres.facts.require("pg_stat_statements", "login roles")
            ours = {*postgres.observers, postgres.facts.login}
            counted = CountedLedger(postgres.observer_url, postgres.instance_of, ours, translate=translate)
        return cls(id, stack, recorder, schema, tables, fixtures, mirror, statements, counted)

    # --- backends ----------------------------------------------------------------------------------------------

    def start(self, instances: int, cadences: Mapping[str, float], ready_within_s: float, bind: str = LOOPBACK) -> None:
        """Start the servers on empty stores, without a proxy between them and Valkey.

        With another `bind` than the loopback address they listen everywhere, for workers on other machines.
        """
        self._bind = bind
        environment = {ENVIRONMENT[name]: str(int(value)) for name, value in cadences.items()}
        environment["AVAILABILITY_MIRROR"] = self.id
        if bind != LOOPBACK:
            environment["HOST"] = "0.0.0.0"
        for name in INSTANCES[:instances]:
            self.servers[name] = self.stack.server(name, env=environment, proxied=False)
            self.recorder.mask(self.servers[name].internal_token, "$INTERNAL_API_TOKEN")
            self.recorder.mask(self.servers[name].jwt_secret, "$JWT_SECRET")
            self.servers[name].spawn()
        for server in self.servers.values():
            server.wait_ready(ready_within_s)
        if self.schema.foreign:
            make_views(self.stack.postgres.url, self.schema)
            self._views_made = True
        self.fixtures.clear()

    def plant(self, mitras: int, togglers: int, chats: int) -> None:
        """The fleet online, by hand; NeverSeeded when the server's mirror does not follow within SEEDED_S."""
        fleet = self.fixtures.crowd(mitras, "mitra")
        away = [row.id for row in self.fixtures.mitras(togglers, "toggler")] if togglers else []
        payers = [self.fixtures.customer(f"customer {number}").id for number in range(chats)]
        self.people = People(fleet, fleet[:chats], away, payers)
        if self.id == "on":
            self.mirror.client.flushdb()
            self._wait_seeded(len(fleet))

    def _wait_seeded(self, online: int) -> None:
        deadline = time.monotonic() + SEEDED_S
        while (found := self._online()) != online:
            if time.monotonic() > deadline:
                raise NeverSeeded(
                    f"{SEEDED_S:g} s after a FLUSHDB `SCARD mitras:online` is {found}, with {online} mitras online in Postgres"
                )
            time.sleep(0.02)  # between two looks

    def _online(self) -> int | str:
        try:
            return self.mirror.client.scard("mitras:online")
        except redis.RedisError as busy:  # while a seed is at it
            return str(busy)

    def go(self) -> dict[str, Any]:
        """Where the arm listens, as its users reach it, and what signs people in."""
        first = next(iter(self.servers.values()))
        reached = [(one.public_url, one.internal_url) for one in self.servers.values()]
        instances = [
            {"public": public.replace(LOOPBACK, self._bind), "internal": internal.replace(LOOPBACK, self._bind)}
            for public, internal in reached
        ]
        return {"instances": instances, "jwt_secret": first.jwt_secret, "internal_token": first.internal_token}

    def pids(self) -> dict[str, int]:
        """Whose processor time counts: both stores and each server, as far as they are ours."""
        found = {"postgres": self.stack.postgres.pid, "valkey": self.stack.valkey.pid}
        found |= {f"server {name}": server.pid for name, server in self.servers.items()}
        return {name: pid for name, pid in found.items() if pid is not None}

    def log(self, name: str) -> ServerLog:
        return self._logs.setdefault(name, ServerLog(self.servers[name].log))

    def log_statements(self, wanted: bool) -> None:
        """Switch Postgres' statement log, for what counting itself costs; TimeoutError when it does not obey."""
        value = "all" if wanted else "none"
        self.tables.query(f"ALTER SYSTEM SET log_statement = '{value}'")
        self.tables.query("SELECT pg_reload_conf()")
        deadline = time.monotonic() + RELOAD_S
        while self.tables.query("SHOW log_statement").value != value:
            if time.monotonic() > deadline:
                raise TimeoutError(f"Postgres did not set log_statement to {value} within {RELOAD_S:g} s")
            time.sleep(0.005)  # between two looks

    def close(self) -> None:
        for server in self.servers.values():
            if server.running:
                server.stop()
        if self._views_made:
            drop_views(self.stack.postgres.url)
        for one in (self.tables, self.fixtures, self.mirror):
            one.close()

    # --- what it cost -----------------------------------------------------------------------------------------

    def work_in(self, since: float, until: float) -> int | None:
        """How many statements of the servers were logged in that span, for a reader who watches; None without a log."""
        if self.counted is not None:
            return None
        return sum(one.kind == "work" for one in self.statements.window(since, until))

    def record_counts(self, at: float) -> None:
        """What pg_stat_statements counted since its `begin`, as if all of it had happened at that moment.

        LedgerBroken when counts were lost in between.
        """
        assert self.counted is not None, "only where there is no log"
        rows: list[StatementRow] = []
        drivers = 0
        strangers: set[str] = set()
        for entry in self.counted.end():
            if entry.kind == "unknown":
                strangers.add(entry.role)
            elif entry.kind == "driver":
                drivers += entry.calls
            elif entry.kind == "work":
                shape = self._number(entry.template)
                rows += [
                    StatementRow(at, entry.instance or "", shape, len(rows) + n, "LOG", [], 0, 0, 0)
                    for n in range(entry.calls)
                ]
        self.recorder.add(
            Statements(
                t=time.time(),
                arm=self.id,
                rows=rows,
                drivers=drivers,
                strangers=sorted(strangers),
                source=self.counted.source,
            )
        )

    def record_statements(self, since: float, until: float) -> None:
        """Every statement of the servers in the span, into the record: its shape once, then a short row each.

        A row: [time, instance, number of the shape, transaction, severity, ids it carries, how many ids, how many of
        the fleet, how many who are nobody]. Drivers' chatter is kept as a number.
        """
        self.statements.fence(self.tables.connection)
        known = dict.fromkeys(self.people.mitras, "fleet")
        known |= {id: "other" for own in vars(self.people).values() for id in own if id not in known}
        rows: list[StatementRow] = []
        drivers = 0
        strangers: set[str] = set()
        units: dict[int, int] = {}
        for one in self.statements.window(since, until):
            if one.kind == "unknown":
                strangers.add(one.role)
            elif one.kind == "driver":
                drivers += 1
            elif one.kind == "work":
                unit = units.setdefault(id(one.transaction or one), len(units))
                rows.append(
                    StatementRow(one.at, one.instance or "", self._shape(one), unit, one.severity, *ids_of(one, known))
                )
        self.recorder.add(
            Statements(
                t=time.time(),
                arm=self.id,
                rows=rows,
                drivers=drivers,
                strangers=sorted(strangers),
                source="statement log",
            )
        )

    def _shape(self, statement: Statement) -> int:
        return self._number(template(statement.contract_text or statement.text))

    def _number(self, text: str) -> int:
        if text not in self._templates:
            self._templates[text] = len(self._templates)
            self.recorder.add(Template(t=time.time(), arm=self.id, number=self._templates[text], text=text))
        return self._templates[text]


def ids_of(statement: Statement, known: Mapping[str, str]) -> tuple[list[str], int, int, int]:
    """The ids in a statement's parameters and text: themselves (of many those of nobody), their number, how many are of the fleet, how many unknown."""
    found = {id.lower() for id in UUID.findall(statement.text)}
    for value in statement.parameters:
        found.update(word for word in WORD.findall(value or "") if word in known or UUID.fullmatch(word))
    fleet = sum(known.get(word) == "fleet" for word in found)
    few = found if len(found) <= IDS_KEPT else found - known.keys()
    return sorted(few), len(found), fleet, len(found - known.keys())


def shared_secrets(arms: Sequence[Arm]) -> None:
    """One set for all arms, so that a token is good in each."""
    for arm in arms[1:]:
        arm.stack.secrets = arms[0].stack.secrets
