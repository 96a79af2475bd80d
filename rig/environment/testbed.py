"""The test bed of one worker: a stack, its observers and the backends on it, reset between scenarios instead of restarted."""

import time
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from rig.checks.framework import HARDENED
from rig.contract import SETTING_S
from rig.environment.cadence import ENVIRONMENT, QUIET, Cadence
from rig.environment.observers import watch_commands, why_no_log
from rig.environment.step_errors import Unmet
from rig.fixtures import Fixtures, Schema, drop_views, make_views, reading_path, translator
from rig.fixtures.schema import CONTRACT_TABLES
from rig.observe import LagSentinel, Mirror, ServerLog, StatementLog, Tables
from rig.record import RecordWriter
from rig.record.evidence import Evidence
from rig.record.lines.checklist import StepError
from rig.record.lines.common import Exited, PostgresEvent
from rig.record.observations.parts import MirrorState, PostgresState
from rig.stack import ServerInstance, Stack, StackError
from rig.stack.sut.managed import READY_S
from rig.stores import Lacks
from rig.stores.valkey import OURS
from rig.traffic import Operator

MARGIN_S = 0.1  # beyond the contract's second, for clocks and scheduling
DEFAULT_SETTINGS = {"max_customers_per_mitra": 3, "stale_after_seconds": 90}
TRUTH = {
    "online": "SELECT mitra_id::text FROM mitra_online_status WHERE is_online ORDER BY 1",
    "deactivated": "SELECT id::text FROM mitras WHERE NOT is_active ORDER BY 1",
    "loads": (
        "SELECT m.id::text, count(s.id) FROM mitras m LEFT JOIN chat_sessions s ON s.mitra_id = m.id"
        " AND s.status IN ('active', 'pending_payment') GROUP BY m.id ORDER BY 1"
    ),
}


class BeforeScenario(Protocol):
    """A fault that is injected before the steps of each scenario, once its servers are ready."""

    def inject(self) -> None: ...

    def remove(self) -> None:
        """Take back what is in force; nothing when there is none."""


