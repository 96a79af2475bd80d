"""A chaos campaign as its author declares it, and the finding of campaigns in `chaos/`, one file each."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from rig.checks.chaos.states import BACK_IN_OUTAGE, SEEDED, STATES, TWO_OPERATORS
from rig.checks.protocol.item import ITEM as PROTOCOL
from rig.errors import UsageError
from rig.faults import Fault
from rig.runs.chaos.schedule import PlannedFault, length_s, restored
from rig.traffic.background.steps import MAXIMA, Pace

CI, FULL = "ci", "full"

# Seconds. Without the periodic seed only the one after the reconnect can make the mirror right again.
WITHOUT_SEED = {"auto-offline": 1, "heartbeat-mirror": 2, "goodbye": 2}
# The periodic seed comes once in the quiet after the last fault, and leaves time in which a mitra can go silent (INV-08).
CADENCES = {**WITHOUT_SEED, "reconcile": 8}
# Short enough that a fault outlasts it: a sweep that believes old heartbeats then shows.
SETTINGS = {"stale_after_seconds": 5}
# What has to hold under any fault, with the contract's bounds and the least that must have been seen.
INVARIANTS: Mapping[str, Mapping[str, float]] = {
    "INV-01": {"quiet_s": 1.0, "reconnect_s": 5.0, "samples_min": 8},
    "INV-02": {"quiet_s": 1.0, "reconnect_s": 5.0, "samples_min": 8},
    "INV-03": {"quiet_s": 1.0, "reconnect_s": 5.0, "samples_min": 8},
    "INV-04": {"quiet_s": 1.0, "reconnect_s": 5.0, "samples_min": 8},
    "INV-05": {"ahead_s": 5.0, "samples_min": 20},
    "INV-06": {"reconnect_s": 5.0, "mirror_every_s": 2.0, "within_s": 1.0},
    "INV-07": {"stale_s": 90.0, "tolerance_s": 0.0, "pings_min": 50},
    "INV-08": {"stale_s": 90.0, "sweep_every_s": 1.0, "reconnect_s": 5.0},
    "INV-09": {"sweep_every_s": 1.0, "mirror_every_s": 2.0, "flush_s": 1.0},
    "INV-10": {"pings_min": 5},
    "INV-11": {"mirror_every_s": 2.0},
    "INV-12": {"within_s": 1.0, "partition_s": 5.0, "reconnect_s": 5.0},
    "INV-13": {"max_customers": 3},
    "INV-14": {"within_s": 1.0, "max_customers": 4, "reconnect_s": 5.0},
    "INV-15": {"reseed_s": 5.0, "empty_s": 1.0, "snapshot_s": 10.0, "max_customers": 3, "reads_min": 10},
    "INV-16": {"between_s": 9.5, "snapshot_s": 10.0, "visible_s": 1.0, "reconnect_s": 5.0},
    "INV-17": {"visible_s": 1.0, "snapshot_s": 10.0, "max_customers": 3, "reconnect_s": 5.0, "reads_min": 5},
    "INV-18": {"answer_s": 5.0, "requests_min": 20},
    "INV-19": {"rows_min": 20},
    "INV-20": {},
    "INV-21": {"goodbye_s": 2.0, "within_s": 2.0},
    "INV-22": {"within_s": 1.0, "reconnect_s": 5.0, "reconcile_s": 0.0},
    "INV-23": {"answers_min": 20, "gone_min": 3},
    "INV-24": {"alert_s": 3.0},
}

# Of an outage that lasts so long, in seconds, all readers and both sweeps must have come to know.
FELT_S = 4.0
# Of a state that must be met: the begin of quiet after a fault, and the load of a full mitra.
STATE_BOUNDS = {"reconnect_s": 5.0, "max_customers": max(MAXIMA)}
FELT = ("SEEN-01", "SEEN-02")


@dataclass(frozen=True)
class Phases:
    """How long each phase lasts, in seconds. Traffic runs in all but the drain, the fault in its own."""

    warm_up_s: float = 2.0
    baseline_s: float = 5.0
    fault_s: float = 7.0
    recovery_s: float = 9.0  # above the 5 s that a reseed may take
    drain_s: float = 4.5  # no traffic: what is wrong now stays wrong, and the last pings outlive a mirror's cycle

    @property
    def traffic_s(self) -> float:
        return self.warm_up_s + self.baseline_s + self.fault_s + self.recovery_s


@dataclass(frozen=True)
class Campaign:
    """One scenario under a schedule of faults. `checks` holds the bounds of each item that it answers."""

    name: str
    shows: str  # one sentence: what a pass proves
    strikes: tuple[PlannedFault, ...]
    checks: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: dict(INVARIANTS))
    profiles: tuple[str, ...] = (FULL,)
    instances: tuple[str, ...] = ("a", "b")
    cadences: Mapping[str, float] = field(default_factory=lambda: dict(CADENCES))  # seconds, by rig.environment.cadence
    settings: Mapping[str, int] = field(
        default_factory=lambda: dict(SETTINGS)
    )  # of `app_config`, in force before the traffic
    phases: Phases = field(default_factory=Phases)
    pace: Pace = field(default_factory=Pace)
    must_meet: tuple[str, ...] = tuple(STATES)  # in quiet, those of them that it can meet: see `states`
    must_see: tuple[str, ...] = ()  # what has to happen in it beyond what its faults bring about, or it proves nothing
    replay: tuple[str, ...] = ()  # what `rig chaos` is to be told to run it again, where that is not its name

    def plain(self) -> dict[str, Any]:
        """All that is needed to run it again, as plain JSON."""
        return {
            "name": self.name, "shows": self.shows, "instances": list(self.instances),
            "strikes": [strike.plain() for strike in self.strikes], "checks": {i: dict(b) for i, b in self.checks.items()},
            "cadences": dict(self.cadences), "settings": dict(self.settings),
            "phases": asdict(self.phases), "pace": asdict(self.pace), "must_see": list(self.must_see),
            "must_meet": list(self.must_meet),
            "replay": list(self.replay),
        }  # fmt: skip

    @property
    def faults(self) -> tuple[Fault, ...]:
        return tuple(strike.made() for strike in self.strikes)

    @property
    def intervals(self) -> dict[str, float]:
        """The cadences, with the periodic seed where a fault is healed by nothing else."""
        asked = [fault.reconcile_s for fault in self.faults if fault.reconcile_s is not None]
        own = {name: every_s for name, every_s in self.cadences.items() if name == "reconcile"}
        return {**self.cadences, **({"reconcile": min([*asked, *own.values()])} if asked else {})}

    @property
    def excused(self) -> tuple[str, ...]:
        """Items that its faults change as they must: said in the run, and not judged."""
        excused = {item for fault in self.faults for item in fault.exempt_checks}
        if not any(fault.outage for fault in self.faults):
            excused.add("INV-09")
        return tuple(item for item in self.checks if item in excused)

    @property
    def events(self) -> tuple[str, ...]:
        """What has to happen in it (rig.checks.chaos.coverage), in their order."""
        found = {event for fault in self.faults for event in fault.expects_events} | set(self.must_see)
        for strike, fault in zip(self.strikes, self.faults, strict=True):
            if self.felt(strike, fault):
                found.update(FELT)
        return tuple(sorted(found))

    @property
    def states(self) -> dict[str, dict[str, float]]:
        """The states that it must meet in quiet, with their bounds: those that one of its invariants needs and that it can meet."""
        items = set(self.checks) - set(self.excused)
        here = {
            SEEDED: "reconcile" in self.intervals,
            TWO_OPERATORS: len(self.instances) > 1,
            BACK_IN_OUTAGE: any(
                self.felt(strike, fault) for strike, fault in zip(self.strikes, self.faults, strict=True)
            ),
        }
        return {
            state: dict(STATE_BOUNDS)
            for state in self.must_meet
            if self.pace.roles and here.get(state, True) and items & set(STATES[state].judges)
        }

    @staticmethod
    def felt(strike: PlannedFault, fault: Fault) -> bool:
        """Whether it is an outage of all instances that lasts so long that every reader comes to know of it."""
        return fault.outage and length_s(strike) >= FELT_S and not (strike.hit or fault.aims)

    @property
    def judged(self) -> dict[str, dict[str, float]]:
        """The bounds of each item, with what this campaign sets in place of the defaults."""
        own = {"reconcile_s": self.intervals.get("reconcile", 0.0)}
        if "stale_after_seconds" in self.settings:
            own["stale_s"] = self.settings["stale_after_seconds"]
        excused = self.excused
        bounded = {
            item: {name: own.get(name, bound) for name, bound in bounds.items()}
            for item, bounds in self.checks.items()
            if item not in excused
        }
        return bounded | {PROTOCOL: {}} | {event: {} for event in self.events} | self.states


def restored_campaign(plain: Mapping[str, Any]) -> Campaign:
    """From `plain()`, after a way through JSON. UsageError names what is missing or not known."""
    try:
        return Campaign(
            name=plain["name"],
            shows=plain["shows"],
            strikes=tuple(map(restored, plain["strikes"])),
            checks=plain.get("checks", INVARIANTS),
            instances=tuple(plain["instances"]),
            cadences=plain.get("cadences", WITHOUT_SEED),
            settings=plain.get("settings", SETTINGS),
            phases=Phases(**plain.get("phases", {})),
            pace=Pace(**{"roles": "pace" not in plain, **plain.get("pace", {})}),  # earlier versions had no roles
            must_see=tuple(plain.get("must_see", ())),
            must_meet=tuple(plain.get("must_meet", ())),
            replay=tuple(plain.get("replay", ())),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"no schedule of a campaign: {type(error).__name__}: {error}") from None
