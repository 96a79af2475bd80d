"""What a scenario's steps work with: people, backends, stores, and the answering of boxes."""

import random
import time
from contextlib import suppress
from typing import Any

from rig.checks import CHECKS, Judgement, judge_seen
from rig.checks.framework import LAG_VOID_S
from rig.contract import RESEED_S, SEED_LINE
from rig.environment.cadence import Cadence
from rig.environment.sign_in import sign_in
from rig.environment.testbed import Testbed
from rig.faults import treats_a_connection
from rig.observe import NoMonitor
from rig.record import RecordWriter, Verdict, evidence
from rig.record.evidence import Evidence
from rig.record.lines.checklist import Observation, StepError
from rig.record.lines.common import Person, Weakness
from rig.record.observations.parts import MirrorState, PostgresState, Seen, SqlStatement, ValkeyCommand, ValkeyReach
from rig.runs.checklist.observation import ANSWERS, Observed
from rig.stores.urls import ValkeyUrl
from rig.traffic import Customer, Mitra, Operator


class World:
    """One scenario's view of the rig. Everything that a step needs to say, do or look at hangs here."""

    def __init__(self, bench: Testbed, recorder: RecordWriter, scenario: str, variant: str, attempt: int) -> None:
        self.bench, self.recorder = bench, recorder
        self.scenario, self.variant, self.attempt = scenario, variant, attempt
        self.cadence: Cadence = bench.cadence
        self.rng = random.Random(f"{bench.random_seed}/{scenario}/{variant}")
        self.people: dict[str, Any] = {}
        self.notes: dict[str, Any] = {}  # what one step leaves for a later one, by name
        self.outcomes: dict[str, Judgement] = {}
        self.stopped: str | None = None  # how Valkey was stopped, while it is
        self.began = self.acted = time.time()  # the scenario, and its last step that did something
        self.voids: list[str] = []  # why this try does not count

    # --- answering boxes -------------------------------------------------------------------------------------

    def answer(self, item: str) -> Judgement:
        """Observe, save, then judge. A failed box does not stop the scenario: the others get their answer too."""
        declared = ANSWERS[item]
        within_s = declared.within_s(self) if callable(declared.within_s) else declared.within_s
        started, deadline = time.time(), time.monotonic() + within_s
        while True:
            error: StepError | None = None
            observed, facts = Observed(Seen()), {}
            try:
                observed = declared.function(self)
                facts = observed.facts()
                judgement = judge_seen(item, facts, observed.bounds, self.bench.level)
            except Exception as failure:  # what went wrong is saved as the answer: the run goes on
                error = self.bench.classify_failure(failure)
                judgement = Judgement(Verdict(error.verdict), error.message)
            if judgement.verdict is Verdict.PASSED or error or time.monotonic() >= deadline:
                break
            time.sleep(0.02)
        ended = time.time()
        if judgement.verdict is Verdict.FAILED:
            observed.evidence += self._logs_without(observed.evidence)
        facts["lag_s"] = self._lag_s(self.acted, ended)
        if not error:
            judgement = judge_seen(item, facts, observed.bounds, self.bench.level)
        if judgement.lost:
            self.voids.append(judgement.lost)
        self.recorder.add(
            Observation(
                t=time.time(),
                item=item,
                scenario=self.scenario,
                variant=self.variant,
                attempt=self.attempt,
                seen=facts,
                bounds=observed.bounds,
                evidence=observed.evidence,
                started=started,
                ended=ended,
                error=error,
                lag_so_far_s=self._lag_s(self.began, ended),
            )
        )
        self.outcomes[item] = judgement
        return judgement

    def step_begins(self, acts: bool) -> None:
        """What a step does is looked at by those behind it: from here on the rig's own lag counts."""
        if acts:
            self.acted = time.time()

    def step_fails(self, failure: Exception) -> None:
        """What did not come about while the rig itself stood still is tried again."""
        lag_s = self._lag_s(self.acted, time.time())
        if lag_s > LAG_VOID_S:
            self.voids.append(f"the rig itself stood still for {lag_s:.2f} s")

    def _lag_s(self, since: float, until: float) -> float:
        return round(self.bench.lag.worst(since, until), 3)

    def _logs_without(self, shown: list[Evidence]) -> list[Evidence]:
        """Where a line was looked for and not found, what the backends printed last instead."""
        if not any(each["kind"] == "log" and each.get("looked_for") and not each["lines"] for each in shown):
            return []
        tails = {name: self.bench.log(name).tail() for name in self.bench.servers}
        return [
            evidence.log(f"backend {name}, its last lines of any kind", tail)
            if tail
            else evidence.note(f"backend {name} printed nothing at all since its first start")
            for name, tail in tails.items()
        ]

    def troubles(self) -> list[str]:
        """One line for each box of this scenario that did not pass."""
        return [
            f"{item} {judgement.verdict}: {judgement.message}"
            for item, judgement in self.outcomes.items()
            if judgement.verdict is not Verdict.PASSED
        ]

    def weaken(self, text: str) -> None:
        """Say in the report what makes this run's verdict weaker than it looks."""
        self.recorder.add(Weakness(t=time.time(), text=text, scenario=self.scenario))

    # --- people ----------------------------------------------------------------------------------------------

    def add_mitra(self, name: str, *, active: bool = True, online: bool | None = False, via: str = "a") -> Mitra:
        """A mitra by name: the row is planted; `online` is planted too, so the mirror learns it at its next seed.

        None: she has no row of online status, as she has never toggled.
        """
        row = self.bench.fixtures.mitra(name=name, active=active, online=bool(online), toggled=online is not None)
        self._record_person(row.id, name, "mitra")
        mitra = sign_in(Mitra, self.bench.server(via), row, self.recorder, active=active)
        self.people[name] = mitra
        return mitra

    def add_customer(self, name: str, via: str = "a") -> Customer:
        row = self.bench.fixtures.customer(name=name)
        self._record_person(row.id, name, "customer")
        customer = sign_in(Customer, self.bench.server(via), row, self.recorder)
        self.people[name] = customer
        return customer

    def _record_person(self, id: str, name: str, role: str) -> None:
        """Keep the name for the report, which writes it beside the id."""
        self.recorder.add(
            Person(t=time.time(), id=id, name=name, role=role, scenario=self.scenario, variant=self.variant)
        )

    def mitra(self, name: str, via: str | None = None) -> Mitra:
        """The mitra of that name; `via` another instance than the one they usually speak to."""
        mitra = self.people[name]
        return mitra if via is None else Mitra.from_secret(self.bench.server(via), mitra.id, mitra.phone, self.recorder)

    def customer(self, name: str) -> Customer:
        customer: Customer = self.people[name]
        return customer

    def operator(self, via: str = "a") -> Operator:
        return Operator(self.bench.server(via), self.recorder)

    def name_of(self, id: str) -> str:
        return next((name for name, person in self.people.items() if person.id == id), id)

    # --- the two stores --------------------------------------------------------------------------------------

    def truth(self) -> PostgresState:
        """What Postgres holds: ids online, ids deactivated, the load of every mitra."""
        return self.bench.truth()[0]

    def truth_evidence(self) -> list[Evidence]:
        return self.bench.truth()[1]

    def mirror_state(self) -> MirrorState:
        """What Valkey holds under the contract's names: online, deactivated, capacities, heartbeats, snapshot."""
        return self.bench.mirror_state()

    def mirror_evidence(self) -> list[Evidence]:
        keys = ["mitras:online", "mitras:deactivated"]
        state = self.mirror_state()
        keys += [f"mitra:capacity:{id}" for id in state.capacities]
        keys += [f"mitra:heartbeat:{id}" for id in state.heartbeats]
        return [self.bench.mirror.describe(key) for key in keys]

    def statements(self, since: float, until: float | None = None, instance: str | None = None) -> list[SqlStatement]:
        """The statements of the backends' roles in a window, those of their driver included."""
        self.bench.statements.fence(self.bench.tables.connection)
        return [
            statement.seen()
            for statement in self.bench.statements.window(since, until or time.time())
            if statement.kind != "observer" and (instance is None or statement.instance == instance)
        ]

    def commands(self, since: float, until: float | None = None, instance: str | None = None) -> list[ValkeyCommand]:
        """The commands of the backends in a window (Valkey's clock), those inside scripts included."""
        self.bench.monitor.fence()
        return [
            c.seen()
            for c in self.bench.monitor.window(since, until or time.time())
            if c.instance is not None and (instance is None or c.instance == instance)
        ]

    def written_at(self, key: str, verbs: tuple[str, ...], member: str | None, since: float) -> float | None:
        """When a backend first wrote that key (and member) after `since`, by Valkey's clock; None if not seen.

        Without MONITOR the boxes that ask go by when they see the key changed, which is a little later.
        """
        if isinstance(self.bench.monitor, NoMonitor):
            self.weaken(
                f"how soon keys change is taken from looks at them, not from the command: {self.bench.monitor.why}"
            )
            return None
        for command in self.commands(since):
            args = command.args
            if args[0].upper() in verbs and key in args[1:] and (member is None or member in args[1:]):
                return command.at
        return None

    def log_lines(
        self, text: str, since: float, until: float | None = None, instance: str = "a"
    ) -> list[tuple[float, str]]:
        return self.bench.log(instance).lines(since=since, until=until, containing=text)

    # --- Valkey's bad days -----------------------------------------------------------------------------------

    def stop_valkey(self, how: str) -> None:
        """`killed` (the process) or `cut off` (each backend's proxy refuses); raises ValueError on another word."""
        self.bench.outage_begun()
        if how == "killed":
            self.bench.stack.valkey.kill()
        elif how == "cut off":
            for server in self.bench.servers.values():
                self.bench.stack.toxiproxy.set_enabled(server.proxy, False)
        else:
            raise ValueError(f"Valkey is stopped by being 'killed' or 'cut off', not {how!r}")
        self.stopped = how
        self.notes["valkey stopped at"] = time.time()

    def start_valkey(self) -> None:
        self.notes["valkey back from"] = time.time()
        if self.stopped == "killed":
            self.bench.stack.valkey.start()
        for server in self.bench.servers.values():
            self.bench.stack.toxiproxy.set_enabled(server.proxy, True)
        self.stopped = None
        self.notes["valkey back at"] = time.time()

    def valkey_from_both_ends(self) -> ValkeyReach:
        """Whether Valkey answers the rig directly, and whether it answers on the backend's address."""
        server = next(iter(self.bench.servers.values()))
        address, direct = ValkeyUrl.parse(server.env["VALKEY_URL"]), self.bench.stack.valkey
        return ValkeyReach(
            how=self.stopped,
            direct=treats_a_connection(direct.host, direct.port, tls=direct.facts.tls),
            through_proxy=treats_a_connection(address.host, address.port, tls=address.tls),
        )

    def await_seed(self, since: float, within_s: float = RESEED_S, instance: str = "a") -> float | None:
        """The time of the first seed line after `since`, or None when none came in time."""
        with suppress(TimeoutError):
            at, _ = self.bench.log(instance).wait_for(SEED_LINE, since, within_s)
            return at
        return None

    def close(self) -> None:
        """Undo what the scenario left undone, so that the next one starts from a healthy stack."""
        for note in self.notes.values():
            if hasattr(note, "stop"):
                with suppress(Exception):
                    note.stop()
        if self.stopped:
            self.start_valkey()
        if not self.bench.stack.postgres.alive():
            self.bench.truth_back()
        for person in self.people.values():
            with suppress(Exception):
                person.close()


def kind_of(item: str) -> str:
    return CHECKS[item].kind