class Testbed:
    """Knows the stack from all sides. Scenarios that ask for the same backend share a running one."""

    # The instance that everybody is who is not the rig; None: told by Postgres role and Valkey user.
    others: ClassVar[str | None] = None

    def __init__(
        self,
        stack: Stack,
        recorder: RecordWriter,
        cadence: Cadence,
        random_seed: int,
        ready_within_s: float = READY_S,
        schema: Schema | None = None,
        level: str = HARDENED,
    ) -> None:
        self.stack, self.recorder, self.cadence, self.random_seed = stack, recorder, cadence, random_seed
        self.ready_within_s = ready_within_s
        self.schema, self.level = schema or Schema(), level
        self._views_made = False
        self.scenario: dict[str, Any] = {}  # names the one that runs, or ran last: what happens is charged to it
        self.servers: dict[str, ServerInstance] = {}
        self.environment: dict[str, str] = {}
        self.starts = 0
        self.failed = False  # some scenario of this worker has
        self.scenario_fault: BeforeScenario | None = None
        self._dirty: str | None = "nothing has been started yet"
        self._settings_touched = False
        self._we_ended: set[str] = set()
        # Starts (instance, ready since) whose unexpected end stands in the record.
        self._noted: set[tuple[str, float | None]] = set()
        self._logs: dict[str, ServerLog] = {}  # each reads on where it stopped
        self.lag = LagSentinel()
        self.tables = Tables(stack.postgres.observer_url, reading_path(self.schema))
        self.fixtures = Fixtures(stack.postgres.url, self.schema)
        self.mirror = Mirror(stack.valkey.url)
        self.monitor = watch_commands(stack, self.others)
        self.statements = StatementLog(
            stack.postgres.statement_log,
            translate=translator(self.schema),
            why_none=why_no_log(stack.postgres.facts),
            **self.attribution(),
        )

    def attribution(self) -> dict[str, Any]:
        """What tells a server's statements from the rig's: the names of our connections, and the instances' login roles."""
        postgres = self.stack.postgres
        return {
            "roles": postgres.instance_of, "shared": postgres.shared_by, "observers": postgres.observers, "ours": OURS,
            "database": postgres.facts.database,
        }  # fmt: skip

    # --- backends --------------------------------------------------------------------------------------------

    def environment_for(self, **cadences: float) -> dict[str, str]:
        """Every cadence quiet but those given, in whole seconds, as the contract's environment."""
        seconds = {"auto-offline": QUIET, "heartbeat-mirror": QUIET, "reconcile": QUIET, "goodbye": 60, **cadences}
        return {ENVIRONMENT[name]: str(int(value)) for name, value in seconds.items()}

    def cadences_for(self, cadences: dict[str, float]) -> dict[str, float]:
        """The seconds that the backends will have where a scenario asks for these."""
        return cadences

    def ready(self, environment: Mapping[str, str], instances: tuple[str, ...] = ("a",), *, quiet: bool = True) -> None:
        """Have just these instances running in that environment on empty stores; restart only when needed.

        `quiet`: the scenario needs every other cadence to stand still, as it does in all that we start.
        """
        wanted = dict(environment)
        same = wanted == self.environment and tuple(self.servers) == instances
        healthy = all(server.running for server in self.servers.values())
        if self._dirty or not same or not healthy:
            self.stop_servers()
            self.empty_stores()
            self.mirror.flush()
            for name in instances:
                self.servers[name] = self.stack.server(name, env=wanted)
            self.start_together()
            self.refuse_missing_tables()
            self.environment, self._dirty = wanted, None
        else:
            self.restore_settings()
            self.empty_stores()

    def start_together(self) -> float:
        """Start every instance that does not run, all before the first of them is waited for; the time just before."""
        at = time.time()
        idle = {name: server for name, server in self.servers.items() if not server.running}
        for server in idle.values():
            self.recorder.mask(server.internal_token, "$INTERNAL_API_TOKEN")
            self.recorder.mask(server.jwt_secret, "$JWT_SECRET")
            server.spawn()
            self.starts += 1
        for name, server in idle.items():
            server.wait_ready(self.ready_within_s)
            self._we_ended.discard(name)
        return at

    def read_by_contract(self) -> None:
        """Once the server has made its tables, whatever it calls them: let the contract's names mean them.

        SchemaMismatch names what is not there.
        """
        if self.schema.foreign and not self._views_made:
            make_views(self.stack.postgres.url, self.schema)
            self._views_made = True

    def restart(self, name: str = "a") -> float:
        """Stop one instance as an operator would and start it again; the time just before its new start."""
        self.stop(name)
        return self.start_together()

    def stop(self, name: str = "a") -> int:
        """SIGTERM, and the exit code; from now on nobody wonders that this instance is gone."""
        self._we_ended.add(name)
        self.dirty(f"instance {name} was stopped")
        return self.servers[name].stop()

    def stop_servers(self) -> None:
        self.record_crashes()
        for server in self.servers.values():
            if server.running:
                server.stop()
        self.servers = {}
        self._we_ended.clear()

    def server(self, name: str = "a") -> ServerInstance:
        return self.servers[name]

    @property
    def has_log(self) -> bool:
        """Whether the servers' output is ours to read: where it is not, no seed line tells when a seed is done."""
        return True

    def log(self, name: str = "a") -> ServerLog:
        return self._logs.setdefault(name, ServerLog(self.servers[name].log))

    def dirty(self, why: str) -> None:
        """The next scenario must not share these backends, because of `why`."""
        self._dirty = why

    def truth_away(self) -> None:
        """Stop Postgres; the record tells from when a 503 is what the contract asks for."""
        self.recorder.add(PostgresEvent(t=time.time(), event="away"))
        self.stack.postgres.stop()

    def truth_back(self) -> None:
        self.stack.postgres.start()
        self.recorder.add(PostgresEvent(t=time.time(), event="back"))

    def outage_begun(self) -> None:
        self.dirty("Valkey was stopped; whether every instance has noticed its return is not ours to assume")

    # --- stores ----------------------------------------------------------------------------------------------

    def refuse_missing_tables(self) -> None:
        """StackError names the tables of the contract that a server which is ready has not made."""
        if self.schema.foreign:
            self.read_by_contract()
            return
        names = {table: self.fixtures.schema.table_name(table) for table in CONTRACT_TABLES}
        found = self.tables.query(
            "SELECT name FROM unnest(%s::text[]) name WHERE to_regclass(name) IS NULL", (list(names.values()),)
        )
        if found.rows:
            missing = ", ".join(found.column)
            raise StackError(
                f"the server is ready, but its database has no table {missing}: it makes them at its start or by"
                " --sut-setup; if they have other names, tell them by a mapping (docs/foreign-servers.md)"
            )

    def empty_stores(self) -> None:
        """No rows, and a mirror that says so: consistent, so nothing has to be seeded again."""
        self.fixtures.clear()
        self.mirror.clear_contract_keys()

    def restore_settings(self) -> None:
        if self._settings_touched:
            operator = Operator(self.servers["a"], self.recorder)
            for key, value in DEFAULT_SETTINGS.items():
                if not (answer := operator.set_config(key, value)).ok:
                    raise Unmet(f"{key} could not be set back to {value}: {answer}")
            self._settings_touched = False
            # Until then any instance may still delete the snapshot because of it, and nothing tells when all have.
            time.sleep(SETTING_S + MARGIN_S)

    def settings_touched(self) -> None:
        """A setting was changed through the API: the next scenario puts the defaults back the same way."""
        self._settings_touched = True

    def truth(self) -> tuple[PostgresState, list[Evidence]]:
        """What Postgres says, and the queries that say it."""
        results = {name: self.tables.query(query) for name, query in TRUTH.items()}
        state = PostgresState(
            online=[row[0] for row in results["online"].rows],
            deactivated=[row[0] for row in results["deactivated"].rows],
            loads={row[0]: row[1] for row in results["loads"].rows},
        )
        return state, [result.evidence() for result in results.values()]

    def mirror_state(self) -> MirrorState:
        """What Valkey holds under the contract's names."""
        mirror = self.mirror
        return MirrorState(
            online=sorted(mirror.online()),
            deactivated=sorted(mirror.deactivated()),
            capacities=mirror.capacities(),
            heartbeats=mirror.heartbeats(),
            snapshot=mirror.snapshot(),
            expiring=mirror.expiring(),
        )

    # --- blame -----------------------------------------------------------------------------------------------

    def classify_failure(self, failure: Exception) -> StepError:
        """Whose fault an exception is: an instance that was ready and left by itself has failed, else the rig is broken."""
        if isinstance(failure, Lacks):
            return StepError("skipped", str(failure))
        for server in self.exited():
            return StepError("failed", self.crash_message(server))
        return StepError("broken", f"{type(failure).__name__}: {failure}")

    def exited(self) -> list[ServerInstance]:
        """Instances that had been ready and then left without our doing."""
        gone = [name for name, server in self.servers.items() if server.ready and not server.running]
        return [self.servers[name] for name in gone if name not in self._we_ended]

    def crash_message(self, server: ServerInstance) -> str:
        tail = "; ".join(text for _, text in self.log(server.name).lines()[-3:]) or "it printed nothing at all"
        return f"backend {server.name} exited by itself ({server.exit_code}): {tail}"

    def record_crashes(self) -> None:
        """Record, once each, who left by itself: it may have done so where no step looked."""
        for server in self.exited():
            if self.scenario and (server.name, server.ready) not in self._noted:
                self._noted.add((server.name, server.ready))
                at = server.process.exited if server.process else time.time()
                text = self.crash_message(server)
                self.recorder.add(Exited(t=at or time.time(), instance=server.name, text=text, **self.scenario))

    def close(self) -> None:
        self.stop_servers()
        if self._views_made:
            drop_views(self.stack.postgres.url)
        self.monitor.close()
        self.lag.close()
        self.tables.close()
        self.fixtures.close()
        self.mirror.close()
