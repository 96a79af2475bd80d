"""What a scenario's steps work with: people, backends, stores, and the answering of boxes."""

import random
import time
from contextlib import suppress
from typing import Any, cast

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
from rig.record.lines.base import Number
from rig.record.lines.checklist import Observation, StepError
from rig.record.lines.common import Person, Weakness
from rig.record.observations.parts import MirrorState, PostgresState, Seen, SqlStatement, ValkeyCommand, ValkeyReach
from rig.runs.checklist.observation import ANSWERS, Observed
from rig.stores.urls import ValkeyUrl
from rig.traffic import Customer, Mitra, Operator
from rig.waiting import poll_until


class World:
    """What the steps of one scenario use to act, to observe and to record."""

    def __init__(self, testbed: Testbed, recorder: RecordWriter, scenario: str, variant: str, attempt: int) -> None:
        self.testbed, self.recorder = testbed, recorder
        self.scenario, self.variant, self.attempt = scenario, variant, attempt
        self.cadence: Cadence = testbed.cadence
        self.rng = random.Random(f"{testbed.random_seed}/{scenario}/{variant}")
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
        started = time.time()

        def observe() -> tuple[Observed, dict[str, Any], Judgement, StepError | None]:
            observed, facts = Observed(Seen()), {}
            try:
                observed = declared.function(self)
                facts = observed.facts()
                return observed, facts, judge_seen(item, facts, observed.bounds, self.testbed.level), None
            except Exception as failure:  # it is saved as the answer, and the run goes on
                error = self.testbed.classify_failure(failure)
                return observed, facts, Judgement(Verdict(error.verdict), error.message), error

        observed, facts, judgement, error = poll_until(
            observe, within_s, until=lambda tried: tried[2].verdict is Verdict.PASSED or tried[3]
        )
        ended = time.time()
        if judgement.verdict is Verdict.FAILED:
            observed.evidence += self._logs_without(observed.evidence)
        facts["lag_s"] = self._lag_s(self.acted, ended)
        if not error:
            judgement = judge_seen(item, facts, observed.bounds, self.testbed.level)
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
                bounds=cast(dict[str, Number], observed.bounds),
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
        """If the step acts, the rig's lag counts from now on: later steps observe its effect."""
        if acts:
            self.acted = time.time()

    def step_fails(self, failure: Exception) -> None:
        """If the rig itself was held up during the step, the scenario is tried again."""
        lag_s = self._lag_s(self.acted, time.time())
        if lag_s > LAG_VOID_S:
            self.voids.append(f"the rig itself stood still for {lag_s:.2f} s")

    def _lag_s(self, since: float, until: float) -> float:
        return round(self.testbed.lag.worst(since, until), 3)

    def _logs_without(self, shown: list[Evidence]) -> list[Evidence]:
        """The last lines of each backend, if a line was looked for and not found."""
        if not any(each["kind"] == "log" and each.get("looked_for") and not each["lines"] for each in shown):
            return []
        tails = {name: self.testbed.log(name).tail() for name in self.testbed.servers}
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
        """Record what weakens the verdict of this run."""
        self.recorder.add(Weakness(t=time.time(), text=text, scenario=self.scenario))

    # --- people ----------------------------------------------------------------------------------------------

    def add_mitra(self, name: str, *, active: bool = True, online: bool | None = False, via: str = "a") -> Mitra:
        """A mitra by name: the row is planted; `online` is planted too, so the mirror learns it at its next seed.

        None: she has no row of online status, as she has never toggled.
        """
        row = self.testbed.fixtures.mitra(name=name, active=active, online=bool(online), toggled=online is not None)
        self._record_person(row.id, name, "mitra")
        mitra = sign_in(Mitra, self.testbed.server(via), row, self.recorder, active=active)
        self.people[name] = mitra
        return mitra

    def add_customer(self, name: str, via: str = "a") -> Customer:
        row = self.testbed.fixtures.customer(name=name)
        self._record_person(row.id, name, "customer")
        customer = sign_in(Customer, self.testbed.server(via), row, self.recorder)
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
        return (
            mitra if via is None else Mitra.from_secret(self.testbed.server(via), mitra.id, mitra.phone, self.recorder)
        )

    def customer(self, name: str) -> Customer:
        customer: Customer = self.people[name]
        return customer

    def operator(self, via: str = "a") -> Operator:
        return Operator(self.testbed.server(via), self.recorder)

    def name_of(self, id: str) -> str:
        return next((name for name, person in self.people.items() if person.id == id), id)

    # --- the two stores --------------------------------------------------------------------------------------

    def truth(self) -> PostgresState:
        """What Postgres holds: ids online, ids deactivated, the load of every mitra."""
        return self.testbed.truth()[0]

    def truth_evidence(self) -> list[Evidence]:
        return self.testbed.truth()[1]

    def mirror_state(self) -> MirrorState:
        """What Valkey holds under the contract's names: online, deactivated, capacities, heartbeats, snapshot."""
        return self.testbed.mirror_state()

    def mirror_evidence(self) -> list[Evidence]:
        keys = ["mitras:online", "mitras:deactivated"]
        state = self.mirror_state()
        keys += [f"mitra:capacity:{id}" for id in state.capacities]
        keys += [f"mitra:heartbeat:{id}" for id in state.heartbeats]
        return [self.testbed.mirror.describe(key) for key in keys]

    def statements(self, since: float, until: float | None = None, instance: str | None = None) -> list[SqlStatement]:
        """The statements of the backends' roles in a window, those of their driver included."""
        self.testbed.statements.fence(self.testbed.tables.connection)
        return [
            statement.seen()
            for statement in self.testbed.statements.window(since, until or time.time())
            if statement.kind != "observer" and (instance is None or statement.instance == instance)
        ]

    def commands(self, since: float, until: float | None = None, instance: str | None = None) -> list[ValkeyCommand]:
        """The commands of the backends in a window (Valkey's clock), those inside scripts included."""
        self.testbed.monitor.fence()
        return [
            c.seen()
            for c in self.testbed.monitor.window(since, until or time.time())
            if c.instance is not None and (instance is None or c.instance == instance)
        ]

    def written_at(self, key: str, verbs: tuple[str, ...], member: str | None, since: float) -> float | None:
        """When a backend first wrote that key (and member) after `since`, by Valkey's clock; None if not seen.

        Without MONITOR the boxes that ask go by when they see the key changed, which is a little later.
        """
        if isinstance(self.testbed.monitor, NoMonitor):
            self.weaken(
                f"how soon keys change is taken from looks at them, not from the command: {self.testbed.monitor.why}"
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
        return self.testbed.log(instance).lines(since=since, until=until, containing=text)

    # --- outages of Valkey -----------------------------------------------------------------------------------

    def stop_valkey(self, how: str) -> None:
        """`killed` (the process) or `cut off` (each backend's proxy refuses); raises ValueError on another word."""
        self.testbed.outage_begun()
        if how == "killed":
            self.testbed.stack.valkey.kill()
        elif how == "cut off":
            for server in self.testbed.servers.values():
                self.testbed.stack.toxiproxy.set_enabled(server.proxy, False)
        else:
            raise ValueError(f"Valkey is stopped by being 'killed' or 'cut off', not {how!r}")
        self.stopped = how
        self.notes["valkey stopped at"] = time.time()

    def start_valkey(self) -> None:
        self.notes["valkey back from"] = time.time()
        if self.stopped == "killed":
            self.testbed.stack.valkey.start()
        for server in self.testbed.servers.values():
            self.testbed.stack.toxiproxy.set_enabled(server.proxy, True)
        self.stopped = None
        self.notes["valkey back at"] = time.time()

    def valkey_from_both_ends(self) -> ValkeyReach:
        """Whether Valkey answers the rig directly, and whether it answers on the backend's address."""
        server = next(iter(self.testbed.servers.values()))
        address, direct = ValkeyUrl.parse(server.env["VALKEY_URL"]), self.testbed.stack.valkey
        return ValkeyReach(
            how=self.stopped,
            direct=treats_a_connection(direct.host, direct.port, tls=direct.facts.tls),
            through_proxy=treats_a_connection(address.host, address.port, tls=address.tls),
        )

    def await_seed(self, since: float, within_s: float = RESEED_S, instance: str = "a") -> float | None:
        """The time of the first seed line after `since`, or None when none came in time."""
        with suppress(TimeoutError):
            at, _ = self.testbed.log(instance).wait_for(SEED_LINE, since, within_s)
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
        if not self.testbed.stack.postgres.alive():
            self.testbed.truth_back()
        for person in self.people.values():
            with suppress(Exception):
                person.close()


def kind_of(item: str) -> str:
    return CHECKS[item].kind
