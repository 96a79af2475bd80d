"""One arm of a load: its stack, its servers, its people, and the counting of SQL and commands on it."""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from rig.checks.common.sql_statements import UUID
from rig.environment.cadence import ENVIRONMENT
from rig.environment.observed_stack import ObservedStack
from rig.fixtures import Schema, translator
from rig.observe.postgres.fingerprint import template
from rig.observe.postgres.ledger import Entry
from rig.observe.postgres.pg_stat_statements import CountedLedger
from rig.observe.postgres.statement import Statement
from rig.record import RecordWriter
from rig.record.lines.load import StatementRow, Statements, Template
from rig.stack import Stack
from rig.waiting import NotYet, poll_until, wait_until

INSTANCES = ("a", "b", "c")
SEEDED_S = 15.0  # after a FLUSHDB: the contract's 5 s, and what a hundred thousand mitras take beyond it
RELOAD_S = 5.0
LOOPBACK = "127.0.0.1"
WORD = re.compile(r"[\w-]+")
IDS_KEPT = 8  # of one statement. With more ids, only those of chats are kept: they tell which chat caused it


@dataclass
class People:
    """Ids in the arm's database: the fleet that pings, its members who take chats, mitras who toggle, customers."""

    mitras: list[str]
    takers: list[str]
    togglers: list[str]  # away at first
    customers: list[str]

    def plain(self) -> dict[str, Any]:
        return {**vars(self), "away": True}


class NeverSeeded(Exception):
    """The server's mirror does not hold the mitras that Postgres has online: it breaks the contract before any load."""


