"""The test bed of one worker: a stack, its observers and the backends on it, reset between scenarios instead of restarted."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Protocol

from rig.checks.framework import HARDENED
from rig.config import Settings
from rig.contract import SETTING_S
from rig.environment.cadence import ENVIRONMENT, QUIET, Cadence
from rig.environment.observed_stack import ObservedStack
from rig.environment.observers import watch_commands
from rig.environment.stack_spec import mapped_schema
from rig.environment.step_errors import Unmet
from rig.fixtures import Schema
from rig.fixtures.schema import CONTRACT_TABLES
from rig.observe import LagSentinel, Monitor, NoMonitor
from rig.record import RecordWriter
from rig.record.evidence import Evidence
from rig.record.lines.checklist import StepError
from rig.record.lines.common import Exited, PostgresEvent
from rig.record.observations.parts import MirrorState, PostgresState
from rig.stack import ServerInstance, Stack, StackError, StackSpec, Supervisor, open_stack
from rig.stack.sut.managed import READY_S
from rig.stores import Lacks
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


class Testbed(ObservedStack):
    """A stack with its observers and servers. Scenarios that need the same servers share running ones."""

    # The instance that owns all connections but the rig's. None: instances differ by Postgres role and Valkey user.
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
        super().__init__(stack, recorder, schema)
        self.cadence, self.random_seed = cadence, random_seed
        self.ready_within_s, self.level = ready_within_s, level
        self.scenario: dict[str, Any] = {}  # the current or latest scenario: crashes are recorded under its name
        self.environment: dict[str, str] = {}
        self.starts = 0
        self.failed = False  # some scenario of this worker has
        self.scenario_fault: BeforeScenario | None = None
        self._dirty: str | None = "nothing has been started yet"
        self._settings_touched = False
        self._we_ended: set[str] = set()
        # Starts (instance, ready since) whose unexpected end stands in the record.
        self._noted: set[tuple[str, float | None]] = set()
        self.lag = LagSentinel()
        self.monitor = self.watch()

    def watch(self) -> Monitor | NoMonitor:
        """What sees the commands at Valkey."""
        return watch_commands(self.stack, self.others)

    @property
    def has_stores(self) -> bool:
        """Whether the rig can look at the server's stores and change them."""
        return True

    @property
    def starts_servers(self) -> bool:
        """Whether the servers are the rig's to start, to stop and to give an environment."""
        return True

    # --- backends --------------------------------------------------------------------------------------------

    def environment_for(self, **cadences: float) -> dict[str, str]:
        """The contract's environment with these cadences in whole seconds, and QUIET for all others."""
        seconds = {"auto-offline": QUIET, "heartbeat-mirror": QUIET, "reconcile": QUIET, "goodbye": 60, **cadences}
        return {ENVIRONMENT[name]: str(int(value)) for name, value in seconds.items()}

    def cadences_for(self, cadences: dict[str, float]) -> dict[str, float]:
        """The cadences in seconds that the servers will really have when a scenario asks for these."""
        return cadences

    def ready(self, environment: Mapping[str, str], instances: tuple[str, ...] = ("a",), *, quiet: bool = True) -> None:
        """Have just these instances running in that environment on empty stores; restart only when needed.

        `quiet`: all other cadences must be QUIET, which holds for every server that the rig starts.
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
        """Start all instances that do not run, then wait for each. Returns the time just before the start."""
        before = time.time()
        idle = {name: server for name, server in self.servers.items() if not server.running}
        self.starts += len(idle)
        self.start_servers(idle.values(), self.ready_within_s)
        self._we_ended -= idle.keys()
        return before

    def restart(self, name: str = "a") -> float:
        """Stop one instance by SIGTERM and start it again. Returns the time just before the start."""
        self.stop(name)
        return self.start_together()

    def stop(self, name: str = "a") -> int:
        """Send SIGTERM and return the exit code. The instance no longer counts as crashed."""
        self._we_ended.add(name)
        self.dirty(f"instance {name} was stopped")
        return self.servers[name].stop()

    def stop_servers(self) -> None:
        self.record_crashes()
        super().stop_servers()
        self.servers = {}
        self._we_ended.clear()

    def server(self, name: str = "a") -> ServerInstance:
        return self.servers[name]

    @property
    def has_log(self) -> bool:
        """Whether the rig can read the servers' output. Without it no seed line shows when a seed is done."""
        return True

    def dirty(self, why: str) -> None:
        """The next scenario restarts the servers, because of `why`."""
        self._dirty = why

    def truth_away(self) -> None:
        """Stop Postgres. From this line of the record on, the contract asks for a 503."""
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
        absent = self.tables.query(
            "SELECT name FROM unnest(%s::text[]) name WHERE to_regclass(name) IS NULL", (list(names.values()),)
        )
        if absent.rows:
            missing = ", ".join(absent.column)
            raise StackError(
                f"the server is ready, but its database has no table {missing}: it makes them at its start or by"
                " --sut-setup; if they have other names, tell them by a mapping (docs/foreign-servers.md)"
            )

    def empty_stores(self) -> None:
        """Delete all rows and all keys of the contract. Both stores agree, so no seed is needed."""
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
        """The verdict of an exception: failed if a ready instance has exited by itself, else broken."""
        if isinstance(failure, Lacks):
            return StepError("skipped", str(failure))
        for server in self.exited():
            return StepError("failed", self.crash_message(server))
        return StepError("broken", f"{type(failure).__name__}: {failure}")

    def exited(self) -> list[ServerInstance]:
        """Instances that were ready and then left without our doing."""
        return [server for server in super().exited() if server.name not in self._we_ended]

    def record_crashes(self) -> None:
        """Record, once each, instances that exited by themselves, even if no step noticed it."""
        for server in self.exited():
            if self.scenario and (server.name, server.ready) not in self._noted:
                self._noted.add((server.name, server.ready))
                at = server.process.exited if server.process else time.time()
                text = self.crash_message(server)
                self.recorder.add(Exited(t=at or time.time(), instance=server.name, text=text, **self.scenario))

    def close(self) -> None:
        super().close()
        self.monitor.close()
        self.lag.close()


@contextmanager
def open_testbed(
    spec: StackSpec,
    supervisor: Supervisor,
    name: str,
    recorder: RecordWriter,
    settings: Settings,
    *,
    cadence: str = "fast",
    random_seed: int = 0,
) -> Iterator[Testbed]:
    """A test bed on a stack of its own; both end with the block. StackError when the stack does not start."""
    with open_stack(spec, supervisor, name) as stack:
        testbed = Testbed(
            stack, recorder, Cadence(cadence), random_seed, settings.ready_within_s, mapped_schema(settings)
        )
        try:
            yield testbed
        finally:
            testbed.close()