class Arm(ObservedStack):
    """`id` is `on` (the mirror) or `off` (the same server as it was before it, without Valkey).

    Lacks where statements can be neither read nor counted.
    """

    def __init__(self, id: str, stack: Stack, recorder: RecordWriter, schema: Schema) -> None:
        super().__init__(stack, recorder, schema)
        self.id = id
        self.people = People([], [], [], [])
        self.counted = None if self.statements.available else self._count_statements()
        self._bind = LOOPBACK
        self._templates: dict[str, int] = {}

    def _count_statements(self) -> CountedLedger:
        """Counts by pg_stat_statements, if the log cannot be read. It knows only roles, so the rig needs a role of its own."""
        postgres = self.stack.postgres
        postgres.facts.require("pg_stat_statements", "login roles")
        ours = {*postgres.observers, postgres.facts.login}
        return CountedLedger(postgres.observer_url, postgres.instance_of, ours, translate=translator(self.schema))

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
        self.start_servers(self.servers.values(), ready_within_s)
        self.read_by_contract()
        self.fixtures.clear()

    def plant(self, mitras: int, togglers: int, chats: int) -> None:
        """Insert the people, the fleet online. NeverSeeded if the server's mirror does not hold them within SEEDED_S."""
        fleet = self.fixtures.crowd(mitras, "mitra")
        away = [row.id for row in self.fixtures.mitras(togglers, "toggler")] if togglers else []
        payers = [self.fixtures.customer(f"customer {number}").id for number in range(chats)]
        self.people = People(fleet, fleet[:chats], away, payers)
        if self.id == "on":
            self.mirror.client.flushdb()
            self._wait_seeded(len(fleet))

    def _wait_seeded(self, online: int) -> None:
        mirrored = poll_until(self._online, SEEDED_S, until=lambda mirrored: mirrored == online)
        if mirrored != online:
            raise NeverSeeded(
                f"{SEEDED_S:g} s after a FLUSHDB `SCARD mitras:online` is {mirrored}, with {online} mitras online in Postgres"
            )

    def _online(self) -> int | str:
        try:
            return self.mirror.client.scard("mitras:online")
        except redis.RedisError as busy:  # while a seed is at it
            return str(busy)

    def go(self) -> dict[str, Any]:
        """The arm's listeners, as its users reach them, and its secrets."""
        first = next(iter(self.servers.values()))
        reached = [(one.public_url, one.internal_url) for one in self.servers.values()]
        instances = [
            {"public": public.replace(LOOPBACK, self._bind), "internal": internal.replace(LOOPBACK, self._bind)}
            for public, internal in reached
        ]
        return {"instances": instances, "jwt_secret": first.jwt_secret, "internal_token": first.internal_token}

    def pids(self) -> dict[str, int]:
        """Processes whose CPU time is counted: both stores and each server, if the rig started them."""
        pids = {"postgres": self.stack.postgres.pid, "valkey": self.stack.valkey.pid}
        pids |= {f"server {name}": server.pid for name, server in self.servers.items()}
        return {name: pid for name, pid in pids.items() if pid is not None}

    def log_statements(self, wanted: bool) -> None:
        """Switch Postgres' statement log on or off, to measure what logging costs. TimeoutError if it does not take effect."""
        value = "all" if wanted else "none"
        self.tables.query(f"ALTER SYSTEM SET log_statement = '{value}'")
        self.tables.query("SELECT pg_reload_conf()")

        def obeyed() -> bool:
            if (current := self.tables.query("SHOW log_statement").value) != value:
                raise NotYet(f"log_statement is {current}")
            return True

        wait_until(obeyed, RELOAD_S, f"Postgres to set log_statement to {value}", every_s=0.005)

    # --- what it cost -----------------------------------------------------------------------------------------

    def work_in(self, since: float, until: float) -> int | None:
        """How many statements of the servers were logged in that span; None without a log."""
        if self.counted is not None:
            return None
        return sum(one.kind == "work" for one in self.statements.window(since, until))

    def record_counts(self, at: float) -> None:
        """What pg_stat_statements counted since its `begin`, as if all of it had happened at that moment.

        LedgerBroken when counts were lost in between.
        """
        assert self.counted is not None, "only where there is no log"
        entries = self.counted.end()
        rows: list[StatementRow] = []
        for entry in entries:
            if entry.kind == "work":
                shape = self._number(entry.template)
                rows += [
                    StatementRow(at, entry.instance or "", shape, len(rows) + n, "LOG", [], 0, 0, 0)
                    for n in range(entry.calls)
                ]
        drivers = sum(entry.calls for entry in entries if entry.kind == "driver")
        self._record(rows, drivers, entries, self.counted.source)

    def record_statements(self, since: float, until: float) -> None:
        """Record every statement of the servers in the span: each shape once, then one short row per statement.

        A row: [time, instance, number of the shape, transaction, severity, ids it carries, how many ids, how many of
        the fleet, how many who are nobody]. Drivers' chatter is kept as a number.
        """
        self.statements.fence(self.tables.connection)
        known = dict.fromkeys(self.people.mitras, "fleet")
        known |= {id: "other" for ids in vars(self.people).values() for id in ids if id not in known}
        statements = self.statements.window(since, until)
        rows: list[StatementRow] = []
        units: dict[int, int] = {}
        for statement in statements:
            if statement.kind == "work":
                shape = self._number(template(statement.contract_text or statement.text))
                unit = units.setdefault(id(statement.transaction or statement), len(units))
                about = ids_of(statement, known)
                rows.append(
                    StatementRow(statement.at, statement.instance or "", shape, unit, statement.severity, *about)
                )
        drivers = sum(statement.kind == "driver" for statement in statements)
        self._record(rows, drivers, statements, "statement log")

    def _record(self, rows: list[StatementRow], drivers: int, seen: Iterable[Statement | Entry], source: str) -> None:
        unknown = sorted({each.role for each in seen if each.kind == "unknown"})
        line = Statements(t=time.time(), arm=self.id, rows=rows, drivers=drivers, strangers=unknown, source=source)
        self.recorder.add(line)

    def _number(self, text: str) -> int:
        if text not in self._templates:
            self._templates[text] = len(self._templates)
            self.recorder.add(Template(t=time.time(), arm=self.id, number=self._templates[text], text=text))
        return self._templates[text]


def ids_of(statement: Statement, known: Mapping[str, str]) -> tuple[list[str], int, int, int]:
    """Ids in a statement's text and parameters: the kept ones, and how many there are, are of the fleet, are unknown."""
    ids = {id.lower() for id in UUID.findall(statement.text)}
    for value in statement.parameters:
        ids.update(word for word in WORD.findall(value or "") if word in known or UUID.fullmatch(word))
    fleet = sum(known.get(word) == "fleet" for word in ids)
    kept = ids if len(ids) <= IDS_KEPT else ids - known.keys()
    return sorted(kept), len(ids), fleet, len(ids - known.keys())


def shared_secrets(arms: Sequence[Arm]) -> None:
    """Give all arms the same secrets, so that a token is valid in each."""
    for arm in arms[1:]:
        arm.stack.secrets = arms[0].stack.secrets
